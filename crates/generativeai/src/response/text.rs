//! The text of a reply, or why it has none.

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{
    CodeExecutionResult, Data, ExecutableCode, Language, Outcome, Part,
};
use crate::protocol::response::{Candidate, GenerateContentResponse};

impl GenerateContentResponse {
    /// The parts of the one reply; none if it has no content.
    ///
    /// # Errors
    ///
    /// [`Blocked`](ErrorKind::Blocked) if the prompt was, [`Empty`](ErrorKind::Empty) if there is no
    /// reply, [`Request`](ErrorKind::Request) if there are several.
    pub fn parts(&self) -> Result<&[Part]> {
        Ok(self.only_candidate()?.parts())
    }

    /// The text of the one reply: its text parts in order, as they are.
    ///
    /// Code the model ran and what it printed stand in fenced blocks on lines of their own. Thoughts
    /// and the calls of the service's own tools are left out.
    ///
    /// Meant for whole replies. A chunk of a stream may have no text; there, use
    /// `text().unwrap_or_default()`.
    ///
    /// # Errors
    ///
    /// The same as [`parts`](Self::parts); and if there are no parts,
    /// [`Stopped`](ErrorKind::Stopped) when the finish reason tells why, else
    /// [`Empty`](ErrorKind::Empty); and [`Request`](ErrorKind::Request) if a part is not text.
    pub fn text(&self) -> Result<String> {
        let candidate = self.only_candidate()?;
        if candidate.parts().is_empty() {
            let error = match &candidate.finish_reason {
                Some(reason) if reason.is_stop() => self.stopped(reason),
                _ => self.empty(),
            };
            return Err(error.with_response(self.clone()));
        }
        let mut text = Text::default();
        for part in candidate.parts().iter().filter(|part| !part.is_thought()) {
            text.add(part)?;
        }
        Ok(text.written)
    }

    fn only_candidate(&self) -> Result<&Candidate> {
        match self.candidates.as_slice() {
            [only] => Ok(only),
            [] if self.is_blocked() => Err(self.blocked().with_response(self.clone())),
            [] => Err(self.empty().with_response(self.clone())),
            several => Err(Error::new(
                ErrorKind::Request,
                format!(
                    "the answer has {} replies: choose one of `candidates`",
                    several.len()
                ),
            )),
        }
    }
}

/// Text as it is put together; a fenced block begins and ends a line.
#[derive(Default)]
struct Text {
    written: String,
    ends_in_block: bool,
}

impl Text {
    fn add(&mut self, part: &Part) -> Result<()> {
        match &part.data {
            Some(Data::Text(text)) => self.add_text(text),
            Some(Data::ExecutableCode(code)) => self.add_code(code),
            Some(Data::CodeExecutionResult(result)) => self.add_result(result),
            Some(Data::ToolCall(_) | Data::ToolResponse(_)) => {}
            _ => return Err(no_text(part)),
        }
        Ok(())
    }

    fn add_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.ends_in_block && !text.starts_with('\n') {
            self.written.push('\n');
        }
        self.written.push_str(text);
        self.ends_in_block = false;
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

fn no_text(part: &Part) -> Error {
    let message = match part.kind() {
        Some(kind) => format!("a part of the reply is no text but `{kind}`: look at `parts`"),
        None => "a part of the reply is empty: look at `parts`".to_owned(),
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
    fn text_parts_are_put_together_as_they_are() {
        let response =
            reply(json!([{"text": "a\n"}, {"text": ""}, {"text": "\nb"}, {"text": "c"}]));

        assert_eq!(response.text().expect("text"), "a\n\nbc");
    }

    #[test]
    fn thoughts_are_left_out_of_the_text_and_told_apart() {
        let response = reply(json!([{"text": "Hm", "thought": true}, {"text": "42"}]));

        assert_eq!(response.text().expect("text"), "42");
        assert_eq!(response.thoughts(), "Hm");
    }

    #[test]
    fn code_and_what_it_printed_stand_in_blocks_on_lines_of_their_own() {
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
    fn code_that_failed_says_so() {
        let failed = json!([{"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "x"}}]);

        assert_eq!(reply(failed).text().expect("text"), "``` failed\nx\n```");
        let empty = reply(json!([{"codeExecutionResult": {}}]));
        assert_eq!(empty.text().expect("text"), "```\n\n```");
    }

    #[test]
    fn a_part_that_is_no_text_is_named() {
        for (part, name) in [
            (json!({"functionCall": {"name": "add"}}), "`functionCall`"),
            (
                json!({"inlineData": {"mimeType": "image/png"}}),
                "`inlineData`",
            ),
            (json!({"hologram": {}}), "`hologram`"),
            (json!({}), "empty"),
        ] {
            let (kind, message) = kind_and_message(&reply(json!([{"text": "a"}, part])));
            assert_eq!(kind, ErrorKind::Request);
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn a_reply_without_parts_names_its_finish_reason() {
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
    fn an_answer_without_a_reply_says_what_came() {
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
                "too hot",
            ),
            (
                json!({"promptFeedback": {"blockReason": "A_NEW_ONE"}}),
                ErrorKind::Blocked,
                "A_NEW_ONE",
            ),
            (
                json!({"candidates": [{}, {}]}),
                ErrorKind::Request,
                "2 replies",
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
    fn an_error_of_a_reply_has_the_reply_with_it() {
        let mut response = reply(json!([]));
        response.candidates[0].finish_reason = Some("SAFETY".into());

        let error = response.text().unwrap_err();

        assert_eq!(error.response(), Some(&response));
        assert!(response.parts().expect("no parts").is_empty());
    }
}
