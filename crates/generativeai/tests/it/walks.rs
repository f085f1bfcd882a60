//! Random walks over everything that a chat can do, next to a simple model of the expected result.

use generativeai::protocol::content::{Content, Data, Part};
use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
use generativeai::protocol::tools::FunctionDeclaration;
use generativeai::testing::Scripted;
use generativeai::{
    AutomaticFunctionCalling, CallRequest, ChatSession, Decision, Function, GenerativeModel,
    Reason, SendMessage,
};
use serde_json::json;

use crate::support::dice::Dice;
use crate::support::memory::{Memory, assert_same};

const WALKS: u64 = 10_000;
const STEPS: usize = 12;

/// Expected state of the chat.
#[derive(Clone, Default)]
struct Expected {
    history: Vec<Turn>,
    unfinished: Option<Open>,
    last: Option<String>,
    undone: Vec<Undone>,
    /// Whether calls need approval.
    has_policy: bool,
}

/// Turn in the history: a line for each content.
#[derive(Clone)]
struct Turn {
    lines: Vec<String>,
    is_interrupted: bool,
}

/// Unfinished turn.
#[derive(Clone)]
struct Open {
    sent: String,
    rounds: usize,
    received: Option<String>,
    why: &'static str,
    held: Held,
}

/// State of the calls of the last reply, if they need approval and have not started.
#[derive(Clone, Copy, PartialEq)]
enum Held {
    No,
    Waits,
    Decided,
}

/// Beginning or continuation of a turn.
#[derive(Clone, Copy, PartialEq)]
enum Begin<'a> {
    Message(&'a str),
    Retry,
    Decide,
}

#[derive(Clone)]
enum Undone {
    Turn(Turn),
    Open(Open),
}

impl Expected {
    /// Adds a turn to the history.
    fn enter(&mut self, lines: Vec<String>, is_interrupted: bool) {
        self.history.push(Turn {
            lines,
            is_interrupted,
        });
        self.undone.clear();
    }
}

impl Open {
    /// Returns the lines of the turn before its reply.
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.sent.clone()];
        for _ in 0..self.rounds {
            lines.extend(["call".to_owned(), "answer".to_owned()]);
        }
        lines
    }
}

fn line(content: &Content) -> String {
    let word = |part: &Part| match &part.data {
        Some(Data::Text(text)) => text.clone(),
        Some(Data::FunctionCall(_)) => "call".to_owned(),
        Some(Data::FunctionResponse(_)) => "answer".to_owned(),
        other => panic!("unexpected part: {other:?}"),
    };
    content.parts.iter().map(word).collect()
}

fn why(reason: &Reason) -> &'static str {
    match reason {
        Reason::Interrupted => "interrupted",
        Reason::Truncated => "truncated",
        Reason::Failed(_) => "failed",
        Reason::Stopped(FinishReason::Safety) => "stopped",
        Reason::Blocked => "blocked",
        Reason::AwaitingApproval(_) => "waits",
        other => panic!("unexpected reason: {other:?}"),
    }
}

fn compare(chat: &ChatSession, expected: &Expected, context: &str) {
    let history: Vec<String> = chat.history().iter().map(line).collect();
    let turns = expected.history.iter();
    let lines: Vec<String> = turns.clone().flat_map(|turn| turn.lines.clone()).collect();
    assert_eq!(history, lines, "history {context}");
    let marks: Vec<bool> = turns
        .flat_map(|turn| {
            let before = std::iter::repeat_n(false, turn.lines.len() - 1);
            before.chain([turn.is_interrupted])
        })
        .collect();
    let interrupted: Vec<bool> = (0..history.len())
        .map(|index| chat.is_interrupted(index))
        .collect();
    assert_eq!(interrupted, marks, "interrupted {context}");
    assert!(
        chat.history()
            .iter()
            .all(|c| c.role.is_some() && !c.parts.is_empty()),
        "{context}"
    );
    assert!(chat.pending_calls().is_empty(), "pending {context}");
    let text = |reply: &GenerateContentResponse| {
        let candidate = reply.candidates.first();
        let content = candidate.and_then(|candidate| candidate.content.as_ref());
        content.map(line).unwrap_or_default()
    };
    let unfinished = chat.unfinished().map(|turn| {
        let received = turn.received.as_deref().map(text);
        let reason = why(&turn.reason);
        (line(&turn.sent), turn.rounds.len(), received, reason)
    });
    let wanted = expected.unfinished.clone();
    let wanted = wanted.map(|turn| (turn.sent, turn.rounds * 2, turn.received, turn.why));
    assert_eq!(unfinished, wanted, "unfinished {context}");
    assert_eq!(chat.last().map(text), expected.last, "last {context}");
}

