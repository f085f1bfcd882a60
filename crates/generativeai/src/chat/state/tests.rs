//! Tests of events that fit a state, and of events that do not.

use serde_json::{Value, json};

use super::*;
use crate::model::GenerativeModel;

fn event(json: Value) -> Event {
    serde_json::from_value(json).expect("an event")
}

fn content(role: &str, text: &str) -> Value {
    json!({"role": role, "parts": [{"text": text}]})
}

fn added(texts: &[&str]) -> Event {
    let roles = ["user", "model"].iter().cycle();
    let contents: Vec<Value> = roles
        .zip(texts)
        .map(|(role, text)| content(role, text))
        .collect();
    event(json!({"added": {"contents": contents}}))
}

fn opened() -> Event {
    event(json!({"opened": {"sent": content("user", "c")}}))
}

fn completed() -> Event {
    event(json!({"completed": {"response": {
        "candidates": [{"content": content("model", "d"), "finishReason": "STOP"}],
    }}}))
}

/// Returns a reply with two calls that need approval.
fn called() -> Event {
    let call = |name: &str| json!({"functionCall": {"name": name, "args": {}}});
    let content = json!({"role": "model", "parts": [call("f"), call("g")]});
    event(json!({"called": {"id": "1", "received": {"candidates": [{"content": content}]}}}))
}

fn decided(decisions: Value) -> Event {
    event(json!({"decided": {"decisions": decisions}}))
}

fn answered(call: usize) -> Event {
    let response = json!({"functionResponse": {"name": "f", "response": {}}});
    event(json!({"answered": {"call": call, "answer": {"role": "user", "parts": [response]}}}))
}

fn rewound(length: usize) -> Event {
    Event::Rewound { length }
}

/// Returns everything that a state contains.
fn all(state: &State) -> (Value, Option<(Content, Content)>) {
    let mut chat = GenerativeModel::new("m").start_chat();
    chat.state = state.clone();
    (json!(chat), state.undone())
}

fn state(events: impl IntoIterator<Item = Event>) -> State {
    let mut state = State::default();
    for event in events {
        state.apply(event).expect("an event that fits");
    }
    state
}

#[test]
fn an_event_that_contradicts_the_state_is_refused_and_changes_nothing() {
    let no_turn = || vec![added(&["a", "b"])];
    let open = || vec![added(&["a", "b"]), opened()];
    let summarized = || {
        let summary = [content("user", "s"), content("model", "t")];
        let compacted = event(json!({"compacted": {"length": 2, "summary": summary}}));
        vec![added(&["a", "b", "c", "d"]), compacted]
    };
    let held = || vec![opened(), called()];
    let approved = || vec![opened(), called(), decided(json!({"0": "run", "1": "run"}))];
    let started = || [approved(), vec![Event::Started]].concat();
    let text = event(json!({"answered": {"call": 0, "answer": content("user", "c")}}));
    let empty = json!({"candidates": [{"content": {"role": "model"}}]});
    for (before, invalid) in [
        (no_turn(), event(json!({"exchanged": {"contents": []}}))),
        (no_turn(), completed()),
        (
            no_turn(),
            event(json!({"unfinished": {"reason": "blocked"}})),
        ),
        (no_turn(), rewound(2)),
        (no_turn(), rewound(3)),
        (no_turn(), Event::Redone),
        (no_turn(), event(json!({"compacted": {"length": 3}}))),
        (open(), event(json!({"completed": {"response": empty}}))),
        (open(), rewound(0)),
        (open(), rewound(3)),
        (
            open(),
            event(json!({"added": {"contents": [], "interrupted": [0]}})),
        ),
        (vec![opened(), rewound(0), opened()], Event::Redone),
        (summarized(), event(json!({"compacted": {"length": 1}}))),
        (no_turn(), called()),
        (held(), called()),
        (
            open(),
            event(json!({"called": {"id": "1", "received": empty}})),
        ),
        (no_turn(), decided(json!({"0": "run"}))),
        (open(), decided(json!({"0": "run"}))),
        (held(), decided(json!({"2": "run"}))),
        (held(), decided(json!({"0": "wait"}))),
        (approved(), decided(json!({"0": {"deny": "no"}}))),
        (held(), Event::Started),
        (open(), Event::Started),
        (started(), Event::Started),
        (started(), decided(json!({"0": "run"}))),
        (open(), answered(0)),
        (approved(), answered(0)),
        (started(), answered(2)),
        (started(), text),
        ([started(), vec![answered(0)]].concat(), answered(0)),
        (
            [started(), vec![answered(0), answered(1)]].concat(),
            answered(0),
        ),
    ] {
        let mut state = state(before);
        let unchanged = all(&state);
        let name = format!("{invalid:?}");

        let refused = state.apply(invalid);

        assert!(refused.is_err(), "{name}");
        assert_eq!(all(&state), unchanged, "{name}");
    }
}

