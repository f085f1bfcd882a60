//! Tests that members that are unsupported or invalid are rejected by name.

use generativeai::ErrorKind;
use generativeai::protocol::content::Content;
use serde_json::{Value, json};

use crate::support::{ask, config, in_json, question, rejection, short, tiny, tool, with};

#[tokio::test]
async fn unsupported_and_invalid_members_are_rejected_by_name() {
    let local = tiny("rejected", |builder| builder);
    let height = json!([{ "functionDeclarations": [{ "name": "height" }] }]);
    let parts = |parts: Value| json!({ "contents": [{ "parts": parts }] });
    for (request, name) in [
        (json!({ "contents": [] }), "contents"),
        (parts(json!([])), "parts"),
        (parts(json!([{}])), "parts[0]"),
        (
            json!({ "contents": [{ "role": "ghost", "parts": [{ "text": "Boo" }] }] }),
            "role",
        ),
        (
            parts(json!([{ "inlineData": { "mimeType": "text/plain", "data": "aGVsbG8==" } }])),
            "not valid base64",
        ),
        (
            parts(json!([{ "inlineData": { "mimeType": "image/png", "data": "AAAA" } }])),
            "image/png",
        ),
        (
            parts(json!([{ "fileData": { "fileUri": "x" } }])),
            "fileData",
        ),
        (parts(json!([{ "hologram": {} }])), "hologram"),
        (config(json!({ "temperature": 2.1 })), "temperature"),
        (config(json!({ "topP": -0.1 })), "topP"),
        (config(json!({ "presencePenalty": 3 })), "presencePenalty"),
        (
            config(json!({ "frequencyPenalty": -3 })),
            "frequencyPenalty",
        ),
        (config(json!({ "maxOutputTokens": 0 })), "maxOutputTokens"),
        (config(json!({ "candidateCount": 2 })), "candidateCount"),
        (config(json!({ "stopSequences": [""] })), "stopSequences"),
        (
            config(json!({ "stopSequences": vec!["x"; 17] })),
            "stopSequences",
        ),
        (
            config(json!({ "stopSequences": ["x".repeat(1_025)] })),
            "stopSequences",
        ),
        (config(json!({ "logprobs": 3 })), "responseLogprobs"),
        (
            config(json!({ "responseLogprobs": true, "logprobs": 21 })),
            "logprobs",
        ),
        (
            config(json!({ "responseModalities": ["AUDIO"] })),
            "responseModalities",
        ),
        (config(json!({ "speechConfig": {} })), "speechConfig"),
        (
            config(json!({ "responseMimeType": "text/html" })),
            "responseMimeType",
        ),
        (
            config(json!({ "responseSchema": { "type": "STRING" } })),
            "responseMimeType",
        ),
        (config(json!({ "responseMimeType": "text/x.enum" })), "enum"),
        (
            config(json!({
                "responseMimeType": "application/json", "responseJsonSchema": { "not": {} },
            })),
            "generationConfig.responseJsonSchema/not",
        ),
        (config(json!({ "topK": -1 })), "topK"),
        (
            config(json!({ "thinkingConfig": { "thinkingBudget": -2 } })),
            "thinkingBudget",
        ),
        (
            json!({ "tools": [{ "functionDeclarations": [{ "name": "height", "parametersJsonSchema": {
                "type": "object", "properties": { "of": { "type": "gremlin" } },
            } }] }] }),
            "function `height`: parametersJsonSchema/properties/of/type",
        ),
        (
            json!({ "tools": [{ "functionDeclarations": [
                { "name": "height", "parametersJsonSchema": { "type": ["string", "null"] } },
            ] }] }),
            "function `height`: parametersJsonSchema/type",
        ),
        (json!({ "tools": [{ "googleSearch": {} }] }), "googleSearch"),
        (
            json!({ "tools": [{ "newerTool": {} }] }),
            "tools[0].newerTool",
        ),
        (
            json!({ "tools": [{ "codeExecution": {} }] }),
            "codeExecution",
        ),
        (
            json!({ "tools": [{ "functionDeclarations": [{ "name": "a b" }] }] }),
            "a b",
        ),
        (
            json!({ "tools": [{ "functionDeclarations": [{ "name": "a" }, { "name": "a" }] }] }),
            "twice",
        ),
        (
            json!({ "toolConfig": { "functionCallingConfig": { "mode": "ANY" } } }),
            "ANY",
        ),
        (
            json!({ "tools": height, "toolConfig": { "functionCallingConfig": {
                "mode": "ANY", "allowedFunctionNames": ["depth"],
            } } }),
            "depth",
        ),
        (
            json!({ "tools": height, "toolConfig": { "functionCallingConfig": { "mode": "BRAND_NEW" } } }),
            "BRAND_NEW",
        ),
        (
            json!({ "contents": [{ "role": "narrator", "parts": [{ "text": "Hi" }] }] }),
            "\"narrator\"",
        ),
        (
            config(json!({ "responseModalities": ["TEXT", "SMELL"] })),
            "responseModalities",
        ),
    ] {
        let (code, message) = rejection(&local, with(request.clone())).await;

        assert_eq!(code, 400, "{request}");
        assert!(message.contains(name), "{request}: {message}");
        // Row 24 of tests/field.md.
        assert!(!message.contains("Unknown("), "{message}");
    }
    let (code, message) =
        rejection(&local, with(json!({ "cachedContent": "cachedContents/1" }))).await;
    assert!(
        code == 404 && message.contains("cachedContents/1"),
        "{message}"
    );
}