/// End of a turn.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Completes,
    Dropped,
    Fails,
    Truncated,
    Stopped,
    Blocked,
    /// The model calls a function that needs approval, and the turn waits.
    Waits,
}

const FATES: [Fate; 7] = [
    Fate::Completes,
    Fate::Dropped,
    Fate::Fails,
    Fate::Truncated,
    Fate::Stopped,
    Fate::Blocked,
    Fate::Waits,
];

fn chunk(text: &str, reason: Option<&str>) -> GenerateContentResponse {
    serde_json::from_value(json!({"candidates": [{
        "content": {"role": "model", "parts": [{"text": text}]},
        "finishReason": reason,
    }]}))
    .unwrap()
}

/// Adds the replies of a turn to a script: rounds of calls, then the chunks "r0", "r1", …
fn plan(mut script: Scripted, rounds: usize, chunks: usize, fate: Fate) -> Scripted {
    for _ in 0..rounds {
        script = script.then_call("f", json!({}));
    }
    let texts: Vec<String> = (0..chunks).map(|at| format!("r{at}")).collect();
    let mut reply: Vec<_> = texts.iter().map(|text| chunk(text, None)).collect();
    match fate {
        Fate::Completes | Fate::Dropped => script.then_chunks(texts),
        Fate::Fails => script.then_fail(&texts.iter().map(String::as_str).collect::<Vec<_>>()),
        Fate::Truncated => script.then_stream(reply),
        Fate::Stopped => {
            *reply.last_mut().unwrap() = chunk(&texts[chunks - 1], Some("SAFETY"));
            script.then_stream(reply)
        }
        Fate::Waits => script.then_call("ask", json!({})),
        Fate::Blocked => {
            let block = json!({"promptFeedback": {"blockReason": "SAFETY"}});
            reply.push(serde_json::from_value(block).unwrap());
            script.then_stream(reply)
        }
    }
}

/// Settings with a policy that makes the function `ask` wait.
fn careful() -> AutomaticFunctionCalling {
    let policy = async |request: CallRequest| match request.call.name() {
        "ask" => Decision::Wait,
        _ => Decision::Run,
    };
    AutomaticFunctionCalling::default()
        .max_rounds(100)
        .approve(policy)
}

/// Returns the message that begins or continues a turn. Decisions approve every call that waits.
fn message<'a>(chat: &'a mut ChatSession, begin: Begin<'_>) -> SendMessage<'a> {
    match begin {
        Begin::Message(text) => chat.send_message(text),
        Begin::Retry => chat.retry(),
        Begin::Decide => {
            let reason = chat.unfinished().map(|turn| turn.reason.clone());
            let Some(Reason::AwaitingApproval(calls)) = reason else {
                panic!("nothing waits");
            };
            chat.decide(calls.into_iter().map(|call| (call.id, Decision::Run)))
        }
    }
}

