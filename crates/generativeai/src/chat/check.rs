//! What is refused before anything is sent.

use crate::error::{Error, ErrorKind, Result};
use crate::model::Prepared;
use crate::protocol::content::Content;

/// A message needs something to say.
pub(super) fn not_empty(message: &Content) -> Result<()> {
    if message.parts.is_empty() {
        let message = "the message is empty: it needs at least one part";
        return Err(Error::new(ErrorKind::Request, message));
    }
    Ok(())
}

/// A history has one reply to a message.
pub(super) fn one_candidate(prepared: &Prepared) -> Result<()> {
    let config = prepared.request.generation_config.as_ref();
    match config.and_then(|config| config.candidate_count) {
        Some(count) if count > 1 => {
            let message = format!(
                "a chat has one reply to a message, but candidate_count is {count}: set it to 1, \
                 or use generate_content"
            );
            Err(Error::new(ErrorKind::Request, message))
        }
        _ => Ok(()),
    }
}
