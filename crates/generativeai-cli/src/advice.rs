//! What a person can do about an error, as far as the error does not say so itself.

use generativeai::{Error, ErrorKind};

use crate::exit::NoTools;

/// The advice on an error, if there is any.
pub(crate) fn on(error: &anyhow::Error) -> Option<String> {
    if error.is::<NoTools>() {
        return Some("check that this is an MCP server, and that it starts by itself".to_owned());
    }
    let error = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Error>())?;
    let advice = match error.kind() {
        ErrorKind::Authentication => {
            "check the key in GEMINI_API_KEY, or answer without one: --model local"
        }
        ErrorKind::Unreachable => {
            "check the network and the address, or answer without them: --model local"
        }
        ErrorKind::Timeout | ErrorKind::Unavailable => "try again, or answer here: --model local",
        ErrorKind::Quota => "raise the quota, or answer here: --model local",
        ErrorKind::RateLimited => {
            return Some(match error.retry_after() {
                Some(wait) => format!("try again in {} s", wait.as_secs_f64().ceil()),
                None => "try again in a while".to_owned(),
            });
        }
        ErrorKind::Truncated | ErrorKind::Empty => "try again",
        ErrorKind::Blocked | ErrorKind::Stopped => "say it in other words",
        _ => return None,
    };
    Some(advice.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anyhow::Context;

    use super::*;

    #[test]
    fn advice_is_found_below_the_context() {
        let error = Error::new(ErrorKind::Authentication, "the key is not valid");
        let error = Err::<(), _>(error).context("no reply").unwrap_err();

        assert!(on(&error).expect("advice").contains("GEMINI_API_KEY"));
    }

    #[test]
    fn whoever_must_wait_is_told_how_long() {
        let error = Error::new(ErrorKind::RateLimited, "too many requests");
        let error = error.with_retry_after(Duration::from_millis(1_500));

        assert_eq!(on(&error.into()).as_deref(), Some("try again in 2 s"));
    }

    #[test]
    fn an_error_that_says_it_all_gets_no_advice() {
        assert_eq!(on(&anyhow::anyhow!("the disk is full")), None);
    }
}