/// Runs a turn of the chat, and updates the expected state.
async fn turn(chat: &mut ChatSession, expected: &mut Expected, dice: &mut Dice, begin: Begin<'_>) {
    let old = expected.unfinished.take();
    let held = old.as_ref().map_or(Held::No, |turn| turn.held);
    if (begin, held) == (Begin::Retry, Held::Waits) {
        // The policy lets the call wait again.
        expected.unfinished = old;
        chat.set_backend(Scripted::default());
        message(chat, begin).await.unwrap();
        return;
    }
    let is_continued = held != Held::No && !matches!(begin, Begin::Message(_));
    let (sent, done) = match (begin, old) {
        (Begin::Message(text), _) => (text.to_owned(), 0),
        (_, turn) => turn.map_or((String::new(), 0), |turn| {
            (turn.sent, turn.rounds + usize::from(is_continued))
        }),
    };
    let fates = FATES.len() - usize::from(!expected.has_policy);
    let fate = FATES[dice.roll(fates as u64) as usize];
    let (rounds, chunks) = (dice.roll(3) as usize, 1 + dice.roll(3) as usize);
    let awaited = fate != Fate::Dropped && dice.roll(2) == 0;
    chat.set_backend(plan(Scripted::default(), rounds, chunks, fate));
    let message = message(chat, begin);
    if !is_continued {
        expected
            .undone
            .retain(|undone| matches!(undone, Undone::Turn(_)));
    }
    let all: String = (0..chunks).map(|at| format!("r{at}")).collect();
    let mut turn = Open {
        sent,
        rounds: done + rounds,
        received: Some(all),
        why: "",
        held: Held::No,
    };
    turn.why = match fate {
        Fate::Completes => "",
        Fate::Dropped => "interrupted",
        Fate::Fails => "failed",
        Fate::Truncated if awaited => "",
        Fate::Truncated => "truncated",
        Fate::Stopped => "stopped",
        Fate::Blocked => "blocked",
        Fate::Waits => "waits",
    };
    let is_ok = turn.why.is_empty() || fate == Fate::Waits;
    if awaited {
        assert_eq!(message.await.is_ok(), is_ok, "{fate:?}");
        if fate == Fate::Fails {
            turn.received = None;
        }
    } else if fate == Fate::Dropped {
        // The stream returns a chunk for each round before the chunks of the reply.
        let read = dice.roll((rounds + chunks) as u64) as usize;
        let mut reply = message.stream();
        for _ in 0..read {
            reply.next().await.unwrap().unwrap();
        }
        turn.rounds = done + read.saturating_sub(1).min(rounds);
        if read == 0 && is_continued {
            // Nothing ran: the calls are decided.
            turn.rounds = done - 1;
            turn.held = Held::Decided;
        }
        turn.received = match read {
            0 if is_continued => Some("call".to_owned()),
            0 => None,
            _ if read <= rounds => Some("call".to_owned()),
            _ => Some((0..read - rounds).map(|at| format!("r{at}")).collect()),
        };
    } else {
        assert_eq!(message.stream().finish().await.is_ok(), is_ok, "{fate:?}");
    }
    if fate == Fate::Waits {
        turn.received = Some("call".to_owned());
        turn.held = Held::Waits;
    }
    expected.last = turn.received.clone();
    if turn.why.is_empty() {
        let mut lines = turn.lines();
        lines.extend(turn.received);
        expected.enter(lines, false);
    } else {
        expected.unfinished = Some(turn);
    }
}

fn keep_partial(chat: &mut ChatSession, expected: &mut Expected) {
    let is_empty = |turn: &Open| turn.rounds == 0 && turn.received.is_none();
    let turn = expected.unfinished.take_if(|turn| !is_empty(turn));
    assert_eq!(chat.keep_partial(), turn.is_some());
    let Some(turn) = turn else {
        return;
    };
    let mut lines = turn.lines();
    expected.last = turn.received.clone();
    if turn.received.as_deref() == Some("call") {
        lines.extend(["call".to_owned(), "answer".to_owned()]);
    } else {
        lines.extend(turn.received);
    }
    expected.enter(lines, true);
}

fn rewind(chat: &mut ChatSession, expected: &mut Expected) {
    let undone = match expected.unfinished.take() {
        Some(turn) => Some(Undone::Open(turn)),
        None => expected.history.pop().map(Undone::Turn),
    };
    let sent = undone.as_ref().map(|undone| match undone {
        Undone::Turn(turn) => turn.lines[0].clone(),
        Undone::Open(turn) => turn.sent.clone(),
    });
    if sent.is_some() {
        expected.last = None;
    }
    expected.undone.extend(undone);
    assert_eq!(chat.rewind().map(|(sent, _)| line(&sent)), sent);
}

