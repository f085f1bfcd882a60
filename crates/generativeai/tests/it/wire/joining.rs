//! Joining chunks: what comes out does not depend on how they are grouped.

use generativeai::protocol::response::GenerateContentResponse;
use serde_json::{Value, json};

use super::lossless::Dice;

/// How many replies are made up.
const REPLIES: u64 = 3_000;

fn joined<'a>(
    chunks: impl IntoIterator<Item = &'a GenerateContentResponse>,
) -> GenerateContentResponse {
    let mut reply = GenerateContentResponse::default();
    for chunk in chunks {
        reply.absorb(chunk);
    }
    reply
}

/// A chunk as a service may send it: parts of the kinds that are joined and of those that are not.
fn chunk(dice: &mut Dice) -> GenerateContentResponse {
    let mut chunk = json!({});
    let candidates = (0..dice.roll(3)).map(|_| candidate(dice)).collect();
    chunk["candidates"] = Value::Array(candidates);
    for (name, value) in [
        ("usageMetadata", json!({"promptTokenCount": dice.roll(9)})),
        ("modelVersion", format!("m-{}", dice.roll(3)).into()),
        ("responseId", format!("r-{}", dice.roll(3)).into()),
        ("promptFeedback", feedback(dice)),
        ("newMember", dice.json(2)),
    ] {
        if dice.roll(4) == 0 {
            chunk[name] = value;
        }
    }
    serde_json::from_value(chunk).expect("a chunk")
}

fn feedback(dice: &mut Dice) -> Value {
    match dice.roll(3) {
        0 => json!({}),
        1 => json!({"blockReason": "SAFETY"}),
        _ => json!({"safetyRatings": [rating(dice)]}),
    }
}

fn rating(dice: &mut Dice) -> Value {
    let category = ["HARM_CATEGORY_HARASSMENT", "HARM_CATEGORY_NEW"][dice.roll(2) as usize];
    let mut rating = json!({"category": category});
    rating["probability"] = ["LOW", "HIGH"][dice.roll(2) as usize].into();
    if dice.roll(2) == 0 {
        rating["blocked"] = (dice.roll(2) == 0).into();
    }
    rating
}

fn candidate(dice: &mut Dice) -> Value {
    let mut candidate = json!({"index": dice.roll(2)});
    if dice.roll(5) > 0 {
        let parts: Value = (0..dice.roll(4)).map(|_| part(dice)).collect();
        candidate["content"] = json!({"parts": parts});
        if dice.roll(2) == 0 {
            candidate["content"]["role"] = "model".into();
        }
    }
    let cited = json!([{"startIndex": dice.roll(3), "uri": "u"}]);
    let chosen = json!([{"token": "a", "logProbability": -1.5}]);
    let reason = [
        "STOP",
        "SAFETY",
        "MAX_TOKENS",
        "BRAND_NEW",
        "FINISH_REASON_UNSPECIFIED",
    ][dice.roll(5) as usize];
    for (name, value) in [
        ("finishReason", reason.into()),
        ("finishMessage", format!("f{}", dice.roll(3)).into()),
        ("safetyRatings", json!([rating(dice)])),
        ("citationMetadata", json!({ "citationSources": cited })),
        ("logprobsResult", json!({ "chosenCandidates": chosen })),
        ("groundingMetadata", json!({"webSearchQueries": ["q"]})),
        ("avgLogprobs", json!(-0.5)),
        ("tokenCount", dice.roll(9).into()),
    ] {
        if dice.roll(4) == 0 {
            candidate[name] = value;
        }
    }
    candidate
}

fn part(dice: &mut Dice) -> Value {
    let mut part = match dice.roll(8) {
        0..3 => {
            let text = ["a", "b", ""][dice.roll(3) as usize];
            json!({ "text": text })
        }
        3 => json!({"functionCall": {"name": "f", "args": {"x": dice.roll(9)}}}),
        4 => json!({"executableCode": {"code": "x", "language": "PYTHON"}}),
        5 => json!({"codeExecutionResult": {"output": "y", "outcome": "OUTCOME_OK"}}),
        6 => json!({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
        _ => json!({"newKind": dice.json(2)}),
    };
    if dice.roll(4) == 0 {
        part["thought"] = true.into();
    }
    if dice.roll(5) == 0 {
        part["thoughtSignature"] = format!("s{}", dice.roll(9)).into();
    }
    part
}

#[test]
fn chunks_may_be_joined_in_any_grouping() {
    for seed in 0..REPLIES {
        let mut dice = Dice(seed);
        let chunks: Vec<_> = (0..=dice.roll(6)).map(|_| chunk(&mut dice)).collect();
        let whole = joined(&chunks);
        for from in 0..=chunks.len() {
            for to in from..=chunks.len() {
                let middle = joined(&chunks[from..to]);
                let before = chunks[..from].iter();
                let grouped = joined(before.chain([&middle]).chain(&chunks[to..]));
                assert_eq!(grouped, whole, "seed {seed}: chunks {from}..{to} first");
            }
        }
    }
}

#[test]
fn a_text_may_be_cut_into_chunks_anywhere() {
    for seed in 0..REPLIES {
        let mut dice = Dice(seed);
        let text: String = (0..20).map(|_| dice.text()).collect();
        let mut chunks: Vec<String> = vec![String::new()];
        for letter in text.chars() {
            if dice.roll(4) == 0 {
                chunks.push(String::new());
            }
            chunks.last_mut().expect("never empty").push(letter);
        }
        let chunks: Vec<GenerateContentResponse> = chunks
            .iter()
            .map(|text| generativeai::protocol::content::Content::model(text.as_str()).into())
            .collect();
        assert_eq!(joined(&chunks).text().expect("a text"), text, "seed {seed}");
    }
}
