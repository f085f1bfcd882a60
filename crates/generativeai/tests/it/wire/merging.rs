//! Merging of chunks: indices, citations and streamed calls, and any grouping of random chunks.

use generativeai::GenerativeModel;
use generativeai::protocol::response::{Candidate, GenerateContentResponse};
use generativeai::testing::Scripted;
use serde_json::{Value, json};

use super::inventory::inventory;
use super::lossless::Dice;

/// Number of random replies.
const REPLIES: u64 = 3_000;

fn merged<'a>(
    chunks: impl IntoIterator<Item = &'a GenerateContentResponse>,
) -> GenerateContentResponse {
    let mut reply = GenerateContentResponse::default();
    for chunk in chunks {
        reply.merge_chunk(chunk);
    }
    reply
}

/// Returns a random chunk, with parts that are merged and parts that are not.
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
    add_members("GenerateContentResponse", &mut chunk, dice);
    serde_json::from_value(chunk).expect("a chunk")
}

/// Adds random values of members that later values replace. The others are merged by rules that need fitting values.
fn add_members(message: &str, json: &mut Value, dice: &mut Dice) {
    const MERGED: [&str; 5] = [
        "citationMetadata",
        "content",
        "logprobsResult",
        "promptFeedback",
        "urlContextMetadata",
    ];
    for (name, field) in &inventory().messages[message] {
        if json.get(name).is_none() && !MERGED.contains(&name.as_str()) && dice.roll(8) == 0 {
            json[name] = dice.field(field, 2);
        }
    }
}

