//! Random walks over everything a chat can do, beside a small model of what must come of it.

use generativeai::protocol::content::{Content, Data, Part};
use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
use generativeai::protocol::tools::FunctionDeclaration;
use generativeai::testing::Scripted;
use generativeai::{ChatSession, Function, GenerativeModel, Reason};
use serde_json::json;

const WALKS: u64 = 10_000;
const STEPS: usize = 12;

/// A generator of numbers that are as good as random here (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }
}

/// What must be true of the chat, kept by the simplest means.
#[derive(Clone, Default)]
struct Expected {
    /// A line for each content of the history.
    history: Vec<Vec<String>>,
    unfinished: Option<Turn>,
    last: Option<String>,
}

#[derive(Clone)]
struct Turn {
    sent: String,
    rounds: usize,
    received: Option<String>,
    why: &'static str,
}

impl Turn {
    /// The contents of the turn before its reply.
    fn opening(&self) -> Vec<String> {
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
        other => panic!("a part nobody said: {other:?}"),
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
        other => panic!("a reason nobody gave: {other:?}"),
    }
}

fn compare(chat: &ChatSession, expected: &Expected, context: &str) {
    let history: Vec<String> = chat.history().iter().map(line).collect();
    assert_eq!(history, expected.history.concat(), "history {context}");
    assert!(
        chat.history()
            .iter()
            .all(|c| c.role.is_some() && !c.parts.is_empty()),
        "{context}"
    );
    assert!(chat.pending_calls().is_empty(), "pending {context}");
    let text = |reply: &GenerateContentResponse| {
        reply
            .candidates
            .first()
            .and_then(|c| c.content.as_ref())
            .map(line)
            .unwrap_or_default()
    };
    let unfinished = chat.unfinished().map(|turn| {
        (
            line(&turn.sent),
            turn.exchanged.len(),
            turn.received.as_ref().map(text),
            why(&turn.reason),
        )
    });
    let wanted = expected.unfinished.clone();
    let wanted = wanted.map(|turn| (turn.sent, turn.rounds * 2, turn.received, turn.why));
    assert_eq!(unfinished, wanted, "unfinished {context}");
    assert_eq!(chat.last().map(text), expected.last, "last {context}");
}

/// What a turn is made to do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Completes,
    Dropped,
    Fails,
    Truncated,
    Stopped,
    Blocked,
}

const FATES: [Fate; 6] = [
    Fate::Completes,
    Fate::Dropped,
    Fate::Fails,
    Fate::Truncated,
    Fate::Stopped,
    Fate::Blocked,
];

fn chunk(text: &str, reason: Option<&str>) -> GenerateContentResponse {
    serde_json::from_value(json!({"candidates": [{
        "content": {"role": "model", "parts": [{"text": text}]},
        "finishReason": reason,
    }]}))
    .unwrap()
}

/// Writes the script of a turn: rounds of calls, then a reply of the chunks "r0", "r1", …
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
        Fate::Blocked => {
            let block = json!({"promptFeedback": {"blockReason": "SAFETY"}});
            reply.push(serde_json::from_value(block).unwrap());
            script.then_stream(reply)
        }
    }
}

