//! Hints that are shown below errors.

use std::time::Duration;

use generativeai::ErrorKind;
use generativeai::protocol::response::FinishReason;

use crate::exit::{DownloadError, ToolServerError};

/// Addresses of Ollama on this machine, as an error quotes them.
const OLLAMA: [&str; 3] = ["`127.0.0.1:11434`", "`localhost:11434`", "`[::1]:11434`"];

/// Beginning of the message of an error of a summary, whose kind is that of any reply.
const NO_SUMMARY: &str = "the conversation could not be summarized";

/// Place where the user reads a hint: what can be done there differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    #[default]
    CommandLine,
    /// A session at the terminal, which has commands instead of options.
    Session,
    /// A server with --upstream, where --model is the name of a model of the upstream server.
    Upstream,
}

/// Returns the hint for an error, if any.
pub(crate) fn for_error(error: &anyhow::Error, place: Place) -> Option<String> {
    if error.is::<ToolServerError>() {
        return Some(
            "check that this is an MCP server and that it starts outside of genai".to_owned(),
        );
    }
    // The message has the remedy.
    if error.is::<DownloadError>() {
        return None;
    }
    let error = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<generativeai::Error>())?;
    let remedy = match error.kind() {
        ErrorKind::Authentication => format!("check the key in {}", key_of(error)),
        ErrorKind::Unreachable if is_ollama(&error.to_string()) => {
            "start Ollama with `ollama serve`".to_owned()
        }
        ErrorKind::Unreachable => "check the network and the address".to_owned(),
        ErrorKind::Timeout | ErrorKind::Unavailable => "try again".to_owned(),
        ErrorKind::Quota => "raise the quota or add credit".to_owned(),
        _ => return other(error, place),
    };
    let option = match place {
        Place::CommandLine => "--model local",
        Place::Session => "/model local",
        Place::Upstream => return Some(remedy),
    };
    Some(format!("{remedy}, or use the embedded model: {option}"))
}

/// Returns whether the message of an error names Ollama on this machine.
fn is_ollama(message: &str) -> bool {
    OLLAMA.iter().any(|address| message.contains(address))
}

/// Returns the hint for an error that another model may have as well.
fn other(error: &generativeai::Error, place: Place) -> Option<String> {
    let hint = match (error.kind(), place) {
        (ErrorKind::RateLimited, _) => {
            return Some(match error.retry_after().and_then(readable) {
                Some(wait) => format!("try again in {wait}"),
                None => "try again later".to_owned(),
            });
        }
        // The next message would need the same summary.
        (_, Place::Session) if error.to_string().starts_with(NO_SUMMARY) => {
            "/compact N sets another budget, /compact off removes it"
        }
        (ErrorKind::Empty | ErrorKind::Shape, place) if has_reached_limit(error) => match place {
            Place::CommandLine | Place::Upstream => "raise the limit with --max-output-tokens",
            Place::Session => "quit, and raise the limit with genai chat --max-output-tokens",
        },
        (ErrorKind::Truncated | ErrorKind::Empty, _) => "try again",
        (ErrorKind::Blocked | ErrorKind::Stopped, _) => "rephrase the message",
        (ErrorKind::Request, place) => return of_embedded(&error.to_string(), place),
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Returns the hint for a request that the embedded model refused. Such errors differ only in their message.
fn of_embedded(message: &str, place: Place) -> Option<String> {
    let is_full = message.contains("must also hold the reply");
    let is_media = message.contains("the embedded model reads text");
    let hint = match place {
        Place::CommandLine if is_full => "--context sets a larger context",
        Place::Session if is_full => {
            "/undo removes the last turn, /compact shortens the session, /new starts another; \
             genai chat --context sets a larger context"
        }
        Place::CommandLine if is_media => "--model names a model that reads such files",
        Place::Session if is_media => "/model names a model that reads such files",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Returns the variable with the key that a service has refused.
fn key_of(error: &generativeai::Error) -> &'static str {
    let details = error.status().map_or(&[][..], |status| &status.details);
    let is_from = |domain| details.iter().any(|detail| detail["domain"] == domain);
    if is_from("openai") {
        "OPENAI_API_KEY"
    } else if is_from("googleapis.com") {
        "GEMINI_API_KEY"
    } else {
        "GEMINI_API_KEY (for openai:NAME, OPENAI_API_KEY)"
    }
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
    use generativeai::protocol::content::Content;
    use generativeai::testing::Scripted;
    use generativeai::{Compaction, Error, GenerativeModel};
    use serde_json::json;

    use super::{DownloadError, Duration, ErrorKind, Place, readable};

    fn for_error(error: &anyhow::Error) -> Option<String> {
        super::for_error(error, Place::CommandLine)
    }

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
    fn a_hint_names_what_the_place_has() {
        let ollama = Error::new(ErrorKind::Unreachable, "no connection to `127.0.0.1:11434`");
        let remote = Error::new(ErrorKind::Unreachable, "no connection to `gpu:11434`");
        let full = "the prompt has 9 tokens, but the context of 8 tokens must also hold the reply";
        let full = Error::new(ErrorKind::Request, full);
        for (error, place, hint) in [
            (
                &ollama,
                Place::CommandLine,
                "`ollama serve`, or use the embedded model: --model local",
            ),
            (&ollama, Place::Session, "/model local"),
            (&remote, Place::Session, "check the network"),
            (&ollama, Place::Upstream, "start Ollama with `ollama serve`"),
            (&full, Place::CommandLine, "--context"),
            (
                &full,
                Place::Session,
                "/undo removes the last turn, /compact",
            ),
        ] {
            let shown = super::for_error(&error.clone().into(), place).expect("a hint");
            assert!(shown.contains(hint), "{shown}");
            let is_upstream = place == Place::Upstream;
            assert!(!(is_upstream && shown.contains("model local")), "{shown}");
        }
    }

    #[tokio::test]
    async fn an_error_of_a_summary_has_a_hint() {
        let cut = Error::new(ErrorKind::Truncated, "the reply ended early");
        let backend = Scripted::default().then_error(&[], cut);
        let long = "word ".repeat(40);
        let chat = GenerativeModel::new("m").backend(backend).start_chat();
        let chat = chat.with_history([&*long, "Yes."].map(Content::from));
        let mut chat = chat.context_budget(30, Compaction::Summarize);

        let error = chat.send_message("more").await.expect_err("no summary");

        let hint = "/compact N sets another budget, /compact off removes it";
        assert_eq!(
            super::for_error(&error.into(), Place::Session).as_deref(),
            Some(hint)
        );
    }

    #[test]
    fn the_key_of_the_service_is_named() {
        let refused = |domain: &str| {
            let status = json!({ "code": 401, "details": [{ "domain": domain }] });
            let status = serde_json::from_value(status).expect("a status");
            let error = Error::new(ErrorKind::Authentication, "no").with_status(status);
            for_error(&error.into()).expect("a hint")
        };

        assert!(refused("openai").starts_with("check the key in OPENAI_API_KEY, or"));
        assert!(refused("googleapis.com").starts_with("check the key in GEMINI_API_KEY, or"));
        assert!(refused("example.com").contains("for openai:NAME, OPENAI_API_KEY"));
    }

    #[test]
    fn other_errors_have_no_hint() {
        let unreachable = Error::new(ErrorKind::Unreachable, "pip cannot download it");
        let download = anyhow::Error::from(unreachable).context(DownloadError("smollm2"));
        for error in [download, anyhow::anyhow!("the disk is full")] {
            assert_eq!(for_error(&error), None, "{error}");
        }
    }
}
