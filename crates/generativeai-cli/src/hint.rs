//! Hints that are shown below errors.

use std::time::Duration;

use generativeai::ErrorKind;
use generativeai::protocol::response::FinishReason;

use crate::exit::ToolServerError;

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
            return Some(match error.retry_after().and_then(readable) {
                Some(wait) => format!("try again in {wait}"),
                None => "try again later".to_owned(),
            });
        }
        ErrorKind::Empty | ErrorKind::Shape if has_reached_limit(error) => {
            "raise the limit with --max-output-tokens"
        }
        ErrorKind::Truncated | ErrorKind::Empty => "try again",
        ErrorKind::Blocked | ErrorKind::Stopped => "rephrase the message",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Returns whether the reply of an error ended at the token limit.
fn has_reached_limit(error: &generativeai::Error) -> bool {
    let reply = error.response();
    reply.and_then(|reply| reply.finish_reason()) == Some(&FinishReason::MaxTokens)
}

/// Returns a wait in a unit of a readable size, rounded up. `None` if it is so long that a number does not help.
fn readable(wait: Duration) -> Option<String> {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = wait.as_millis().div_ceil(1_000);
    let seconds = u64::try_from(seconds).ok()?;
    let (unit, name) = match seconds {
        _ if seconds < 2 * MINUTE => (1, "s"),
        _ if seconds < 2 * HOUR => (MINUTE, "min"),
        _ if seconds < 2 * DAY => (HOUR, "h"),
        _ if seconds <= 366 * DAY => (DAY, "days"),
        _ => return None,
    };
    Some(format!("{} {name}", seconds.div_ceil(unit)))
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use generativeai::Error;

    use super::{Duration, ErrorKind, for_error, readable};

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
    fn a_long_wait_is_readable() {
        let readable = |seconds| readable(Duration::from_secs(seconds));
        for (seconds, text) in [
            (119, "119 s"),
            (121, "3 min"),
            (7_200, "2 h"),
            (86_400, "24 h"),
            (172_801, "3 days"),
        ] {
            assert_eq!(readable(seconds).as_deref(), Some(text));
        }
        assert_eq!(readable(u64::MAX), None);
    }

    #[test]
    fn other_errors_have_no_hint() {
        assert_eq!(for_error(&anyhow::anyhow!("the disk is full")), None);
    }
}
