//! Rounds of function calls: which calls a reply contains, and which of them have a response.

use serde_json::json;

use crate::protocol::content::{Content, FunctionCall, FunctionResponse, Part, Role};
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::FinishReason;
use crate::protocol::tools::FunctionCallingMode;

/// Reply that calls functions, and the responses so far.
#[derive(Clone)]
pub(super) struct Round {
    content: Content,
    /// A slot for each call, in the order of the calls.
    responses: Vec<Option<FunctionResponse>>,
}

impl Round {
    /// Returns the round that a reply opens, if the reply calls functions.
    pub(super) fn of(content: &Content) -> Option<Self> {
        let count = calls_of(content).count();
        (count > 0).then(|| {
            let mut content = content.clone();
            content.fill_role(Role::Model);
            let responses = vec![None; count];
            Self { content, responses }
        })
    }

    /// Returns the calls, in order.
    pub(super) fn calls(&self) -> impl Iterator<Item = &FunctionCall> {
        calls_of(&self.content)
    }

    /// Sets the response to the call at an index.
    pub(super) fn respond(&mut self, index: usize, response: FunctionResponse) {
        self.responses[index] = Some(response);
    }

    /// Returns the contents of the calls and of the responses. Calls without a response get one that reports the
    /// interruption, since the API rejects a history with unanswered calls.
    pub(super) fn close(self) -> [Content; 2] {
        let interrupted = "interrupted before it answered: it may or may not have taken effect";
        let missing = |call| FunctionResponse::to(call, json!({ "error": interrupted }));
        let responses: Vec<Part> = calls_of(&self.content)
            .zip(self.responses)
            .map(|(call, response)| Part::from(response.unwrap_or_else(|| missing(call))))
            .collect();
        [self.content, Content::user(responses)]
    }
}

/// Returns the function calls of a content, in order.
pub(super) fn calls_of(content: &Content) -> impl Iterator<Item = &FunctionCall> {
    content.parts.iter().filter_map(Part::as_function_call)
}

/// Returns the function responses of a content, in order.
pub(super) fn responses_of(content: &Content) -> impl Iterator<Item = &FunctionResponse> {
    content.parts.iter().filter_map(Part::as_function_response)
}

/// Returns the calls without a response in `later`. A response belongs to the call with its id, or with its name
/// if one of them has no id.
pub(super) fn unanswered<'a>(
    calls: impl Iterator<Item = &'a FunctionCall>,
    later: &[Content],
) -> Vec<&'a FunctionCall> {
    let mut responses: Vec<&FunctionResponse> = later.iter().flat_map(responses_of).collect();
    let is_unanswered = |call: &&FunctionCall| {
        let matches = |response: &&FunctionResponse| match (&call.id, &response.id) {
            (Some(call), Some(response)) => call == response,
            _ => call.name == response.name,
        };
        let found = responses.iter().position(matches);
        // Each response answers one call.
        found.map(|index| responses.swap_remove(index)).is_none()
    };
    calls.filter(is_unanswered).collect()
}

/// Returns the names of the calls in a history that the content after them does not answer. The message follows the
/// history.
pub(super) fn unanswered_in(history: &[Content], message: &Content) -> Option<String> {
    let next = history.iter().skip(1).chain([message]);
    let pairs = history.iter().zip(next);
    let missing: Vec<&FunctionCall> = pairs
        .flat_map(|(content, next)| unanswered(calls_of(content), std::slice::from_ref(next)))
        .collect();
    (!missing.is_empty()).then(|| names(&missing))
}

/// Returns the names of calls for a message: `` `a`, `b` ``.
pub(super) fn names(calls: &[&FunctionCall]) -> String {
    let names = calls.iter().map(|call| format!("`{}`", call.name()));
    names.collect::<Vec<_>>().join(", ")
}

/// Returns whether a finish reason reports a call that the model can correct once it reads the error.
pub(super) fn is_mistaken_call(reason: &FinishReason) -> bool {
    use FinishReason::{MalformedFunctionCall, UnexpectedToolCall};
    matches!(reason, UnexpectedToolCall | MalformedFunctionCall)
}

/// Makes the model answer a request without function calls.
pub(super) fn forbid_calls(request: &mut GenerateContentRequest) {
    if request.tools.is_empty() {
        return;
    }
    let config = request.tool_config.get_or_insert_default();
    let calling = config.function_calling_config.get_or_insert_default();
    calling.mode = Some(FunctionCallingMode::None);
    calling.allowed_function_names.clear();
}

/// Lets the model answer a request without function calls, if its settings force calls.
pub(super) fn allow_text(request: &mut GenerateContentRequest) {
    if let Some(config) = &mut request.tool_config
        && let Some(calling) = &mut config.function_calling_config
        && calling.mode == Some(FunctionCallingMode::Any)
    {
        calling.mode = Some(FunctionCallingMode::Auto);
        calling.allowed_function_names.clear();
    }
}
