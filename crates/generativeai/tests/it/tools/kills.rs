//! Programs that die between the request of a call, its decision, its start, its end and its answer.

use std::collections::{BTreeMap, BTreeSet};

use generativeai::protocol::content::Content;
use generativeai::{CallRequest, Decision, Event, Reason};

use super::*;
use crate::support::dice::Dice;
use crate::support::memory::Memory;
use crate::support::poll::{Waiting, once_more, poll_times, run};

/// Number of kills.
const KILLS: usize = 1_000;

/// State that outlives the programs: the journal, and the effects of the calls.
#[derive(Clone, Default)]
struct World {
    journal: Memory,
    /// Numbers of the approved calls.
    approved: Arc<Mutex<BTreeSet<u64>>>,
    /// Number of times that each call ran, by the number of the call.
    runs: Arc<Mutex<BTreeMap<u64, u32>>>,
    /// Number of the next call.
    next: Arc<Mutex<u64>>,
}

impl World {
    /// Returns the chat as a program that was just started finds it.
    fn chat(&self) -> ChatSession {
        let this = self.clone();
        let work = Function::new("work", "Works.", move |args: Value| {
            let number = args["n"].as_u64().expect("a number");
            this.assert_may_run(number);
            *this.runs.lock().unwrap().entry(number).or_default() += 1;
            async move {
                for _ in 0..number % 4 {
                    once_more().await;
                }
                number
            }
        });
        let this = self.clone();
        let policy = move |request: CallRequest| {
            let this = this.clone();
            async move {
                once_more().await;
                match number_of(&json!(&request.call)) {
                    number if number % 3 == 0 => Decision::Wait,
                    number => this.approve(number),
                }
            }
        };
        let this = self.clone();
        let model = Scripted::answer_with(move |request| this.reply(&contents_of(request)));
        let model = GenerativeModel::new("m")
            .tools(work)
            .backend(Waiting(model));
        let careful = AutomaticFunctionCalling::default().approve(policy);
        self.journal
            .resume(&model)
            .automatic_function_calling(careful)
    }

    /// Returns a chat whose model calls three functions at once, then one, and then replies with text.
    fn reply(&self, contents: &[Content]) -> Content {
        let call = |_| {
            let mut next = self.next.lock().unwrap();
            *next += 1;
            json!({"functionCall": {"id": format!("c{next}"), "name": "work", "args": {"n": *next}}})
        };
        let parts: Value = match contents.len() {
            1 => (0..3).map(call).collect(),
            3 => (0..1).map(call).collect(),
            _ => json!([{"text": "Done."}]),
        };
        serde_json::from_value(json!({"role": "model", "parts": parts})).unwrap()
    }

    fn approve(&self, number: u64) -> Decision {
        self.approved.lock().unwrap().insert(number);
        Decision::Run
    }

    /// Checks that a call was approved, and that its start is in the journal.
    fn assert_may_run(&self, number: u64) {
        assert!(
            self.approved.lock().unwrap().contains(&number),
            "call {number} runs without approval"
        );
        let names = self.journal.names();
        let last = names
            .iter()
            .rev()
            .find(|name| *name == "Called" || *name == "Started");
        assert_eq!(
            last.map(String::as_str),
            Some("Started"),
            "call {number} runs, and no start is stored"
        );
    }
}

fn number_of(call: &Value) -> u64 {
    call["args"]["n"].as_u64().expect("a number")
}

/// Does what a program does next with the chat. Returns whether the turn is complete.
async fn work(world: &World, chat: &mut ChatSession) -> bool {
    match chat.unfinished().map(|turn| turn.reason.clone()) {
        None if chat.history().is_empty() => drop(chat.send_message("Work!").await.unwrap()),
        None => return true,
        Some(Reason::AwaitingApproval(calls)) => {
            let decisions = calls.into_iter().map(|waiting| {
                let number = number_of(&json!(&waiting.call));
                let decision = match number % 2 {
                    0 => world.approve(number),
                    _ => Decision::deny("odd"),
                };
                (waiting.id, decision)
            });
            drop(chat.decide(decisions).stream().finish().await.unwrap());
        }
        Some(_) => drop(chat.retry().await.unwrap()),
    }
    false
}

/// Responses that the journal has, by the id of their call.
fn stored_answers(journal: &Memory) -> BTreeMap<String, Value> {
    let mut stored = BTreeMap::new();
    for event in journal.events() {
        if let Event::Answered { answer, .. } = event {
            let response = &json!(&answer.parts)[0]["functionResponse"];
            let id = response["id"].as_str().expect("an id").to_owned();
            stored.insert(id, response["response"].clone());
        }
    }
    stored
}

