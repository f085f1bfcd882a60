//! A message of a conversation: a role and its parts.

use std::borrow::Cow;

use crate::protocol::content::{
    Blob, CodeExecutionResult, ExecutableCode, FileData, FunctionCall, FunctionResponse, Part,
};
use crate::protocol::files::File;

message! {
    /// Message of a conversation: a role and a list of parts.
    ///
    /// Text, parts, media, function responses and lists of them convert into a content, so methods that
    /// take `impl Into<Content>` accept all of these. Such a content has no role; a chat sets `user`.
    /// To write a history yourself, use [`user`](Self::user) and [`model`](Self::model), which set the role.
    ///
    /// ```
    /// use generativeai::protocol::content::{Blob, Content, Part, Role};
    ///
    /// let question = Content::from("How tall is Ben Nevis?");
    /// assert_eq!(question.role, None);
    ///
    /// let image = Blob::new("image/png", [0x89, b'P', b'N', b'G']);
    /// let content = Content::user([Part::text("Which mountain is it?"), image.into()]);
    /// assert_eq!(content.role, Some(Role::User));
    /// assert_eq!(content.parts.len(), 2);
    /// ```
    pub struct Content {
        /// Author of the message. Absent from a system instruction.
        pub role: Option<Role> => into Role,
        /// Parts of the message, in order. The service refuses a content without parts.
        pub parts: Vec<Part> => list Part,
    }
}

open_enum! {
    /// Author of a message.
    ///
    /// The API has two roles, `user` and `model`. Histories written by other SDKs may have other roles; they
    /// are read, and [`ChatSession::check`](crate::ChatSession::check) reports those that the API would reject.
    ///
    /// ```
    /// use generativeai::protocol::content::{Content, Role};
    ///
    /// let history = [Content::user("Hello"), Content::model("Hello! How can I help?")];
    /// let replies = history.iter().filter(|content| content.role == Some(Role::Model));
    /// assert_eq!(replies.count(), 1);
    /// ```
    pub enum Role {
        ;
        /// The user, or the program that acts for the user. Function responses also have this role.
        User = "user",
        /// The model.
        Model = "model",
        /// A function response in conversations of older SDKs. Current models use [`User`](Self::User).
        Function = "function",
        /// A system instruction in conversations of some programs. The Gemini API expects it in
        /// [`system_instruction`](crate::protocol::request::GenerateContentRequest::system_instruction).
        System = "system",
    }
}

impl Content {
    /// Creates a message of the user.
    pub fn user(content: impl Into<Self>) -> Self {
        content.into().role(Role::User)
    }

    /// Creates a message of the model.
    pub fn model(content: impl Into<Self>) -> Self {
        content.into().role(Role::Model)
    }

    /// Returns the text parts, concatenated. Thoughts and parts of other kinds are left out.
    ///
    /// ```
    /// use generativeai::protocol::content::{Content, Part};
    ///
    /// let content = Content::model([Part::text("Hm.").thought(true), Part::text("1,345 m")]);
    /// assert_eq!(content.text(), "1,345 m");
    /// ```
    pub fn text(&self) -> String {
        let parts = self.parts.iter().filter(|part| !part.is_thought());
        parts.filter_map(Part::as_text).collect()
    }

    /// Removes the parts that a history must not contain.
    ///
    /// - Parts without data are removed: the service refuses a request with one.
    /// - Parts of the model without content are removed. If no part of a reply has content, its empty texts stay.
    ///
    /// A part with a thought signature stays, since the service may require the signature.
    pub(crate) fn remove_empty_parts(&mut self) {
        self.parts.retain(Part::has_data);
        if self.role == Some(Role::Model) {
            let has_content = self.parts.iter().any(Part::has_content);
            let is_text = |part: &Part| part.as_text().is_some();
            self.parts
                .retain(|part| part.has_content() || !has_content && is_text(part));
        }
    }