#[test]
fn a_summary_that_is_undone_and_redone_is_still_a_summary() {
    let summary = [content("user", "s"), content("model", "t")];
    let compacted = event(json!({"compacted": {"length": 2, "summary": summary}}));
    let mut state = state([added(&["a", "b"]), compacted]);
    let before = all(&state);

    state.apply(rewound(0)).expect("a turn");
    assert_eq!((state.summary(), state.history().len()), (0, 0));
    state.apply(Event::Redone).expect("an undone turn");

    assert_eq!(all(&state).0, before.0);
}

#[test]
fn the_events_of_a_state_lead_to_it_and_to_its_undone_turns() {
    let turns = || added(&["a", "b", "c", "d"]);
    let summary = [content("user", "s"), content("model", "t")];
    let compacted = event(json!({"compacted": {"length": 2, "summary": summary}}));
    let kept = event(json!({"added": {
        "contents": [content("user", "e"), content("model", "f")], "interrupted": [1],
    }}));
    let blocked = event(json!({"unfinished": {"reason": "blocked"}}));
    for events in [
        vec![turns(), rewound(2), rewound(0)],
        vec![turns(), kept, rewound(4), rewound(2)],
        vec![turns(), opened(), blocked, rewound(4), rewound(2)],
        vec![turns(), opened(), called(), rewound(4), rewound(2)],
        vec![turns(), rewound(2), opened()],
        vec![turns(), rewound(2), opened(), rewound(2)],
        vec![turns(), compacted.clone(), rewound(2), rewound(0)],
        vec![turns(), rewound(2), opened(), compacted],
    ] {
        let name = format!("{events:?}");
        let mut original = state(events);
        let mut copy = state(original.events());
        loop {
            assert_eq!(all(&copy), all(&original), "{name}");
            let redone = [&mut copy, &mut original].map(|state| state.apply(Event::Redone).is_ok());
            assert_eq!(redone[0], redone[1], "{name}");
            if !redone[0] {
                break;
            }
        }
    }
}

#[test]
fn a_reply_with_a_token_in_each_chunk_is_not_copied_for_each_of_them() {
    let chunk = |text: &str, token: Option<&str>| -> GenerateContentResponse {
        let candidate = json!({"content": content("model", text), "continuationToken": token});
        serde_json::from_value(json!({"candidates": [candidate]})).expect("a chunk")
    };
    let received = |state: &State| state.last().map(Arc::as_ptr);
    let mut state = state([opened()]);
    state.receive_chunk(&chunk("a", Some("1")));
    state.receive_chunk(&chunk("b", Some("2")));
    let before = received(&state);

    for (text, token) in [("c", None), ("d", Some("3")), ("e", Some("4")), ("f", None)] {
        state.receive_chunk(&chunk(text, token));
    }

    assert_eq!(received(&state), before);
    let turn = state.unfinished().expect("an open turn");
    assert_eq!(turn.continuation_token(), Some("4"));
    let checkpoint = turn.checkpoint().map(|reply| reply.to_string());
    assert_eq!(checkpoint.as_deref(), Some("abcde"));
    assert_eq!(
        turn.reply().map(|reply| reply.text()).as_deref(),
        Some("abcdef")
    );
}

#[test]
fn a_snapshot_leads_to_the_same_state() {
    let unfinished = event(json!({"unfinished": {"reason": "truncated", "received": {
        "candidates": [{"content": content("model", "half")}],
    }}}));
    let summary = [content("user", "s"), content("model", "t")];
    let compacted = event(json!({"compacted": {"length": 2, "summary": summary}}));
    let interrupted = event(json!({"added": {
        "contents": [content("user", "e"), content("model", "f")], "interrupted": [1],
    }}));
    let events = [
        added(&["a", "b"]),
        opened(),
        completed(),
        interrupted,
        compacted,
        opened(),
        unfinished,
    ];

    let original = state(events);
    let loaded = State::load(original.snapshot()).expect("a snapshot that fits");

    assert_eq!(all(&loaded), all(&original));
    assert_eq!(loaded.interrupted(), [5]);
}
