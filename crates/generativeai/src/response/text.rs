//! Parts and text of a reply, and the errors for a reply without them.
//!
//! Code that the model ran becomes a fenced block. Its format, such as the blank before the language, is that of
//! Python's `google-generativeai`, with which the conformance tests compare it.

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{
    CodeExecutionResult, Data, ExecutableCode, Language, Outcome, Part,
};
use crate::protocol::response::{Candidate, GenerateContentResponse};

impl GenerateContentResponse {
    /// Returns the parts of the only candidate. The list is empty if it has no content.
    ///
    /// Useful for replies with images, files or function calls. A request has one candidate unless
    /// [`candidate_count`](crate::protocol::config::GenerationConfig::candidate_count) is set.
    ///
    /// ```
    /// use generativeai::protocol::content::{Blob, Content, Part};
    /// use generativeai::protocol::response::GenerateContentResponse;
    ///
    /// let image = Part::from(Blob::new("image/png", [0x89, b'P', b'N', b'G']));
    /// let response = GenerateContentResponse::from(Content::model([Part::text("Here it is:"), image]));
    /// let images = response.parts()?.iter().filter_map(Part::as_inline_data);
    /// assert_eq!(images.count(), 1);
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Blocked`](ErrorKind::Blocked) if the prompt was blocked, [`Empty`](ErrorKind::Empty) if there is
    /// no candidate, [`Request`](ErrorKind::Request) if there are several.
    pub fn parts(&self) -> Result<&[Part]> {
        Ok(self.only_candidate()?.parts())
    }

    /// Returns the text of the only candidate: its text parts, concatenated.
    ///
    /// Code that the model ran, and its output, are included as fenced code blocks. Thoughts and the
    /// calls of built-in tools are left out.
    ///
    /// A chunk of a stream may have no text, or a function call next to it. Both are errors here: use
    /// [`text_lossy`](Self::text_lossy) for a chunk.
    ///
    /// To show any reply, print it: [`Display`](std::fmt::Display) writes the text, and names in brackets for the parts
    /// that are not text. To deserialize a JSON reply, use [`json`](Self::json).
    ///
    /// ```
    /// use generativeai::ErrorKind;
    /// use generativeai::protocol::content::{CodeExecutionResult, Content, ExecutableCode, FunctionCall, Part};
    /// use generativeai::protocol::response::GenerateContentResponse;
    ///
    /// let parts: [Part; 4] = [
    ///     Part::text("I add the numbers.").thought(true),
    ///     ExecutableCode::default().language("PYTHON").code("print(1 + 2)").into(),
    ///     CodeExecutionResult::default().outcome("OUTCOME_OK").output("3").into(),
    ///     Part::text("The sum is 3."),
    /// ];
    /// let response = GenerateContentResponse::from(Content::model(parts));
    /// assert_eq!(response.text()?, "``` python\nprint(1 + 2)\n```\n```\n3\n```\nThe sum is 3.");
    ///
    /// let call = FunctionCall::new("height", Default::default());
    /// let response = GenerateContentResponse::from(Content::model(call));
    /// assert_eq!(response.text().unwrap_err().kind(), ErrorKind::Request);
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`parts`](Self::parts). For a reply without any data, [`Stopped`](ErrorKind::Stopped) with the
    /// finish reason, or [`Empty`](ErrorKind::Empty). For a part that is not text, such as a function call or an image,
    /// [`Request`](ErrorKind::Request).
    ///
    /// A reply that has text is not an error here, even if the service stopped it before its end: see
    /// [`finish_reason`](Self::finish_reason).
    pub fn text(&self) -> Result<String> {
        let candidate = self.only_candidate()?;
        // Services also send parts that are empty, or that have nothing but a thought signature. They are skipped.
        let mut parts = candidate
            .parts()
            .iter()
            .filter(|part| part.has_data() && part.kind().is_some())
            .peekable();
        if parts.peek().is_none() {
            let error = match &candidate.finish_reason {
                Some(reason) if reason.is_stop() => self.stopped_error(reason),
                _ => self.empty_error(),
            };
            return Err(error.with_response(self.clone()));
        }
        let mut text = Text::default();
        for part in parts.filter(|part| !part.is_thought()) {
            if !text.add(part) {
                return Err(not_text(part));
            }
        }
        Ok(text.written)
    }

    /// Returns the text of the first candidate without its other parts, such as function calls and images.
    ///
    /// Unlike [`text`](Self::text) it does not fail, so it suits the chunks of a stream. It is empty for a chunk
    /// without text.
    ///
    /// ```
    /// use generativeai::protocol::content::{Content, FunctionCall, Part};
    /// use generativeai::protocol::response::GenerateContentResponse;
    ///
    /// let call = FunctionCall::new("height", Default::default());
    /// let chunk = GenerateContentResponse::from(Content::model([Part::text("Let me see."), call.into()]));
    /// assert_eq!(chunk.text_lossy(), "Let me see.");
    /// assert_eq!(GenerateContentResponse::default().text_lossy(), "");
    /// ```
    pub fn text_lossy(&self) -> String {
        let mut text = Text::default();
        for part in self.first_parts().iter().filter(|part| !part.is_thought()) {
            text.add(part);
        }
        text.written
    }

    /// Returns the only candidate.
    ///
    /// # Errors
    /// The prompt was blocked, or there is not exactly one candidate.
    fn only_candidate(&self) -> Result<&Candidate> {
        match self.candidates.as_slice() {
            [only] => Ok(only),
            [] if self.is_blocked() => Err(self.blocked_error().with_response(self.clone())),
            [] => Err(self.empty_error().with_response(self.clone())),
            several => Err(Error::new(
                ErrorKind::Request,
                format!(
                    "the response has {} candidates: choose one of `candidates`",
                    several.len()
                ),
            )),
        }
    }
}