fn redo(chat: &mut ChatSession, expected: &mut Expected) {
    let undone = expected.undone.pop();
    assert_eq!(chat.redo(), undone.is_some());
    match undone {
        Some(Undone::Turn(turn)) => expected.history.push(turn),
        Some(Undone::Open(turn)) => {
            expected.last = turn.received.clone();
            expected.unfinished = Some(turn);
        }
        None => {}
    }
}

async fn walk(seed: u64) {
    let function = |name: &str| {
        let declaration = FunctionDeclaration::new(name, "Does nothing.");
        Function::from_declaration(declaration, |_| async { Ok(json!(1)) })
    };
    let functions = [function("f"), function("ask")];
    let model = GenerativeModel::new("m")
        .tools(functions.clone())
        .backend(Scripted::default());
    let mut journal = Some(Memory::default());
    // Every other chat has a policy.
    let automatic = || match seed % 2 {
        0 => AutomaticFunctionCalling::default(),
        _ => careful(),
    };
    let chat = model.start_chat().automatic_function_calling(automatic());
    let mut chat = chat.journal(journal.clone().unwrap());
    let has_policy = seed % 2 == 1;
    let empty = || Expected {
        has_policy,
        ..Expected::default()
    };
    let (mut expected, mut dice) = (empty(), Dice(seed));
    for step in 0..STEPS {
        let done = match dice.roll(12) {
            0 | 1 => {
                rewind(&mut chat, &mut expected);
                "rewind"
            }
            2 | 3 => {
                redo(&mut chat, &mut expected);
                "redo"
            }
            4 => {
                keep_partial(&mut chat, &mut expected);
                "keep_partial"
            }
            5 if expected.unfinished.is_some() => {
                turn(&mut chat, &mut expected, &mut dice, Begin::Retry).await;
                "retry"
            }
            10 if expected
                .unfinished
                .as_ref()
                .is_some_and(|turn| turn.held == Held::Waits) =>
            {
                turn(&mut chat, &mut expected, &mut dice, Begin::Decide).await;
                "decide"
            }
            6 => {
                let saved = serde_json::to_string(&chat).unwrap();
                let loaded: ChatSession = serde_json::from_str(&saved).unwrap();
                chat = loaded.tools(functions.clone());
                chat.set_automatic_function_calling(automatic());
                journal = None;
                expected.undone.clear();
                "save and load"
            }
            7 if let Some(journal) = &journal => {
                chat.save().await.unwrap();
                let resumed = journal.resume(chat.model());
                chat = resumed.automatic_function_calling(automatic());
                "resume"
            }
            11 if dice.roll(3) == 0 => {
                let late = Memory::default();
                chat.set_journal(late.clone());
                chat.save().await.unwrap();
                chat = late.resume(chat.model());
                chat.set_automatic_function_calling(automatic());
                journal = Some(late);
                let unfinished = expected.unfinished.as_ref();
                expected.last = unfinished.and_then(|turn| turn.received.clone());
                "resume from a journal that was set late"
            }
            8 if dice.roll(3) == 0 => {
                chat.set_history([Content::user("x"), Content::model("y")]);
                expected = empty();
                expected.enter(vec!["x".to_owned(), "y".to_owned()], false);
                "set_history"
            }
            9 => {
                chat.send_message("").await.unwrap_err();
                "an empty message"
            }
            _ => {
                let message = format!("m{step}");
                let begin = Begin::Message(&message);
                turn(&mut chat, &mut expected, &mut dice, begin).await;
                "a message"
            }
        };
        let context = format!("after {done}, step {step} of the walk with seed {seed}");
        compare(&chat, &expected, &context);
    }
    let Some(journal) = journal else {
        return;
    };
    chat.save().await.unwrap();
    let resumed = journal.resume(chat.model());
    let context = format!("after the walk with seed {seed}");
    assert_same(
        resumed.automatic_function_calling(automatic()),
        chat,
        &context,
    );
}

#[tokio::test]
async fn a_chat_stays_coherent_whatever_is_done_with_it_and_equals_its_journal() {
    for seed in 0..WALKS {
        walk(seed).await;
    }
}
