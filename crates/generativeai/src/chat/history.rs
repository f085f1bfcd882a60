//! Structure of a history: the boundaries of its turns, and the roles of its contents.
//!
//! | Content | Role | Belongs to |
//! | --- | --- | --- |
//! | *How tall is Ben Nevis?* | `user` | the first turn: its message |
//! | call of `height` | `model` | the first turn: a round |
//! | response of `height` | `user` | the first turn: the same round |
//! | *1,345 metres.* | `model` | the first turn: its reply |
//! | *And in feet?* | `user` | the second turn: its message |
//! | *4,413 feet.* | `model` | the second turn: its reply |
//!
//! A history may come from a file or another program, so its contents have no marks where a turn begins. The roles and
//! the function responses show it.

use super::round::responses_of;
use crate::protocol::content::{Content, Part, Role};
use crate::protocol::response::GenerateContentResponse;

/// Returns the index where the last turn begins: at the message before the last reply and its rounds of function calls.
/// `None` for fewer than two contents.
pub(super) fn last_turn(history: &[Content]) -> Option<usize> {
    let reply = history.len().checked_sub(1)?;
    let before_reply = reply.checked_sub(1)?;
    // A turn that was kept before its reply arrived has no reply, and ends with the responses of its last round.
    let mut start = if answers_functions(&history[reply]) {
        reply
    } else {
        before_reply
    };
    // A round has two contents. The message of the turn is the first content before them that answers no function.
    while answers_functions(&history[start])
        && let Some(before) = start.checked_sub(2)
    {
        start = before;
    }
    // A history that begins with a round has no message: the turn then includes the calls at its beginning.
    Some(start.min(before_reply))
}

/// Returns the length of the history after each of its turns, in ascending order.
///
/// `message` is the content after the history. If it answers calls of the last turn, that turn has not ended.
pub(super) fn turn_ends(history: &[Content], message: &Content) -> Vec<usize> {
    let next = history.iter().skip(1).chain([message]);
    let ends = |(content, next): &(&Content, &Content)| {
        let is_end = content.role == Some(Role::Model) || answers_functions(content);
        is_end && next.role != Some(Role::Model) && !answers_functions(next)
    };
    let pairs = history.iter().zip(next).enumerate();
    pairs
        .filter(|(_, pair)| ends(pair))
        .map(|(at, _)| at + 1)
        .collect()
}

/// Returns whether a content of the user has function responses.
fn answers_functions(content: &Content) -> bool {
    content.role != Some(Role::Model) && responses_of(content).next().is_some()
}

/// Sets missing roles. Function responses get the role `user`. Otherwise the roles alternate, from the first one that
/// is known.
pub(super) fn fill_roles(contents: &mut [Content]) {
    let known = |content: &Content| match &content.role {
        Some(role) if !role.as_str().is_empty() => Some(role.clone()),
        _ if answers_functions(content) => Some(Role::User),
        _ => None,
    };
    let mut pairs = contents.iter().enumerate();
    let first = pairs.find_map(|(at, content)| Some((at, known(content)?)));
    // The roles before the first known one alternate as well, so those at even distances from it are the same.
    let mut model_is_next = match first {
        Some((at, role)) => (role == Role::Model) == at.is_multiple_of(2),
        None => false,
    };
    for content in contents {
        let role = known(content).unwrap_or(if model_is_next {
            Role::Model
        } else {
            Role::User
        });
        model_is_next = role != Role::Model;
        content.role = Some(role);
    }
}

/// Returns the content of the first candidate in the form that a history has: with its role, and without empty parts.
/// `None` if no part has content.
pub(super) fn model_content(response: &GenerateContentResponse) -> Option<Content> {
    recorded_content(response).filter(|content| content.parts.iter().any(Part::has_content))
}

/// Returns the content of the first candidate like [`model_content`], even if none of its parts has content: older
/// versions stored such replies. `None` if there are no parts at all.
pub(super) fn recorded_content(response: &GenerateContentResponse) -> Option<Content> {
    let content = response.candidates.first()?.content.as_ref()?;
    let mut content = content.clone();
    content.fill_role(Role::Model);
    (!content.parts.is_empty()).then(|| {
        content.remove_empty_parts();
        content
    })
}

/// Removes empty parts, and contents that have no other parts. The API rejects both.
pub(super) fn remove_empty_parts(contents: &mut Vec<Content>) {
    contents.iter_mut().for_each(Content::remove_empty_parts);
    contents.retain(|content| !content.is_empty());
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::protocol::content::{FunctionCall, FunctionResponse};

    #[test]
    fn a_turn_ends_with_its_reply_also_after_several_messages() {
        let history = [
            Content::user("a"),
            Content::user("b"),
            Content::model("c"),
            Content::user("d"),
            Content::model("e"),
        ];

        assert_eq!(turn_ends(&history, &Content::user("f")), [3, 5]);
    }

    #[test]
    fn a_history_of_function_responses_alone_is_one_turn() {
        let call = Content::model(FunctionCall::new("f", Map::new()));
        let response = Content::user(FunctionResponse::new("f", Map::new()));

        for history in [
            vec![call.clone(), response.clone()],
            vec![Content::user("x"), call, response.clone()],
            vec![response.clone(), response],
        ] {
            assert_eq!(last_turn(&history), Some(0));
        }
        assert_eq!(last_turn(&[Content::user("x")]), None);
    }

    fn roles(mut contents: Vec<Content>) -> Vec<Role> {
        fill_roles(&mut contents);
        let roles = contents.into_iter().map(|content| content.role);
        roles.collect::<Option<_>>().expect("all roles are set")
    }

    #[test]
    fn missing_roles_alternate_from_the_first_that_is_known() {
        let unknown = || Content::from("x");
        let response = Content::from(FunctionResponse::new("f", Map::new()));

        assert_eq!(roles(vec![unknown(), unknown()]), [Role::User, Role::Model]);
        assert_eq!(
            roles(vec![unknown(), Content::user("x"), unknown()]),
            [Role::Model, Role::User, Role::Model]
        );
        assert_eq!(roles(vec![unknown(), unknown(), response])[2], Role::User);
        assert_eq!(
            roles(vec![Content::model("x"), unknown()]),
            [Role::Model, Role::User]
        );
    }
}
