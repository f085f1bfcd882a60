//! Checks of a message before anything is sent.

use crate::error::{Error, ErrorKind, Result};
use crate::model::RequestTemplate;
use crate::protocol::content::Content;

/// Checks that a message has parts: the API rejects an empty one.
pub(super) fn not_empty(message: &Content) -> Result<()> {
    if message.parts.is_empty() {
        let message = "the message is empty: it needs at least one part";
        return Err(Error::new(ErrorKind::Request, message));
    }
    Ok(())
}

/// Checks that one reply is requested: the history has one reply to each message.
pub(super) fn one_candidate(template: &RequestTemplate) -> Result<()> {
    let config = template.request.generation_config.as_ref();
    match config.and_then(|config| config.candidate_count) {
        Some(count) if count > 1 => {
            let message = format!(
                "candidate_count is {count}, but a chat takes one reply to a message: set it to 1, or use \
                 generate_content"
            );
            Err(Error::new(ErrorKind::Request, message))
        }
        _ => Ok(()),
    }
}
