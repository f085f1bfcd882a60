//! A turn of a conversation: who speaks, and what they say.

use crate::protocol::content::{
    Blob, CodeExecutionResult, ExecutableCode, FileData, FunctionCall, FunctionResponse, Part,
};
use crate::protocol::files::File;

message! {
    /// One turn of a conversation: who speaks, and what they say.
    ///
    /// Whatever can be said turns into one: text, parts, an image, the answer of a function, and lists
    /// of them. The speaker stays open until it is known; a chat fills it in.
    ///
    /// ```
    /// use generativeai::protocol::content::{Blob, Content, Part, Role};
    ///
    /// let question = Content::from("How tall is Ben Nevis?");
    /// assert_eq!(question.role, None);
    ///
    /// let picture = Blob::new("image/png", [0x89, b'P', b'N', b'G']);
    /// let content = Content::user([Part::text("What is this?"), picture.into()]);
    /// assert_eq!(content.role, Some(Role::User));
    /// assert_eq!(content.parts.len(), 2);
    /// ```
    pub struct Content {
        /// Who speaks. A system instruction has no speaker.
        pub role: Option<Role>,
        /// What is said, in order.
        pub parts: Vec<Part>,
    }
}

open_enum! {
    /// Who speaks.
    pub enum Role {
        ;
        /// The person, or the program that speaks for them; also the answers of functions.
        User = "user",
        /// The model.
        Model = "model",
        /// The answer of a function, as older conversations have it.
        Function = "function",
        /// A system instruction, as some programs mark it.
        System = "system",
    }
}

impl Content {
    /// What the user says.
    pub fn user(content: impl Into<Self>) -> Self {
        content.into().role(Role::User)
    }

    /// What the model says.
    pub fn model(content: impl Into<Self>) -> Self {
        content.into().role(Role::Model)
    }

    /// Says who speaks, if nobody is named.
    pub(crate) fn fill_role(&mut self, role: Role) {
        if !self.has_role() {
            self.role = Some(role);
        }
    }

    /// Whether somebody is named who speaks.
    pub(crate) fn has_role(&self) -> bool {
        let role = self.role.as_ref();
        role.is_some_and(|role| !role.as_str().is_empty())
    }
}

setters!(Content {
    into role: Role,
    list parts: Part,
});

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

/// A part with nothing in it makes a content without parts.
impl From<Part> for Content {
    fn from(part: Part) -> Self {
        let parts = if part == Part::default() {
            Vec::new()
        } else {
            vec![part]
        };
        Self {
            parts,
            ..Self::default()
        }
    }
}

/// An empty text makes a content without parts.
impl From<String> for Content {
    fn from(text: String) -> Self {
        let parts = if text.is_empty() {
            Vec::new()
        } else {
            vec![text.into()]
        };
        Self {
            parts,
            ..Self::default()
        }
    }
}

/// An empty text makes a content without parts.
impl From<&str> for Content {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// An empty text makes a content without parts.
impl From<&String> for Content {
    fn from(text: &String) -> Self {
        text.clone().into()
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
    fn whatever_can_be_said_turns_into_content() {
        let text = json!({"parts": [{"text": "a"}]});

        assert_eq!(json!(Content::from("a")), text);
        assert_eq!(json!(Content::from(String::from("a"))), text);
        assert_eq!(json!(Content::from(&String::from("a"))), text);
        assert_eq!(json!(Content::from(["a"])), text);
        assert_eq!(json!(Content::from(vec!["a"])), text);
        assert_eq!(json!(Content::from(&[Part::text("a")][..])), text);
        assert_eq!(json!(Content::from(Part::text("a"))), text);
    }

    #[test]
    fn answers_of_functions_turn_into_one_content() {
        let answers = ["a", "b"].map(|name| FunctionResponse::new(name, json!({"ok": true})));

        let content = Content::from(answers.to_vec());

        assert_eq!(content.parts.len(), 2);
        assert_eq!(content.role, None);
    }

    #[test]
    fn a_file_is_named_by_where_it_is() {
        let file = json!({"name": "files/1", "uri": "https://x/1", "mimeType": "a/b"});
        let file: File = serde_json::from_value(file).expect("a file");

        let data = json!({"fileData": {"fileUri": "https://x/1", "mimeType": "a/b"}});
        assert_eq!(
            json!(Content::user(file)),
            json!({"role": "user", "parts": [data]})
        );
    }
}