fn feedback(dice: &mut Dice) -> Value {
    match dice.roll(5) {
        0 => json!({}),
        1 => json!({"blockReason": "SAFETY"}),
        2 => json!({"blockReason": "OTHER", "blockReasonMessage": "too hot"}),
        3 => json!({"blockReason": "", "blockReasonMessage": "too cold"}),
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
    add_members("Candidate", &mut candidate, dice);
    candidate
}

fn part(dice: &mut Dice) -> Value {
    let id = dice.roll(1 << 30).to_string();
    let mut part = match dice.roll(11) {
        0..3 => {
            let text = ["a", "b", ""][dice.roll(3) as usize];
            json!({ "text": text })
        }
        // Calls have ids, since a name that is repeated may continue a call.
        3 => json!({"functionCall": {"name": "f", "id": id, "args": {"x": dice.roll(9)}}}),
        4 => json!({"executableCode": {"code": "x", "language": "PYTHON"}}),
        5 => json!({"codeExecutionResult": {"output": "y", "outcome": "OUTCOME_OK"}}),
        // The beginning of a streamed call, and pieces of one.
        6 => json!({"functionCall": {"name": "g", "id": id, "willContinue": true}}),
        7..9 => {
            let text = ["a", "b", ""][dice.roll(3) as usize];
            let arg = json!({"jsonPath": "$.t", "stringValue": text});
            match dice.roll(3) {
                0 => json!({"functionCall": {"partialArgs": [arg]}}),
                _ => json!({"functionCall": {"partialArgs": [arg], "willContinue": true}}),
            }
        }
        9 => json!({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
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

fn chunk_of(json: Value) -> GenerateContentResponse {
    serde_json::from_value(json).expect("a chunk")
}

/// Merges chunks with one candidate each, and returns the merged candidate.
fn merged_candidate(candidates: &[Value]) -> Candidate {
    let chunks = candidates
        .iter()
        .map(|candidate| json!({ "candidates": [candidate] }));
    let chunks: Vec<_> = chunks.map(chunk_of).collect();
    merged(&chunks).candidates.remove(0)
}

#[test]
fn each_member_of_a_chunk_is_in_the_merged_reply() {
    for (message, path) in [
        ("GenerateContentResponse", ""),
        ("Candidate", "candidates"),
        ("GenerateContentResponse.PromptFeedback", "promptFeedback"),
        ("GenerateContentResponse.UsageMetadata", "usageMetadata"),
    ] {
        let chunk = |json: Value| match path {
            "" => chunk_of(json),
            path => chunk_of(json!({ path: json })),
        };
        let empty = chunk(json!({}));
        for (name, field) in &inventory().messages[message] {
            // The last value is not one of those that mean that a member is absent.
            let (value, _) = field.samples().pop().expect("a sample");
            let chunk = chunk(json!({ name: value }));
            for chunks in [[&chunk, &empty], [&empty, &chunk]] {
                let whole = json!(merged(chunks)).to_string();
                assert!(whole.contains(name), "{message}.{name}: {whole}");
            }
        }
    }
}

/// Row 3 of tests/field.md.
#[test]
fn candidates_are_matched_and_ordered_by_index() {
    let candidate = |index: Option<i32>, text: &str| {
        let mut candidate = json!({"content": {"parts": [{ "text": text }]}});
        if let Some(index) = index {
            candidate["index"] = index.into();
        }
        candidate
    };
    let chunks = [
        json!({"candidates": [candidate(Some(1), "b")]}),
        json!({"candidates": [candidate(None, "a")]}),
        json!({"candidates": [candidate(Some(1), "B"), candidate(None, "A")]}),
        json!({"candidates": [candidate(None, "1"), candidate(None, "2")]}),
    ]
    .map(chunk_of);

    let whole = merged(&chunks);

    let texts = whole.candidates.iter().map(|one| one.parts()[0].as_text());
    assert!(texts.eq([Some("aA1"), Some("bB2")]));
    let indices = whole.candidates.iter().map(|one| one.index);
    assert!(indices.eq([None, Some(1)]));
}

/// Row 3 of tests/field.md.
#[tokio::test]
async fn the_candidates_of_a_reply_in_one_piece_are_ordered_by_index() {
    let reply = chunk_of(json!({"candidates": [
        {"index": 2, "content": {"parts": [{"text": "c"}]}, "finishReason": "STOP"},
        {"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"},
        {"index": 1, "content": {"parts": [{"text": "b"}]}, "finishReason": "SAFETY"},
    ]}));
    let script = Scripted::default()
        .then_stream([reply.clone()])
        .then_stream([reply]);
    let model = GenerativeModel::new("m").backend(script);
    let mut chat = model.start_chat();

    chat.send_message("Go").await.expect("a reply");
    let whole = model.generate_content("Go").await.expect("a reply");

    assert_eq!(chat.history()[1].text(), "a");
    for reply in [chat.last().expect("a reply"), &whole] {
        let texts = reply.candidates.iter().map(|one| one.parts()[0].as_text());
        assert!(texts.eq([Some("a"), Some("b"), Some("c")]));
    }
}

/// Row 30 of tests/field.md.
#[test]
fn citations_of_all_chunks_are_kept() {
    for name in ["citationSources", "citations"] {
        let chunk = |uri: &str| json!({"citationMetadata": {name: [{ "uri": uri }]}});

        let whole = merged_candidate(&[chunk("a"), chunk("b"), json!({}), chunk("a")]);

        let citations = json!({name: [{"uri": "a"}, {"uri": "b"}]});
        assert_eq!(json!(whole.citation_metadata), citations);
    }
}

#[test]
fn pieces_of_one_part_are_merged_and_other_parts_are_not() {
    let code = |code: &str, language: &str| json!({"executableCode": {"code": code, "language": language}});
    let result = |output: &str, outcome: &str| json!({"codeExecutionResult": {"output": output, "outcome": outcome}});
    for (first, second, merged) in [
        (
            json!({"text": "a"}),
            json!({"text": "b"}),
            Some(json!({"text": "ab"})),
        ),
        (
            json!({"text": "a"}),
            json!({"text": "b", "thought": true}),
            None,
        ),
        (
            json!({"text": "a"}),
            json!({"text": "b", "partMetadata": {"id": 1}}),
            None,
        ),
        (
            json!({"text": "a", "mediaProcessing": "AUTO"}),
            json!({"text": "b"}),
            None,
        ),
        (
            json!({"text": "a", "thoughtSignature": "c2ln"}),
            json!({"text": "b"}),
            None,
        ),
        (json!({"text": "a", "new": 1}), json!({"text": "b"}), None),
        (
            code("a", "LANGUAGE_UNSPECIFIED"),
            code("b", "PYTHON"),
            Some(code("ab", "PYTHON")),
        ),
        (
            code("a", "PYTHON"),
            code("b", "LANGUAGE_UNSPECIFIED"),
            Some(code("ab", "PYTHON")),
        ),
        (
            result("a", "OUTCOME_OK"),
            result("b", "OUTCOME_UNSPECIFIED"),
            Some(result("ab", "OUTCOME_OK")),
        ),
        (
            result("a", "OUTCOME_UNSPECIFIED"),
            result("b", "OUTCOME_FAILED"),
            Some(result("ab", "OUTCOME_FAILED")),
        ),
    ] {
        let candidates = [&first, &second].map(|part| json!({"content": {"parts": [part]}}));

        let parts = merged_candidate(&candidates)
            .content
            .expect("a content")
            .parts;

        let expected = merged.map_or_else(|| json!([first, second]), |merged| json!([merged]));
        assert_eq!(json!(parts), expected);
    }
}

#[test]
fn a_reason_and_its_message_may_come_in_two_chunks() {
    let reason = json!({"promptFeedback": {"blockReason": "SAFETY"}});
    let message = json!({"promptFeedback": {"blockReason": "", "blockReasonMessage": "too hot"}});
    for chunks in [[&reason, &message], [&message, &reason]] {
        let whole = merged(&chunks.map(|chunk| chunk_of(chunk.clone())));

        assert_eq!(
            json!(whole.prompt_feedback),
            json!({"blockReason": "SAFETY", "blockReasonMessage": "too hot"})
        );
        assert!(whole.is_blocked() && whole.block_reason().is_some());
    }
}

#[test]
fn usage_members_other_than_counts_stay_until_they_are_replaced() {
    let kept = json!({
        "trafficType": "ON_DEMAND",
        "serviceTier": "flex",
        "billablePromptUsage": {"textCount": 5},
        "newMember": 1,
    });
    let counts = |prompt: i32| json!({"promptTokenCount": prompt});
    let chunks = [kept.clone(), counts(4), json!({"newMember": 2}), counts(5)];

    let whole = merged(&chunks.map(|usage| chunk_of(json!({"usageMetadata": usage}))));

    let mut usage = kept;
    usage["newMember"] = 2.into();
    usage["promptTokenCount"] = 5.into();
    assert_eq!(json!(whole.usage_metadata), usage);
}

#[test]
fn token_details_without_counts_are_kept() {
    let details = |name: &str| {
        (
            name.to_owned(),
            json!([{"modality": "TEXT", "tokenCount": 4}]),
        )
    };
    let details: Value = [
        "promptTokensDetails",
        "cacheTokensDetails",
        "candidatesTokensDetails",
        "toolUsePromptTokensDetails",
    ]
    .map(details)
    .into_iter()
    .collect();
    let chunks = [json!({"promptTokenCount": 4}), details.clone(), json!({})];

    let whole = merged(&chunks.map(|usage| chunk_of(json!({"usageMetadata": usage}))));

    let mut usage = details;
    usage["promptTokenCount"] = 4.into();
    assert_eq!(json!(whole.usage_metadata), usage);
}

/// Returns a chunk with a piece of a function call.
fn piece(call: Value) -> Value {
    json!({"content": {"parts": [{ "functionCall": call }]}})
}

/// Row 25 of tests/field.md.
#[test]
fn the_pieces_of_a_streamed_call_become_one_call() {
    let text = |path: &str, text: &str| {
        let arg = json!([{"jsonPath": path, "stringValue": text, "willContinue": true}]);
        piece(json!({"partialArgs": arg, "willContinue": true}))
    };
    let mut first = piece(json!({"name": "greet", "willContinue": true}));
    first["content"]["parts"][0]["thoughtSignature"] = "c2ln".into();
    let pieces = [
        first,
        text("$.greeting", "Hel"),
        text("$.greeting", "lo"),
        text("$.greeting", ""),
        piece(json!({"willContinue": true, "partialArgs": [
            {"jsonPath": "$.people[0].age", "numberValue": 36},
            {"jsonPath": "$.people[0].tall", "boolValue": true},
            {"jsonPath": "$.people[0].pet", "nullValue": "NULL_VALUE"},
        ]})),
        piece(json!({})),
        piece(json!({"name": "next", "args": {}})),
    ];

    let whole = merged_candidate(&pieces);

    let args = json!({"greeting": "Hello", "people": [{"age": 36, "tall": true, "pet": null}]});
    assert_eq!(
        json!(whole.parts()),
        json!([
            {"functionCall": {"name": "greet", "args": args}, "thoughtSignature": "c2ln"},
            {"functionCall": {"name": "next", "args": {}}},
        ])
    );
}

#[test]
fn a_streamed_call_in_one_piece_is_complete() {
    let args =
        json!([{"jsonPath": "$.a", "numberValue": 2}, {"jsonPath": "$.b", "numberValue": 0.5}]);

    let whole = merged_candidate(&[piece(json!({"name": "divide", "partialArgs": args}))]);

    let call = whole.parts()[0].as_function_call().expect("a call");
    assert!(call.is_complete());
    assert_eq!(json!(call.args), json!({"a": 2, "b": 0.5}));
}

/// Row 25 of tests/field.md: a program must not run such a call.
#[test]
fn a_streamed_call_that_stops_short_is_not_complete() {
    let first = piece(json!({"name": "greet", "willContinue": true}));
    let greeting = json!({"jsonPath": "$.greeting", "stringValue": "Hel", "willContinue": true});
    let other = piece(json!({"name": "other", "args": {}}));
    let unfit = json!({"jsonPath": "$.greeting.a[*]", "stringValue": "lo"});
    for pieces in [
        vec![first.clone()],
        vec![
            first.clone(),
            piece(json!({"partialArgs": [greeting], "willContinue": true})),
        ],
        vec![first.clone(), other],
        vec![first, piece(json!({"partialArgs": [greeting, unfit]}))],
    ] {
        let chunks: Vec<_> = pieces
            .iter()
            .map(|piece| chunk_of(json!({"candidates": [piece]})))
            .collect();
        let whole = merged(&chunks);
        let call = whole.candidates[0].parts()[0].as_function_call();
        assert!(!call.expect("a call").is_complete(), "{pieces:?}");
        assert!(whole.function_calls().all(|call| call.name() != "greet"));
    }
}

#[test]
fn chunks_may_be_merged_in_any_grouping() {
    for seed in 0..REPLIES {
        let mut dice = Dice(seed);
        let chunks: Vec<_> = (0..=dice.roll(6)).map(|_| chunk(&mut dice)).collect();
        let whole = merged(&chunks);
        for from in 0..=chunks.len() {
            for to in from..=chunks.len() {
                let middle = merged(&chunks[from..to]);
                let before = chunks[..from].iter();
                let grouped = merged(before.chain([&middle]).chain(&chunks[to..]));
                assert_eq!(grouped, whole, "seed {seed}: chunks {from}..{to} first");
            }
        }
    }
}

#[test]
fn text_may_be_split_into_chunks_anywhere() {
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
        assert_eq!(merged(&chunks).text().expect("a text"), text, "seed {seed}");
    }
}
