//! Checks of a message and a history, before anything is sent.
//!
//! The API rejects these cases as well, with messages such as `contents is not specified`. The errors here name the
//! cause and the remedy, and cost no request.

use super::round::{calls_of, names, unanswered};
use crate::error::{Error, ErrorKind, Result};
use crate::model::RequestTemplate;
use crate::protocol::content::{Content, Role};

/// Checks that a message has parts: the API rejects an empty one.
pub(super) fn not_empty(message: &Content) -> Result<()> {
    if message.parts.is_empty() {
        let message = "the message is empty: it needs at least one part";
        return Err(Error::new(ErrorKind::Request, message));
    }
    Ok(())
}

/// Checks that one reply is requested, since a history has one reply to each message.
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

/// Checks that the contents of a history have roles and parts that the API knows, and that calls are answered.
pub(super) fn valid_history(history: &[Content]) -> Result<()> {
    let mut problems = history.iter().zip(1..).filter_map(|(content, number)| {
        let problem = problem(content)?;
        Some(format!("content {number} of the history {problem}"))
    });
    match problems.next().or_else(|| unanswered_call(history)) {
        Some(message) => Err(Error::new(ErrorKind::Request, message)),
        None => Ok(()),
    }
}

/// Describes the first content whose calls the next one does not answer. The next message may answer those of the last
/// content.
fn unanswered_call(history: &[Content]) -> Option<String> {
    let mut pairs = history.windows(2).zip(1..);
    pairs.find_map(|(pair, number)| {
        let missing = names(&unanswered(calls_of(&pair[0]), &pair[1..]));
        (!missing.is_empty()).then(|| {
            format!(
                "content {number} of the history calls {missing}, and the next content does not answer: add a \
                 FunctionResponse for each call"
            )
        })
    })
}

/// Describes why the API would reject a content. `None` if it is valid.
fn problem(content: &Content) -> Option<String> {
    if let Some(problem) = content.foreign_format() {
        return Some(problem);
    }
    match content.role.as_ref()? {
        Role::System => Some(
            "has the role `system`: set it as `system_instruction` of the model instead".to_owned(),
        ),
        Role::Unknown(role) => Some(format!(
            "has the unknown role `{role}`: the roles are `user` and `model`"
        )),
        _ => None,
    }
}