/// Runs one turn of the chat, and the same of what is expected. Without a message it is a retry.
async fn turn(chat: &mut ChatSession, expected: &mut Expected, dice: &mut Dice, new: Option<&str>) {
    let old = expected.unfinished.take().filter(|_| new.is_none());
    let (sent, done) = old.map_or((new.unwrap_or_default().to_owned(), 0), |t| {
        (t.sent, t.rounds)
    });
    let fate = FATES[dice.roll(6) as usize];
    let (rounds, chunks) = (dice.roll(3) as usize, 1 + dice.roll(3) as usize);
    let awaited = fate != Fate::Dropped && dice.roll(2) == 0;
    let script = plan(Scripted::default(), rounds, chunks, fate);
    *chat = chat.clone().backend(script);
    let message = match new {
        Some(text) => chat.send_message(text),
        None => chat.retry(),
    };
    let all: String = (0..chunks).map(|at| format!("r{at}")).collect();
    let mut turn = Turn {
        sent,
        rounds: done + rounds,
        received: Some(all),
        why: "",
    };
    turn.why = match fate {
        Fate::Completes => "",
        Fate::Dropped => "interrupted",
        Fate::Fails => "failed",
        Fate::Truncated if awaited => "",
        Fate::Truncated => "truncated",
        Fate::Stopped => "stopped",
        Fate::Blocked => "blocked",
    };
    if awaited {
        assert_eq!(message.await.is_ok(), turn.why.is_empty(), "{fate:?}");
        if fate == Fate::Fails {
            turn.received = None;
        }
    } else if fate == Fate::Dropped {
        // The chunk of each round comes out of the stream before those of the reply.
        let read = dice.roll((rounds + chunks) as u64) as usize;
        let mut reply = message.stream();
        for _ in 0..read {
            reply.next().await.unwrap().unwrap();
        }
        turn.rounds = done + read.saturating_sub(1).min(rounds);
        turn.received = match read {
            0 => None,
            _ if read <= rounds => Some("call".to_owned()),
            _ => Some((0..read - rounds).map(|at| format!("r{at}")).collect()),
        };
    } else {
        assert_eq!(
            message.stream().finish().await.is_ok(),
            turn.why.is_empty(),
            "{fate:?}"
        );
    }
    expected.last = turn.received.clone();
    if turn.why.is_empty() {
        let mut lines = turn.opening();
        lines.extend(turn.received);
        expected.history.push(lines);
    } else {
        expected.unfinished = Some(turn);
    }
}

fn keep_partial(chat: &mut ChatSession, expected: &mut Expected) {
    let nothing = |turn: &Turn| turn.rounds == 0 && turn.received.is_none();
    let keeps = expected
        .unfinished
        .as_ref()
        .is_some_and(|turn| !nothing(turn));
    assert_eq!(chat.keep_partial(), keeps);
    if !keeps {
        return;
    }
    let turn = expected.unfinished.take().unwrap();
    let mut lines = turn.opening();
    expected.last = turn.received.clone();
    if turn.received.as_deref() == Some("call") {
        lines.extend(["call".to_owned(), "answer".to_owned()]);
    } else {
        lines.extend(turn.received);
    }
    expected.history.push(lines);
}

fn rewind(chat: &mut ChatSession, expected: &mut Expected) {
    let sent = match expected.unfinished.take() {
        Some(turn) => Some(turn.sent),
        None => expected.history.pop().map(|lines| lines[0].clone()),
    };
    if sent.is_some() {
        expected.last = None;
    }
    assert_eq!(chat.rewind().map(|(sent, _)| line(&sent)), sent);
}

async fn walk(seed: u64) {
    let function = FunctionDeclaration::new("f", "Does nothing.");
    let function = Function::from_declaration(function, |_| async { Ok(json!(1)) });
    let model = GenerativeModel::new("m")
        .tools(function.clone())
        .backend(Scripted::default());
    let mut chat = model.start_chat().automatic_function_calling(true);
    let (mut expected, mut dice) = (Expected::default(), Dice(seed));
    for step in 0..STEPS {
        let done = match dice.roll(8) {
            0 => {
                rewind(&mut chat, &mut expected);
                "rewind"
            }
            1 => {
                keep_partial(&mut chat, &mut expected);
                "keep_partial"
            }
            2 if expected.unfinished.is_some() => {
                turn(&mut chat, &mut expected, &mut dice, None).await;
                "retry"
            }
            3 => {
                let saved = serde_json::to_string(&chat).unwrap();
                let loaded: ChatSession = serde_json::from_str(&saved).unwrap();
                chat = loaded.tools(function.clone());
                "save and load"
            }
            4 if dice.roll(3) == 0 => {
                chat.set_history([Content::user("x"), Content::model("y")]);
                expected = Expected::default();
                expected.history.push(vec!["x".to_owned(), "y".to_owned()]);
                "set_history"
            }
            5 => {
                chat.send_message("").await.unwrap_err();
                "an empty message"
            }
            _ => {
                let message = format!("m{step}");
                turn(&mut chat, &mut expected, &mut dice, Some(&message)).await;
                "a message"
            }
        };
        let context = format!("after {done}, step {step} of the walk with seed {seed}");
        compare(&chat, &expected, &context);
    }
}

#[tokio::test]
async fn a_chat_stays_coherent_whatever_is_done_with_it() {
    for seed in 0..WALKS {
        walk(seed).await;
    }
}