/// Text that is assembled from parts. Fenced code blocks start on a new line.
#[derive(Default)]
pub(super) struct Text {
    pub(super) written: String,
    ends_in_block: bool,
}

impl Text {
    /// Adds a part if it is text or code, and returns whether it is. Calls of built-in tools, such as a search, count
    /// as text without characters: the service ran them.
    pub(super) fn add(&mut self, part: &Part) -> bool {
        match &part.data {
            Some(Data::Text(text)) => self.add_text(text),
            Some(Data::ExecutableCode(code)) => self.add_code(code),
            Some(Data::CodeExecutionResult(result)) => self.add_result(result),
            Some(Data::ToolCall(_) | Data::ToolResponse(_)) => {}
            _ => return false,
        }
        true
    }

    fn add_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        // In Markdown the closing fence has to be alone on its line.
        if self.ends_in_block && !text.starts_with('\n') {
            self.written.push('\n');
        }
        self.written.push_str(text);
        self.ends_in_block = false;
    }

    /// Adds the name of a part that is not text.
    pub(super) fn add_name(&mut self, name: &str) {
        let is_apart = self.written.is_empty() || self.written.ends_with(char::is_whitespace);
        self.add_text(if is_apart { "" } else { " " });
        self.add_text(name);
    }

    fn add_code(&mut self, code: &ExecutableCode) {
        let language = match &code.language {
            None | Some(Language::Unspecified) => String::new(),
            Some(language) => language.as_str().to_lowercase(),
        };
        let lines = code.code.as_deref().unwrap_or_default();
        self.add_block(&language, lines.trim_start_matches('\n'));
    }

    fn add_result(&mut self, result: &CodeExecutionResult) {
        let outcome = match &result.outcome {
            None | Some(Outcome::Unspecified | Outcome::Ok) => String::new(),
            Some(outcome) => outcome
                .as_str()
                .trim_start_matches("OUTCOME_")
                .to_lowercase(),
        };
        self.add_block(&outcome, result.output.as_deref().unwrap_or_default());
    }

    fn add_block(&mut self, label: &str, lines: &str) {
        if !self.written.is_empty() && !self.written.ends_with('\n') {
            self.written.push('\n');
        }
        let space = if label.is_empty() { "" } else { " " };
        self.written
            .push_str(&format!("```{space}{label}\n{lines}\n```"));
        self.ends_in_block = true;
    }
}

