//! Approval of tool calls: rules that decide at once, and the dialog that asks the user about the other calls.
//!
//! The rules run while the turn runs. A call that needs a question makes the turn wait; the user is asked between two
//! requests, when no reply streams and the terminal is free.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use generativeai::protocol::content::{Content, FunctionCall, FunctionResponse, Part};
use generativeai::{
    AutomaticFunctionCalling, CallRequest, ChatSession, Decision, Function, FunctionEvent, Reason,
    SendMessage, WaitingCall,
};
use serde_json::{Value, json};

use crate::render::{Printer, visible};
use crate::settings;
use crate::tools::ServerTool;

/// Maximum length of the arguments in a question, in characters.
const MAX_ARGUMENTS: usize = 600;

/// Maximum length of the names of a tool and its server in a question, in characters.
const MAX_NAME: usize = 80;

/// Reason of a denial without one.
const NO: &str = "the user said no";

/// Answers to a question about a call.
const ANSWERS: &str = "yes, no [REASON], edit [JSON], always or never (in this run), \
     always save (in the settings), stop?";

/// Decision about a call that is neither read-only nor allowed by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefaultDecision {
    /// Run the call (`--yes`).
    Run,
    /// Ask the user.
    Ask,
    /// Deny the call, since the program cannot ask without a terminal.
    Deny,
}

/// Tools that may run, and the decisions so far. Clones share both.
#[derive(Clone, Debug)]
pub(crate) struct Approvals {
    default: DefaultDecision,
    shared: Arc<Shared>,
}

/// State that the policy, the observer and the dialog of a chat share.
#[derive(Debug, Default)]
struct Shared {
    /// The tools, by the names of their functions.
    tools: BTreeMap<String, ServerTool>,
    /// Decisions for all calls of a function, by its name, which is unique in a run.
    always: Mutex<BTreeMap<String, Decision>>,
    /// Names of the tools denied without a terminal to ask at.
    not_allowed: Mutex<BTreeSet<String>>,
    /// Decisions since the last `take_decisions`, as JSON.
    decisions: Mutex<Vec<Value>>,
}

impl Approvals {
    /// Creates the approvals for tools by the names of their functions, of which the `allowed` ones run.
    pub(crate) fn new(
        tools: BTreeMap<String, ServerTool>,
        allowed: impl IntoIterator<Item = String>,
        default: DefaultDecision,
    ) -> Self {
        let runs = allowed.into_iter().map(|name| (name, Decision::Run));
        let shared = Shared {
            tools,
            always: Mutex::new(runs.collect()),
            ..Shared::default()
        };
        Self {
            default,
            shared: Arc::new(shared),
        }
    }

    /// Returns the function calling settings of a chat: a policy that decides, and an observer that records decisions.
    pub(crate) fn function_calling(&self) -> AutomaticFunctionCalling {
        let (policy, observer) = (self.clone(), self.clone());
        AutomaticFunctionCalling::default()
            .approve(move |request: CallRequest| {
                std::future::ready(policy.decide(request.call.name(), &request.function))
            })
            .observer(move |event| {
                if let FunctionEvent::Decided(call, decision) = event {
                    locked(&observer.shared.decisions).extend(described(call, decision));
                }
            })
    }

    /// Returns the names of the tools that were denied without a terminal to ask at.
    pub(crate) fn not_allowed(&self) -> BTreeSet<String> {
        locked(&self.shared.not_allowed).clone()
    }

    /// Removes and returns the decisions so far, as JSON.
    pub(crate) fn take_decisions(&self) -> Vec<Value> {
        std::mem::take(&mut *locked(&self.shared.decisions))
    }

    fn decide(&self, name: &str, function: &Function) -> Decision {
        // Checked first, so that `never` also denies a read-only tool.
        if let Some(decision) = self.always(name) {
            return decision;
        }
        match self.default {
            _ if function.is_read_only() => Decision::Run,
            DefaultDecision::Run => Decision::Run,
            DefaultDecision::Ask => Decision::Wait,
            DefaultDecision::Deny => {
                locked(&self.shared.not_allowed).insert(cut(name, MAX_NAME));
                Decision::deny("the user has not allowed this tool")
            }
        }
    }