    /// Returns whether the content has neither parts nor unknown members.
    ///
    /// A message in the format of another API consists of unknown members. It is not empty, so that it stays in the
    /// history, where [`ChatSession::check`](crate::ChatSession::check) reports it.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.unknown.is_empty()
    }

    /// Describes the mistake of a message in the format of another API, such as OpenAI's `content` instead of `parts`.
    /// `None` for other contents.
    pub(crate) fn foreign_format(&self) -> Option<String> {
        let (name, _) = self.unknown.iter().next()?;
        self.parts.is_empty().then(|| {
            format!(
                "has no `parts`, but the unknown member `{name}`: write `{{\"role\": \"user\", \"parts\": [{{\"text\": \"…\"}}]}}`"
            )
        })
    }

    /// Sets the role if there is none.
    pub(crate) fn fill_role(&mut self, role: Role) {
        if !self.has_role() {
            self.role = Some(role);
        }
    }

    /// Returns whether the content has a role. An empty role is treated as absent.
    pub(crate) fn has_role(&self) -> bool {
        let role = self.role.as_ref();
        role.is_some_and(|role| !role.as_str().is_empty())
    }
}

impl<P: Into<Part>> From<Vec<P>> for Content {
    fn from(parts: Vec<P>) -> Self {
        Self::default().parts(parts)
    }
}

impl<P: Into<Part>, const N: usize> From<[P; N]> for Content {
    fn from(parts: [P; N]) -> Self {
        Self::default().parts(parts)
    }
}

impl<P: Into<Part> + Clone> From<&[P]> for Content {
    fn from(parts: &[P]) -> Self {
        Self::default().parts(parts.iter().cloned())
    }
}

/// Clones the content.
impl From<&Content> for Content {
    fn from(content: &Content) -> Self {
        content.clone()
    }
}

/// Converts an empty part into a content without parts, which is refused before it is sent.
impl From<Part> for Content {
    fn from(part: Part) -> Self {
        Self::default().parts(Some(part).filter(|part| *part != Part::default()))
    }
}

/// Converts an empty text into a content without parts, which is refused before it is sent.
impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::default().parts(Some(text).filter(|text| !text.is_empty()))
    }
}

/// Converts an empty text into a content without parts, which is refused before it is sent.
impl From<&str> for Content {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Converts an empty text into a content without parts, which is refused before it is sent.
impl From<&String> for Content {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

/// Converts an empty text into a content without parts, which is refused before it is sent.
impl From<Cow<'_, str>> for Content {
    fn from(text: Cow<'_, str>) -> Self {
        text.into_owned().into()
    }
}

macro_rules! one_part {
    ($($type:ty),*) => {
        $(impl From<$type> for Content {
            fn from(part: $type) -> Self {
                Self { parts: vec![part.into()], ..Self::default() }
            }
        })*
    };
}

one_part!(
    Blob,
    FileData,
    File,
    FunctionCall,
    FunctionResponse,
    ExecutableCode,
    CodeExecutionResult
);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_and_parts_convert_into_content() {
        let text = json!({"parts": [{"text": "a"}]});

        assert_eq!(json!(Content::from("a")), text);
        assert_eq!(json!(Content::from(String::from("a"))), text);
        assert_eq!(json!(Content::from(&String::from("a"))), text);
        assert_eq!(json!(Content::from(Cow::Borrowed("a"))), text);
        assert_eq!(json!(Content::from(["a"])), text);
        assert_eq!(json!(Content::from(vec!["a"])), text);
        assert_eq!(json!(Content::from(&[Part::text("a")][..])), text);
        assert_eq!(json!(Content::from(Part::text("a"))), text);
    }

    #[test]
    fn function_responses_convert_into_one_content() {
        let responses = ["a", "b"].map(|name| FunctionResponse::new(name, json!({"ok": true})));

        let content = Content::from(responses.to_vec());

        assert_eq!(content.parts.len(), 2);
        assert_eq!(content.role, None);
    }

    #[test]
    fn a_file_converts_into_a_reference_to_its_uri() {
        let file = json!({"name": "files/1", "uri": "https://x/1", "mimeType": "a/b"});
        let file: File = serde_json::from_value(file).expect("a file");

        let data = json!({"fileData": {"fileUri": "https://x/1", "mimeType": "a/b"}});
        assert_eq!(
            json!(Content::user(file)),
            json!({"role": "user", "parts": [data]})
        );
    }
}