fn not_text(part: &Part) -> Error {
    let message = match part.as_function_call() {
        Some(call) => format!(
            "the reply contains a `functionCall` of `{}`, not text: answer it, call functions automatically \
             with `automatic_function_calling(true)` of a chat, or `decide` if the call waits for approval \
             (see `guide::tools`)",
            call.name()
        ),
        None => {
            let kind = part.kind().unwrap_or("data");
            format!("the reply contains `{kind}`, not text: see `parts`")
        }
    };
    Error::new(ErrorKind::Request, message)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn reply(parts: Value) -> GenerateContentResponse {
        let candidate = json!({"content": {"role": "model", "parts": parts}});
        serde_json::from_value(json!({"candidates": [candidate]})).expect("a response")
    }

    fn kind_and_message(response: &GenerateContentResponse) -> (ErrorKind, String) {
        let error = response.text().unwrap_err();
        (error.kind(), error.to_string())
    }

    #[test]
    fn text_parts_are_concatenated() {
        let response =
            reply(json!([{"text": "a\n"}, {"text": ""}, {"text": "\nb"}, {"text": "c"}]));

        assert_eq!(response.text().expect("text"), "a\n\nbc");
    }

    #[test]
    fn thoughts_are_left_out_of_the_text() {
        let response = reply(json!([{"text": "Hm", "thought": true}, {"text": "42"}]));

        assert_eq!(response.text().expect("text"), "42");
        assert_eq!(response.thoughts(), "Hm");
    }

    #[test]
    fn text_lossy_leaves_out_what_is_not_text() {
        let mut response = reply(json!([
            {"text": "Hm", "thought": true},
            {"text": "Let me see."},
            {"functionCall": {"name": "height"}},
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
            {},
            {"executableCode": {"code": "1"}},
        ]));
        assert_eq!(response.text_lossy(), "Let me see.\n```\n1\n```");
        assert_eq!(response.text().unwrap_err().kind(), ErrorKind::Request);

        response.candidates.push(Candidate::default());
        assert_eq!(response.text_lossy(), "Let me see.\n```\n1\n```");
        response.candidates.clear();
        assert_eq!(response.text_lossy(), "");
    }

    /// Row 1 of tests/field.md.
    #[test]
    fn parts_without_data_are_skipped() {
        let empty = [
            json!({}),
            json!({"text": null}),
            json!({"thoughtSignature": "c2ln"}),
            json!({"functionCall": {}}),
        ];
        for empty in empty {
            let beside = reply(json!([{"text": "a"}, empty, {"text": "b"}]));
            assert_eq!(beside.text().expect("text"), "ab");
            let (kind, message) = kind_and_message(&reply(json!([empty])));
            assert_eq!(kind, ErrorKind::Empty);
            assert!(message.contains("no content"), "{message}");
        }
        assert_eq!(reply(json!([{"text": ""}])).text().expect("text"), "");
    }

    #[test]
    fn code_and_its_output_are_fenced_blocks() {
        let response = reply(json!([
            {"text": "Let me run it."},
            {"executableCode": {"language": "PYTHON", "code": "\n\nprint(6*7)"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42\n"}},
            {"text": "It is 42."},
        ]));

        assert_eq!(
            response.text().expect("text"),
            "Let me run it.\n``` python\nprint(6*7)\n```\n```\n42\n\n```\nIt is 42."
        );
    }

    #[test]
    fn the_output_of_failed_code_is_labelled() {
        let failed = json!([{"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "x"}}]);

        assert_eq!(reply(failed).text().expect("text"), "``` failed\nx\n```");
        let empty = reply(json!([{"codeExecutionResult": {}}]));
        assert_eq!(empty.text().expect("text"), "```\n\n```");
    }

    #[test]
    fn an_error_names_a_part_that_is_not_text() {
        for (part, name) in [
            (json!({"functionCall": {"name": "add"}}), "`functionCall`"),
            (
                json!({"inlineData": {"mimeType": "image/png"}}),
                "`inlineData`",
            ),
            (json!({"hologram": {}}), "`hologram`"),
        ] {
            let (kind, message) = kind_and_message(&reply(json!([{"text": "a"}, part])));
            assert_eq!(kind, ErrorKind::Request);
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn the_error_for_a_reply_without_parts_names_the_finish_reason() {
        for (reason, kind) in [
            ("STOP", ErrorKind::Empty),
            ("MAX_TOKENS", ErrorKind::Empty),
            ("SAFETY", ErrorKind::Stopped),
            ("A_NEW_ONE", ErrorKind::Stopped),
        ] {
            let mut response = reply(json!([]));
            response.candidates[0].finish_reason = Some(reason.into());
            let (found, message) = kind_and_message(&response);
            assert_eq!(found, kind, "{reason}");
            assert!(message.contains(reason), "{message}");
        }
        assert_eq!(kind_and_message(&reply(json!([]))).0, ErrorKind::Empty);
    }

    #[test]
    fn the_error_for_a_response_without_one_candidate_describes_the_response() {
        for (answer, kind, named) in [
            (json!({}), ErrorKind::Empty, "no candidate"),
            (json!({"usageMetadata": {}}), ErrorKind::Empty, "usage"),
            (
                json!({"promptFeedback": {}}),
                ErrorKind::Empty,
                "no candidate",
            ),
            (
                json!({"promptFeedback": {"blockReason": "SAFETY"}}),
                ErrorKind::Blocked,
                "SAFETY",
            ),
            (
                json!({"promptFeedback": {"blockReasonMessage": "too hot"}}),
                ErrorKind::Blocked,
                "blocked: too hot",
            ),
            (
                json!({"promptFeedback": {"blockReason": "", "blockReasonMessage": "too hot"}}),
                ErrorKind::Blocked,
                "blocked: too hot",
            ),
            (
                json!({"promptFeedback": {"blockReason": "", "blockReasonMessage": ""}}),
                ErrorKind::Empty,
                "no candidate",
            ),
            (
                json!({"promptFeedback": {"blockReason": "A_NEW_ONE"}}),
                ErrorKind::Blocked,
                "A_NEW_ONE",
            ),
            (
                json!({"candidates": [{}, {}]}),
                ErrorKind::Request,
                "2 candidates",
            ),
        ] {
            let response = serde_json::from_value(answer).expect("an answer");
            let (found, message) = kind_and_message(&response);
            assert_eq!(found, kind, "{message}");
            assert!(message.contains(named), "{message}");
            assert_eq!(response.parts().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn an_error_contains_the_response() {
        let mut response = reply(json!([]));
        response.candidates[0].finish_reason = Some("SAFETY".into());

        let error = response.text().unwrap_err();

        assert_eq!(error.response(), Some(&response));
        assert!(response.parts().expect("no parts").is_empty());
    }
}