    /// Asks about each call, and returns the decisions. Returns `None` if the user wants to stop the reply.
    ///
    /// `read` returns the next line that the user enters, and `None` at the end of the input.
    pub(crate) fn ask(
        &self,
        calls: &[WaitingCall],
        printer: &mut Printer,
        read: &mut dyn FnMut(&mut Printer) -> Option<String>,
    ) -> Option<Vec<(String, Decision)>> {
        let mut decisions = Vec::new();
        for waiting in calls {
            let name = waiting.call.name();
            // Several calls may wait: an `always` or `never` for one of them answers the later ones too.
            let decision = match self.always(name) {
                Some(decision) => decision,
                None => {
                    printer.note(question(waiting, self.shared.tools.get(name)));
                    self.answer(name, printer, read)?
                }
            };
            decisions.push((waiting.id.clone(), decision));
        }
        Some(decisions)
    }

    /// Returns the decision for all calls of a tool, if any.
    fn always(&self, name: &str) -> Option<Decision> {
        locked(&self.shared.always).get(name).cloned()
    }

    /// Applies a decision to all later calls of a tool, and returns it.
    fn remember(&self, name: &str, decision: Decision) -> Decision {
        locked(&self.shared.always).insert(name.to_owned(), decision.clone());
        decision
    }

    /// Forgets the decisions for all calls of these tools, since they were refused: the same answer would be refused
    /// again.
    pub(crate) fn forget(&self, calls: &[WaitingCall]) {
        let is_refused = |name: &str| calls.iter().any(|waiting| waiting.call.name() == name);
        locked(&self.shared.always).retain(|name, _| !is_refused(name));
    }

    /// Asks until the answer is valid. Returns `None` if the user wants to stop the reply.
    fn answer(
        &self,
        name: &str,
        printer: &mut Printer,
        read: &mut dyn FnMut(&mut Printer) -> Option<String>,
    ) -> Option<Decision> {
        loop {
            printer.note(ANSWERS);
            let line = read(printer)?;
            let line = line.trim();
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let arguments = match (word.to_lowercase().as_str(), rest.trim()) {
                ("y" | "yes", "") => return Some(Decision::Run),
                ("n" | "no", "") => return Some(Decision::deny(NO)),
                ("n" | "no", reason) => return Some(Decision::deny(reason)),
                ("a" | "always", "") => return Some(self.remember(name, Decision::Run)),
                ("a" | "always", "save") => {
                    self.save(name, printer);
                    return Some(self.remember(name, Decision::Run));
                }
                ("never", "") => return Some(self.remember(name, Decision::deny(NO))),
                ("s" | "stop", _) => return None,
                ("e" | "edit", "") => {
                    printer.note("the arguments, as JSON on one line:");
                    read(printer)?
                }
                ("e" | "edit", arguments) => arguments.to_owned(),
                _ => continue,
            };
            match serde_json::from_str(&arguments) {
                Ok(Value::Object(arguments)) => return Some(Decision::RunWith(arguments)),
                Ok(_) => printer.note("this is not a JSON object: write one, as in {\"name\": 5}"),
                Err(error) => printer.note(format_args!("this is not a JSON object: {error}")),
            }
        }
    }

    /// Adds a tool to the list `allow` of the settings, for its server alone. An error is printed: the tool is then
    /// allowed in this run only.
    fn save(&self, name: &str, printer: &mut Printer) {
        let tool = self.shared.tools.get(name);
        let entry = tool.map_or_else(|| name.to_owned(), ToString::to_string);
        match settings::allow(&entry) {
            Ok(path) => printer.note(format_args!(
                "(added `{entry}` to the list `allow` in {})",
                path.display()
            )),
            Err(error) => printer.error(&error),
        }
    }
}

/// Returns the calls of a chat that wait for approval.
pub(crate) fn waiting(chat: &ChatSession) -> Vec<WaitingCall> {
    match chat.unfinished().map(|turn| &turn.reason) {
        Some(Reason::AwaitingApproval(calls)) => calls.clone(),
        _ => Vec::new(),
    }
}

