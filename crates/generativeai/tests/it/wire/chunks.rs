//! Forms of chunks that services send, and the reply that they become. `tests/field.md` lists the rows.

use generativeai::protocol::response::GenerateContentResponse;
use serde::Deserialize;
use serde_json::{Value, json};

fn merged(chunks: impl IntoIterator<Item = Value>) -> Value {
    let mut reply = GenerateContentResponse::default();
    for chunk in chunks {
        let chunk = GenerateContentResponse::deserialize(chunk).expect("a response");
        reply.merge_chunk(&chunk);
    }
    json!(reply)
}

/// Row 25 of tests/field.md.
#[test]
fn pieces_of_calls_are_joined_in_every_form() {
    let piece =
        |call: Value| json!({"candidates": [{"content": {"parts": [{"functionCall": call}]}}]});
    let args = |args: Value, more: bool| piece(json!({"partialArgs": args, "willContinue": more}));
    for (pieces, expected) in [
        (
            vec![
                piece(json!({"id": "1", "name": "f", "willContinue": true})),
                args(
                    json!([{"jsonPath": "$['a b'][0]", "stringValue": "x"}, {"jsonPath": "$.n", "nullValue": null}]),
                    true,
                ),
                args(
                    json!([{"jsonPath": "$['a b'][1]", "stringValue": ""}, {"jsonPath": "$.t", "boolValue": false}]),
                    false,
                ),
            ],
            json!([{"functionCall": {"id": "1", "name": "f", "args": {"a b": ["x", ""], "n": null, "t": false}}}]),
        ),
        (
            vec![
                piece(json!({"id": "1", "name": "f", "willContinue": true})),
                args(json!([{"jsonPath": "$.n", "numberValue": 0}]), false),
                piece(json!({"id": "2", "name": "f", "willContinue": true})),
                args(json!([{"jsonPath": "$.n", "numberValue": -0.5}]), false),
            ],
            json!([{"functionCall": {"id": "1", "name": "f", "args": {"n": 0}}},
                   {"functionCall": {"id": "2", "name": "f", "args": {"n": -0.5}}}]),
        ),
        (
            vec![
                piece(json!({"name": "f", "willContinue": true, "partialArgs": []})),
                json!({"usageMetadata": {"promptTokenCount": 1}}),
                json!({"candidates": [{"content": {"parts": [{"text": ""}]}}]}),
                args(
                    json!([{"jsonPath": "$.größe", "stringValue": "ü\"", "willContinue": true}]),
                    true,
                ),
                args(json!([{"jsonPath": "$.größe", "stringValue": "b"}]), true),
                piece(json!({})),
            ],
            json!([{"functionCall": {"name": "f", "args": {"größe": "ü\"b"}}}]),
        ),
        // Two calls at once.
        (
            vec![
                piece(json!({"id": "1", "name": "f", "willContinue": true})),
                piece(json!({"id": "2", "name": "g", "willContinue": true})),
                piece(json!({"id": "1", "partialArgs": [{"jsonPath": "$.a", "numberValue": 1}]})),
                piece(json!({"id": "2", "partialArgs": [{"jsonPath": "$.b", "numberValue": 2}]})),
            ],
            json!([{"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}},
                   {"functionCall": {"id": "2", "name": "g", "args": {"b": 2}}}]),
        ),
        // Two calls at once, without ids.
        (
            vec![
                piece(json!({"name": "f", "willContinue": true})),
                piece(json!({"name": "g", "willContinue": true})),
                piece(json!({"name": "f", "partialArgs": [{"jsonPath": "$.a", "numberValue": 1}]})),
                piece(json!({"name": "g", "partialArgs": [{"jsonPath": "$.b", "numberValue": 2}]})),
            ],
            json!([{"functionCall": {"name": "f", "args": {"a": 1}}},
                   {"functionCall": {"name": "g", "args": {"b": 2}}}]),
        ),
        // Items of an array out of order, each in pieces.
        (
            vec![
                piece(json!({"name": "f", "willContinue": true})),
                args(json!([{"jsonPath": "$.a[2].c", "boolValue": true}]), true),
                args(
                    json!([{"jsonPath": "$.a[1]", "stringValue": "x"}, {"jsonPath": "$.a[1]", "stringValue": "y"}]),
                    true,
                ),
                args(
                    json!([{"jsonPath": "$.a[0]", "nullValue": "NULL_VALUE"}]),
                    true,
                ),
                args(json!([{"jsonPath": "$.a[1]", "stringValue": "z"}]), false),
            ],
            json!([{"functionCall": {"name": "f", "args": {"a": [null, "xyz", {"c": true}]}}}]),
        ),
        // Only the argument announces its next piece.
        (
            vec![
                piece(
                    json!({"name": "f", "partialArgs": [{"jsonPath": "$.a", "stringValue": "x", "willContinue": true}]}),
                ),
                piece(json!({"partialArgs": [{"jsonPath": "$.a", "stringValue": "y"}]})),
            ],
            json!([{"functionCall": {"name": "f", "args": {"a": "xy"}}}]),
        ),
        // Whole arguments in a later chunk than the name.
        (
            vec![
                piece(json!({"name": "f", "willContinue": true})),
                piece(json!({"args": {"a": 1}})),
            ],
            json!([{"functionCall": {"name": "f", "args": {"a": 1}}}]),
        ),
    ] {
        let reply = merged(pieces);
        assert_eq!(reply["candidates"][0]["content"]["parts"], expected);
    }
}

/// Row 30 of tests/field.md.
#[test]
fn lists_of_all_chunks_are_kept() {
    for (name, chunks, expected) in [
        (
            "citationMetadata",
            json!([{"newSources": [1]}, {"newSources": [2, 1]}]),
            json!({"newSources": [1, 2]}),
        ),
        (
            "urlContextMetadata",
            json!([{"urlMetadata": [{"retrievedUrl": "a"}]}, {"urlMetadata": {"retrievedUrl": "b"}}]),
            json!({"urlMetadata": [{"retrievedUrl": "a"}, {"retrievedUrl": "b"}]}),
        ),
        (
            "logprobsResult",
            json!([{"topCandidates": [{}]}, {"topCandidates": [{}]}]),
            json!({"topCandidates": [{}, {}]}),
        ),
        (
            "groundingMetadata",
            json!([{"webSearchQueries": ["a"], "groundingChunks": [{"web": {"uri": "a"}}]}, {}]),
            json!({"webSearchQueries": ["a"], "groundingChunks": [{"web": {"uri": "a"}}]}),
        ),
        // A chunk without sources keeps those before it.
        (
            "groundingMetadata",
            json!([
                {"webSearchQueries": ["a"]},
                {"groundingChunks": [{"web": {"uri": "a"}}], "groundingSupports": {"groundingChunkIndices": 0}},
                {"searchEntryPoint": {"renderedContent": "1"}, "brandNew": 1},
            ]),
            json!({"searchEntryPoint": {"renderedContent": "1"}, "groundingChunks": [{"web": {"uri": "a"}}],
                "groundingSupports": [{"groundingChunkIndices": [0]}], "webSearchQueries": ["a"], "brandNew": 1}),
        ),
        // Each chunk repeats what came before.
        (
            "groundingMetadata",
            json!([
                {"groundingChunks": [{"web": {"uri": "a"}}], "searchEntryPoint": {"renderedContent": "1"}},
                {"groundingChunks": [{"web": {"uri": "a"}}, {"web": {"uri": "b"}}], "searchEntryPoint": {"renderedContent": "2"}},
            ]),
            json!({"searchEntryPoint": {"renderedContent": "2"},
                "groundingChunks": [{"web": {"uri": "a"}}, {"web": {"uri": "b"}}]}),
        ),
        (
            "safetyRatings",
            json!([[{"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"}], [{"category": 8, "probability": "LOW"}],
                [{"category": "harassment", "probability": "HIGH"}]]),
            json!([{"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH"},
                {"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "LOW"}]),
        ),
    ] {
        let chunks = chunks.as_array().cloned().expect("chunks");
        let whole = merged(
            chunks
                .into_iter()
                .map(|chunk| json!({"candidates": [{ name: chunk }]})),
        );
        assert_eq!(whole["candidates"][0][name], expected);
    }
}

/// Rows 7 and 30 of tests/field.md.
#[test]
fn a_chunk_without_counts_keeps_them() {
    let whole = merged([
        json!({"usageMetadata": {"trafficType": "ON_DEMAND"}}),
        json!({"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}]}}),
        json!({"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8}}),
        json!({"usageMetadata": {"trafficType": "ON_DEMAND"}}),
        json!({"usageMetadata": {}}),
        json!({"usageMetadata": {"serviceTier": "flex"}}),
    ]);

    assert_eq!(
        whole["usageMetadata"],
        json!({"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8,
            "trafficType": "ON_DEMAND", "serviceTier": "flex"})
    );
}