#[tokio::test]
async fn members_with_neutral_values_are_accepted() {
    let local = tiny("accepted", |builder| builder);
    for request in [
        json!({ "safetySettings": [
            { "category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE" },
        ] }),
        config(json!({
            "candidateCount": 1, "maxOutputTokens": 3, "responseModalities": ["TEXT"],
            "thinkingConfig": { "thinkingBudget": 0, "includeThoughts": true },
        })),
        json!({ "contents": [
            { "role": "user", "parts": [{ "text": "Hi" }] },
            { "role": "model", "parts": [{ "text": "Hm", "thought": true }, { "text": "Hi" }] },
            { "role": "model", "parts": [{ "functionCall": { "name": "now", "args": {} } }] },
            { "role": "user", "parts": [
                { "functionResponse": { "name": "now", "response": { "result": 12 } } },
            ] },
        ] }),
    ] {
        ask(&local, with(request)).await.unwrap();
    }
}

/// Rows 10, 34, 35 and 39 of tests/field.md: settings that the model cannot follow.
#[tokio::test]
async fn settings_that_the_model_cannot_follow_are_ignored_unless_strict() {
    let tolerant = tiny("tolerant", |builder| builder);
    let strict = tiny("strict", |builder| builder.strict(true));
    for more in [
        json!({ "safetySettings": [
            { "category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_MEDIUM_AND_ABOVE" },
        ] }),
        json!({ "modelArmorConfig": { "promptTemplateName": "p" } }),
        config(json!({ "thinkingConfig": { "thinkingBudget": 9 } })),
        config(json!({ "thinkingConfig": { "thinkingLevel": "low" } })),
        tool(json!({
            "type": "object", "properties": { "to": { "type": "string", "pattern": "^(?!\\.)a" } },
        })),
        in_json(json!({ "type": "array", "items": { "type": "integer" }, "uniqueItems": true })),
    ] {
        let request = with(more.clone());

        ask(&tolerant, request.clone()).await.unwrap();
        let (code, message) = rejection(&strict, request).await;

        assert_eq!(code, 400, "{more}: {message}");
    }
    for (more, name) in [
        (
            config(json!({ "temprature": 0.5 })),
            "generationConfig.temprature",
        ),
        (config(json!({ "min_p": 0.1 })), "generationConfig.min_p"),
        (
            config(json!({ "mediaResolution": "MEDIA_RESOLUTION_LOW" })),
            "generationConfig.mediaResolution",
        ),
        (
            config(json!({ "thinkingConfig": { "new": 1 } })),
            "generationConfig.thinkingConfig.new",
        ),
        (
            json!({ "toolConfig": { "newThing": 1 } }),
            "toolConfig.newThing",
        ),
        (
            json!({ "toolConfig": { "functionCallingConfig": { "newMode": 1 } } }),
            "toolConfig.functionCallingConfig.newMode",
        ),
        (
            json!({ "toolConfig": { "retrievalConfig": { "languageCode": "en" } } }),
            "toolConfig.retrievalConfig",
        ),
        (
            json!({ "tools": [{ "functionDeclarations": [{ "name": "now", "behavior": "NON_BLOCKING" }] }] }),
            "functionDeclarations.behavior",
        ),
        (
            config(json!({
                "responseMimeType": "application/json",
                "responseSchema": { "type": "ARRAY", "maxItems": 1, "items": { "type": "INTEGER", "maxmum": 3 } },
            })),
            "generationConfig.responseSchema: maxmum",
        ),
        (
            json!({ "tools": [{ "functionDeclarations": [{
                "name": "now",
                "parameters": { "type": "OBJECT", "properties": { "in": { "type": "STRING", "maxLenght": 3 } } },
            }] }] }),
            "function `now`: parameters: maxLenght",
        ),
        (json!({ "labels": { "a": "b" } }), "labels"),
        (json!({ "store": true }), "store"),
        (json!({ "serviceTier": "FLEX" }), "serviceTier"),
        (json!({ "modelArmorConfig": {} }), "modelArmorConfig"),
        (json!({ "brandNew": 1 }), "brandNew"),
        (json!({ "brand\u{1b}New": 1 }), r"brand\u{1b}New"),
    ] {
        let request = with(more.clone());

        ask(&tolerant, request.clone()).await.unwrap();
        let (code, message) = rejection(&strict, request).await;

        assert_eq!(code, 400, "{more}: {message}");
        assert!(message.contains(name), "{more}: {message}");
    }
}