/// Ends a turn whose calls wait, before another message is sent. The turn is kept, and its calls do not run.
pub(crate) fn leave_waiting(chat: &mut ChatSession, printer: &mut Printer) {
    if !waiting(chat).is_empty() && chat.keep_partial() {
        printer.note("(calls that waited for approval were not run)");
    }
}

/// Prepares a message. It first answers the calls of the last reply that were not run, with an error for each: the API
/// rejects a history with an unanswered call. The model of a chat without tools may call a function nevertheless, and
/// an imported history may end with a call.
pub(crate) fn send(chat: &mut ChatSession, mut message: Content) -> SendMessage<'_> {
    let calls = chat.pending_calls().into_iter();
    let not_run = json!({ "error": "not run: this program does not have the function" });
    let errors = calls.map(|call| Part::from(FunctionResponse::to(call, not_run.clone())));
    let errors: Vec<Part> = errors.collect();
    // An undone message may have such errors already.
    message
        .parts
        .retain(|part| part.as_function_response().is_none());
    message.parts.splice(..0, errors);
    chat.send_message(message)
}

/// Returns the names of calls, for a note.
pub(crate) fn names(calls: &[WaitingCall]) -> String {
    let names: Vec<_> = calls
        .iter()
        .map(|waiting| cut(waiting.call.name(), MAX_NAME))
        .collect();
    names.join(", ")
}

/// Returns the question about a call: the tool, its server and the arguments.
fn question(waiting: &WaitingCall, tool: Option<&ServerTool>) -> String {
    let name = cut(waiting.call.name(), MAX_NAME);
    let server = match tool {
        Some(tool) => format!(" of {}", cut(&tool.server, MAX_NAME)),
        None => String::new(),
    };
    let arguments = Value::Object(waiting.call.args.clone().unwrap_or_default());
    // The model wrote the arguments. A control character in them could hide from the user what the tool will get.
    let arguments = visible(&format!("{arguments:#}"));
    format!("Run {name}{server}?\n{}", cut(&arguments, MAX_ARGUMENTS))
}

/// Returns the first `length` characters of the text, and a note with the number of the others.
fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => {
            let rest = text[end..].chars().count();
            format!("{}… ({rest} more characters)", &text[..end])
        }
        None => text.to_owned(),
    }
}

/// Returns the decision about a call as JSON; `None` if nothing is decided yet.
fn described(call: &FunctionCall, decision: &Decision) -> Option<Value> {
    let FunctionCall { name, args, .. } = call;
    Some(match decision {
        Decision::Run => json!({ "name": name, "args": args, "decision": "run" }),
        Decision::RunWith(changed) => {
            json!({ "name": name, "args": args, "decision": "run", "changed_args": changed })
        }
        Decision::Deny(reason) => {
            json!({ "name": name, "args": args, "decision": "deny", "reason": reason })
        }
        _ => return None,
    })
}

/// Locks a value. Poisoning is ignored: no code panics while it holds such a lock.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_strings_are_cut_with_the_number_of_missing_characters() {
        assert_eq!(cut("äbc", 3), "äbc");
        assert_eq!(cut("äbcd", 2), "äb… (2 more characters)");
    }

    #[test]
    fn a_call_runs_if_it_is_read_only_or_allowed_and_the_options_decide_on_others() {
        let function = Function::new("f", "Does it.", || "done");
        for (default, expected) in [
            (DefaultDecision::Run, Decision::Run),
            (DefaultDecision::Ask, Decision::Wait),
            (
                DefaultDecision::Deny,
                Decision::deny("the user has not allowed this tool"),
            ),
        ] {
            let approvals = Approvals::new(BTreeMap::new(), ["g".to_owned()], default);
            assert_eq!(approvals.decide("f", &function), expected);
            assert_eq!(approvals.decide("g", &function), Decision::Run);
            let read_only = function.clone().read_only();
            assert_eq!(approvals.decide("f", &read_only), Decision::Run);
            let never = approvals.remember("f", Decision::deny("no"));
            assert_eq!(approvals.decide("f", &read_only), never);
        }
    }
}