/// Runs programs that are killed after a random number of polls until the turn is complete. Returns the number of
/// kills.
fn turn(seed: u64) -> usize {
    let (world, mut dice) = (World::default(), Dice(seed));
    let mut kills = 0;
    loop {
        let mut chat = world.chat();
        let polls = 1 + dice.roll(14) as usize;
        let done = poll_times(
            async { while !work(&world, &mut chat).await {} },
            // The last programs may finish.
            if kills < 12 { polls } else { 500 },
        );
        drop(chat);
        let runs = world.runs.lock().unwrap();
        assert!(
            runs.values().all(|&times| times == 1),
            "seed {seed}: a call ran twice: {runs:?}"
        );
        drop(runs);
        if done.is_some() {
            break;
        }
        kills += 1;
    }
    let chat = world.chat();
    assert_sendable(chat.history());
    let stored = stored_answers(&world.journal);
    for content in chat.history() {
        for part in json!(&content.parts).as_array().unwrap() {
            let response = &part["functionResponse"];
            if let Some(stored) = response["id"].as_str().and_then(|id| stored.get(id)) {
                assert_eq!(
                    response["response"], *stored,
                    "seed {seed}: an answer was lost"
                );
            }
        }
    }
    kills
}

#[test]
fn a_thousand_kills_run_no_call_without_approval_none_twice_and_lose_no_answer() {
    let mut kills = 0;
    for seed in 0.. {
        kills += turn(seed);
        if kills >= KILLS {
            break;
        }
    }
}

#[test]
fn a_call_that_was_running_is_answered_as_interrupted_and_the_others_keep_their_answers() {
    let parts = ["fast", "slow"]
        .map(|name| json!({"functionCall": {"id": name, "name": name, "args": {}}}));
    let script = Scripted::default()
        .then_stream([reply(json!(parts))])
        .then_text("Done.");
    let slow_runs = Arc::new(Mutex::new(0));
    let begun = Arc::clone(&slow_runs);
    let slow = Function::new("slow", "Hangs.", move || {
        *begun.lock().unwrap() += 1;
        std::future::pending::<u8>()
    });
    let careful = AutomaticFunctionCalling::default().approve(generativeai::Approval::Always);
    let journal = Memory::default();
    let chat = automatic(&script, [counting("fast").0, slow], careful.clone());
    let mut chat = chat.journal(journal.clone());
    assert!(poll_times(chat.send_message("Go!").into_future(), 50).is_none());

    let mut other = journal
        .resume(chat.model())
        .automatic_function_calling(careful);
    drop(chat);
    run(other.retry().into_future()).unwrap();

    let interrupted = "interrupted before it answered: it may or may not have taken effect";
    assert_eq!(
        answers(&other.history()[2]),
        [json!({"result": 1}), json!({"error": interrupted})]
    );
    assert_eq!(*slow_runs.lock().unwrap(), 1);
    assert_eq!(other.history().len(), 4);
}

#[test]
fn a_call_that_was_decided_and_has_not_started_runs_once_when_the_turn_continues() {
    let careful = AutomaticFunctionCalling::default().approve(generativeai::Approval::Always);
    // The program dies after the decision is stored and before the start is.
    let killed = |polls: usize| {
        let script = Scripted::default()
            .then_call("count", json!({}))
            .then_text("One.");
        let (count, calls) = counting("count");
        let journal = Memory::default();
        let chat = automatic(&script, count, careful.clone());
        let mut chat = chat.journal(journal.clone());
        poll_times(chat.send_message("Go!").into_future(), polls);
        (chat, journal, calls)
    };
    let was_decided = |(_, journal, _): &(_, Memory, _)| {
        journal.names().last().is_some_and(|name| name == "Decided")
    };
    let (chat, journal, calls) = (1..20).map(killed).find(was_decided).unwrap();
    assert!(calls.lock().unwrap().is_empty());

    let mut other = journal
        .resume(chat.model())
        .automatic_function_calling(careful.clone());
    assert!(matches!(
        other.unfinished().unwrap().reason,
        Reason::Interrupted
    ));
    run(other.retry().into_future()).unwrap();

    assert_eq!(calls.lock().unwrap().len(), 1);
    assert_eq!(answers(&other.history()[2]), [json!({"result": 1})]);
}
