//! Errors in terms of this program: hints shown below them, and the words of the SDK that they contain.

use std::error::Error;

use generativeai::ErrorKind;

use crate::exit::ToolServerError;

/// Advice in errors of the SDK that names its functions and fields, and what a user of this program can do instead.
const ADVICE: [(&str, &str); 11] = [
    (
        "set it with `mime_type`",
        "rename the file to an extension of its type, such as .pdf, or name the type with --mime-type of `genai files \
         upload`",
    ),
    (", or call `api_key` on the builder", ""),
    (", or allow plain HTTP", ""),
    (": send it in a header", ""),
    (", see `safety_ratings`", ""),
    (
        "the limit `max_output_tokens`",
        "the limit --max-output-tokens",
    ),
    ("reached `max_output_tokens`", "reached --max-output-tokens"),
    (": the mode `ANY` or `VALIDATED` prevents it", ""),
    ("set one with `chat_template`, or ", ""),
    ("set another one with `chat_template`", "use another model"),
    (
        "set another template with `chat_template`",
        "use another model",
    ),
];

/// Returns the message of an error with advice for users of this program.
pub(crate) fn message(error: &dyn Error) -> String {
    let message = error.to_string();
    ADVICE
        .iter()
        .fold(message, |message, (sdk, own)| message.replace(sdk, own))
}

/// Returns the hint for an error, if any.
pub(crate) fn for_error(error: &anyhow::Error) -> Option<String> {
    if error.is::<ToolServerError>() {
        return Some(
            "check that this is an MCP server and that it starts outside of genai".to_owned(),
        );
    }
    let error = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<generativeai::Error>())?;
    let hint = match error.kind() {
        ErrorKind::Authentication => {
            "check the key in GEMINI_API_KEY (for openai:NAME, OPENAI_API_KEY), or use the embedded model: --model local"
        }
        ErrorKind::Unreachable => {
            "check the network and the address, or use the embedded model: --model local"
        }
        ErrorKind::Timeout | ErrorKind::Unavailable => {
            "try again, or use the embedded model: --model local"
        }
        ErrorKind::Quota => "raise the quota, or use the embedded model: --model local",
        ErrorKind::RateLimited => {
            return Some(match error.retry_after() {
                Some(wait) => format!("try again in {} s", wait.as_secs_f64().ceil()),
                None => "try again later".to_owned(),
            });
        }
        ErrorKind::Truncated | ErrorKind::Empty => "try again",
        ErrorKind::Blocked | ErrorKind::Stopped => "rephrase the message",
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anyhow::Context;

    use super::*;

    #[test]
    fn a_hint_is_found_below_the_context_of_an_error() {
        let error = Error::new(ErrorKind::Authentication, "the key is not valid");
        let error = Err::<(), _>(error).context("no reply").unwrap_err();

        assert!(
            for_error(&error)
                .expect("a hint")
                .contains("GEMINI_API_KEY")
        );
    }

    #[test]
    fn a_rate_limit_hint_contains_the_wait() {
        let error = Error::new(ErrorKind::RateLimited, "too many requests");
        let error = error.with_retry_after(Duration::from_millis(1_500));

        assert_eq!(
            for_error(&error.into()).as_deref(),
            Some("try again in 2 s")
        );
    }

    #[test]
    fn other_errors_have_no_hint() {
        assert_eq!(for_error(&anyhow::anyhow!("the disk is full")), None);
    }
}