/// Rows 20, 35, 37 and 39 of tests/field.md: the model can follow all of these.
#[tokio::test]
async fn lenient_forms_are_accepted_even_in_strict_mode() {
    let local = tiny("lenient", |builder| builder.strict(true));
    for more in [
        config(
            json!({ "topK": 0, "mediaResolution": "MEDIA_RESOLUTION_UNSPECIFIED", "new": null }),
        ),
        json!({ "labels": {}, "store": false, "serviceTier": "standard", "toolConfig": {} }),
        json!({ "contents": [{ "parts": [
            { "inlineData": { "mimeType": "application/json", "data": "e30=" } },
        ] }] }),
        in_json(json!({ "type": "OBJECT", "properties": { "a": { "type": "STRING" } } })),
        tool(json!({
            "type": "OBJECT", "properties": { "file": { "type": "STRING", "format": "path" } },
        })),
    ] {
        let reply = ask(&local, with(more.clone())).await;

        assert!(reply.is_ok(), "{more}: {reply:?}");
    }
}

#[tokio::test]
async fn a_chat_that_exceeds_the_context_is_rejected_before_it_is_evaluated() {
    let local = tiny("long", |builder| builder.context(256));

    for words in [300, 1_000_000] {
        let (code, message) = rejection(&local, question(&"sea ".repeat(words), short())).await;
        assert!(
            code == 400 && message.contains("256") && message.contains("tokens"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn the_text_of_a_control_token_in_a_message_is_plain_letters() {
    let local = tiny("control-tokens", |builder| builder);
    let plain = question("a</s>b", short().max_output_tokens(1));

    let reply = ask(&local, plain).await.unwrap();

    // The BOS token, "[user]", six letters, a line break, and "[assistant]".
    let usage = reply.usage_metadata.unwrap();
    assert_eq!(usage.prompt_token_count, Some(1 + 6 + 6 + 1 + 11));
}

#[tokio::test]
async fn an_id_with_the_text_of_a_control_token_is_not_part_of_the_prompt() {
    let template = "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}\
         {% for m in messages %}[{{ m.role }}]{{ m.content }}{{ m.tool_call_id }}\
         {% for c in m.tool_calls or [] %}\
         <call>{{ c.function.name }}:{{ c.function.arguments | tojson }}<id>{{ c.id }}\
         {% endfor %}{% endfor %}";
    let local = tiny("ids", |builder| builder.chat_template(template));
    let tokens = async |id: &str| {
        let request = with(json!({
            "contents": [
                { "role": "user", "parts": [{ "text": "Hi" }] },
                { "role": "model", "parts": [{ "functionCall": { "id": id, "name": "now" } }] },
                { "role": "user", "parts": [{ "functionResponse": { "id": id, "name": "now" } }] },
            ],
            "generationConfig": { "maxOutputTokens": 1 },
        }));
        let reply = ask(&local, request).await.unwrap();
        reply.usage_metadata.unwrap().prompt_token_count.unwrap()
    };

    // Ids of this length are unchanged.
    let letters = tokens("a1b2c3d4e").await;

    assert_eq!(tokens("ab</s>cde").await, letters);
    assert_eq!(tokens("a</s>b").await, letters);
}

#[tokio::test]
async fn calls_that_begin_like_json_exclude_a_response_format() {
    let template = "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}\
        {% for m in messages %}[{{ m.role }}]{{ m.content }}\
        {% for c in m.tool_calls or [] %}\
        {\"name\": \"{{ c.function.name }}\", \"parameters\": {{ c.function.arguments | tojson }}}\
        {% endfor %}{% endfor %}";
    let local = tiny("like-json", |builder| builder.chat_template(template));
    let request = |mime_type: &str, mode: &str| {
        let schema = json!({ "type": "STRING", "enum": ["yes", "no"] });
        let schema = (mime_type == "text/x.enum").then_some(schema);
        with(json!({
            "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }],
            "tools": [{ "functionDeclarations": [{ "name": "now" }] }],
            "toolConfig": { "functionCallingConfig": { "mode": mode } },
            "generationConfig": {
                "maxOutputTokens": 1, "responseMimeType": mime_type, "responseSchema": schema,
            },
        }))
    };

    let error = ask(&local, request("application/json", "AUTO"))
        .await
        .unwrap_err();

    assert!(error.to_string().contains("begin like JSON"), "{error}");
    for (mime_type, mode) in [
        ("text/plain", "AUTO"),
        ("text/x.enum", "AUTO"),
        ("application/json", "ANY"),
        ("application/json", "NONE"),
    ] {
        let replied = ask(&local, request(mime_type, mode)).await;
        assert!(replied.is_ok(), "{mime_type} {mode}: {replied:?}");
    }
}

#[tokio::test]
async fn an_empty_system_instruction_is_rejected_like_an_empty_message() {
    let local = tiny("empty", |builder| builder);
    let request = question("Hi", short()).system_instruction(Content::default());

    let error = ask(&local, request).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Request);
    assert!(error.to_string().contains("systemInstruction"), "{error}");
}
