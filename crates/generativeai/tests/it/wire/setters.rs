//! Requests written with setters are valid for the API.

use generativeai::protocol::{config::*, content::*, request::*, safety::*, schema::*, tools::*};
use serde_json::{Value, json};

use crate::schema::assert_request_is_valid;

#[track_caller]
fn assert_written(request: GenerateContentRequest, expected: Value) {
    let written = json!(request);
    assert_eq!(written, expected);
    assert_request_is_valid(&written);
}

#[test]
fn constructors_write_a_conversation_with_media_and_function_responses() {
    let call = FunctionCall::new(
        "height",
        json!({"of": "K2"}).as_object().cloned().expect("args"),
    );
    let request = GenerateContentRequest::default()
        .system_instruction("Be brief.")
        .contents([
            Content::user([Part::text("See"), Blob::new("image/png", [1, 2, 3]).into()]),
            Content::model(call.clone().id("1")),
            Content::user(FunctionResponse::to(&call.id("1"), json!(8611))),
            Content::user(FileData::new("files/1", "video/mp4")),
        ]);

    assert_written(
        request,
        json!({
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [
                {"role": "user", "parts": [
                    {"text": "See"},
                    {"inlineData": {"mimeType": "image/png", "data": "AQID"}},
                ]},
                {"role": "model", "parts": [
                    {"functionCall": {"id": "1", "name": "height", "args": {"of": "K2"}}},
                ]},
                {"role": "user", "parts": [{"functionResponse":
                    {"id": "1", "name": "height", "response": {"result": 8611}}}]},
                {"role": "user", "parts": [
                    {"fileData": {"fileUri": "files/1", "mimeType": "video/mp4"}},
                ]},
            ],
        }),
    );
}

#[test]
fn setters_write_a_generation_config() {
    let config = GenerationConfig::default()
        .candidate_count(1)
        .stop_sequences(["END", "STOP"])
        .temperature(0.0)
        .response_mime_type("application/json")
        .response_schema(
            Schema::object([
                ("name", Schema::string().description("common name")),
                ("kind", Schema::one_of(["hill", "mountain"])),
                (
                    "routes",
                    Schema::array(Schema::string()).min_items(1).max_items(3),
                ),
                ("metres", Schema::integer().nullable(true).default_value(0)),
            ])
            .required(["name"])
            .property_ordering(["name", "kind"]),
        )
        .response_modalities([ResponseModality::Text])
        .speech_config(SpeechConfig::default().voice_config(VoiceConfig::prebuilt("Kore")))
        .thinking_config(ThinkingConfig::default().thinking_level(ThinkingLevel::Low))
        .media_resolution(MediaResolution::Low);

    assert_written(
        GenerateContentRequest::default().generation_config(config),
        json!({"generationConfig": {
            "candidateCount": 1,
            "stopSequences": ["END", "STOP"],
            "temperature": 0.0,
            "responseMimeType": "application/json",
            "responseSchema": {
                "type": "OBJECT",
                "properties": {
                    "name": {"type": "STRING", "description": "common name"},
                    "kind": {"type": "STRING", "format": "enum", "enum": ["hill", "mountain"]},
                    "routes": {"type": "ARRAY", "items": {"type": "STRING"},
                        "minItems": 1, "maxItems": 3},
                    "metres": {"type": "INTEGER", "nullable": true, "default": 0},
                },
                "required": ["name"],
                "propertyOrdering": ["name", "kind"],
            },
            "responseModalities": ["TEXT"],
            "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
            "thinkingConfig": {"thinkingLevel": "LOW"},
            "mediaResolution": "MEDIA_RESOLUTION_LOW",
        }}),
    );
}

#[test]
fn setters_write_tools_and_safety_settings() {
    let height = FunctionDeclaration::new("height", "Returns the height of a mountain.")
        .parameters(Schema::object([("of", Schema::string())]))
        .behavior(Behavior::Blocking);
    let request = GenerateContentRequest::default()
        .tools([
            Tool::from(height),
            CodeExecution::default().into(),
            GoogleSearch::default().into(),
            UrlContext::default().into(),
            GoogleMaps::default().enable_widget(true).into(),
            FileSearch::default()
                .file_search_store_names(["stores/1"])
                .top_k(3)
                .into(),
            McpServer::default().name("m").into(),
        ])
        .tool_config(
            FunctionCallingConfig::from(FunctionCallingMode::Any)
                .allowed_function_names(["height"]),
        )
        .safety_settings([SafetySetting::new("HARM_CATEGORY_HARASSMENT", "OFF")])
        .labels([("team", "maps")])
        .service_tier(ServiceTier::Flex)
        .store(false);

    assert_written(
        request,
        json!({
            "tools": [
                {"functionDeclarations": [{
                    "name": "height",
                    "description": "Returns the height of a mountain.",
                    "behavior": "BLOCKING",
                    "parameters": {"type": "OBJECT", "properties": {"of": {"type": "STRING"}}},
                }]},
                {"codeExecution": {}},
                {"googleSearch": {}},
                {"urlContext": {}},
                {"googleMaps": {"enableWidget": true}},
                {"fileSearch": {"fileSearchStoreNames": ["stores/1"], "topK": 3}},
                {"mcpServers": [{"name": "m"}]},
            ],
            "toolConfig": {"functionCallingConfig":
                {"mode": "ANY", "allowedFunctionNames": ["height"]}},
            "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
            "labels": {"team": "maps"},
            "serviceTier": "flex",
            "store": false,
        }),
    );
}

#[test]
fn a_member_newer_than_this_version_can_be_sent() {
    let mut config = GenerationConfig::default().seed(7);
    config.unknown.insert("brandNew", json!({"a": 1}));

    assert_eq!(json!(config), json!({"seed": 7, "brandNew": {"a": 1}}));
}
