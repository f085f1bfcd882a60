//! Validation of requests against the schema of the API.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Value, json};

/// Fails unless the body is a valid `GenerateContentRequest`.
///
/// Fields that the REST API has beyond Protocol Buffers are allowed, and no others.
#[track_caller]
pub(crate) fn assert_request_is_valid(body: &Value) {
    static VALIDATOR: OnceLock<Validator> = OnceLock::new();
    assert_is_valid(
        body,
        VALIDATOR.get_or_init(|| validator("GenerateContentRequest")),
    );
}

/// Fails unless the body is a valid `CountTokensRequest`, with the same exceptions.
#[track_caller]
pub(crate) fn assert_count_request_is_valid(body: &Value) {
    static VALIDATOR: OnceLock<Validator> = OnceLock::new();
    assert_is_valid(
        body,
        VALIDATOR.get_or_init(|| validator("CountTokensRequest")),
    );
}

#[track_caller]
fn assert_is_valid(body: &Value, validator: &Validator) {
    let errors = validator.iter_errors(body);
    let errors: Vec<_> = errors
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(
        errors.is_empty(),
        "{}\nin {body:#}\nA member that is newer than the schema belongs in `FIELDS`, a value in `VALUES`: {}",
        errors.join("\n"),
        file!()
    );
}

fn validator(message: &str) -> Validator {
    let mut schema: Value =
        serde_json::from_str(include_str!("../fixtures/wire/v1beta.schema.json"))
            .expect("the schema is JSON");
    schema["$ref"] = format!("#/$defs/{message}").into();
    allow_fields(&mut schema["$defs"]);
    allow_values(&mut schema["$defs"]);
    jsonschema::validator_for(&schema).expect("the schema is one")
}

/// Fields beyond Protocol Buffers, by message.
const FIELDS: &[(&str, &[&str])] = &[
    ("Blob", &["displayName"]),
    ("CodeExecutionResult", &["id"]),
    ("ExecutableCode", &["id"]),
    ("FileData", &["displayName"]),
    (
        "FileSearch",
        &["fileSearchStoreNames", "topK", "metadataFilter"],
    ),
    ("FunctionResponseBlob", &["displayName"]),
    ("FunctionResponsePart", &["fileData"]),
    (
        "GenerateContentRequest",
        &[
            "labels",
            "continuationToken",
            "serviceTier",
            "store",
            "modelArmorConfig",
        ],
    ),
    (
        "GenerationConfig",
        &[
            "audioTranscriptionConfig",
            "responseFormat",
            "translationConfig",
        ],
    ),
    ("GoogleMaps", &["authConfig"]),
    ("ImageConfig", &["imageSize", "imageOutputOptions"]),
    (
        "Part",
        &[
            "toolCall",
            "toolResponse",
            "mediaResolution",
            "mediaProcessing",
            "audioTranscription",
            "speechMetadata",
            "documentMetadata",
            "spreadsheetMetadata",
            "audioMetadata",
        ],
    ),
    ("Schema", &["additionalProperties", "defs", "ref"]),
    ("ThinkingConfig", &["thinkingLevel"]),
    ("Tool", &["mcpServers"]),
    (
        "Tool.ComputerUse",
        &["enablePromptInjectionDetection", "disabledSafetyPolicies"],
    ),
    ("Tool.GoogleSearch", &["searchTypes", "excludeDomains"]),
    ("ToolConfig", &["includeServerSideToolInvocations"]),
    ("VideoMetadata", &["contentLayers"]),
    ("VoiceConfig", &["replicatedVoiceConfig", "voice"]),
];

/// Values beyond Protocol Buffers, by enum.
const VALUES: &[(&str, &[&str])] = &[
    ("GenerationConfig.Modality", &["VIDEO"]),
    (
        "HarmCategory",
        &[
            "HARM_CATEGORY_JAILBREAK",
            "HARM_CATEGORY_IMAGE_HATE",
            "HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT",
            "HARM_CATEGORY_IMAGE_HARASSMENT",
            "HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT",
        ],
    ),
    (
        "Tool.ComputerUse.Environment",
        &["ENVIRONMENT_MOBILE", "ENVIRONMENT_DESKTOP"],
    ),
];

fn allow_fields(definitions: &mut Value) {
    for (message, fields) in FIELDS {
        let properties = definitions[message]["properties"].as_object_mut();
        let properties = properties.unwrap_or_else(|| panic!("no message {message}"));
        for field in *fields {
            let known = properties.insert((*field).to_owned(), json!(true));
            assert_eq!(known, None, "{message}.{field} is in the protobuf surface");
        }
    }
}

fn allow_values(definitions: &mut Value) {
    for (name, values) in VALUES {
        let known = definitions[name]["enum"].as_array_mut();
        known
            .unwrap_or_else(|| panic!("no enum {name}"))
            .extend(values.iter().map(|v| json!(v)));
    }
}

#[test]
fn a_request_with_all_kinds_of_fields_is_valid() {
    assert_request_is_valid(&json!({
        "contents": [{"role": "user", "parts": [{"text": "Hi"}, {"toolCall": {"id": "1"}}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
        "generationConfig": {"temperature": 0.5, "thinkingConfig": {"thinkingLevel": "LOW"}},
        "serviceTier": "flex",
    }));
}

#[test]
#[should_panic(expected = "temprature")]
fn a_request_with_a_misspelled_field_is_invalid() {
    assert_request_is_valid(&json!({"generationConfig": {"temprature": 0.5}}));
}

#[test]
#[should_panic(expected = "object")]
fn a_request_with_two_kinds_of_data_in_a_part_is_invalid() {
    let part = json!({"text": "a", "fileData": {"fileUri": "object"}});
    assert_request_is_valid(&json!({"contents": [{"parts": [part]}]}));
}

#[test]
fn the_request_within_a_count_request_is_validated() {
    let contents = json!([{"parts": [{"text": "Hi"}]}]);
    let request = json!({"model": "models/m", "contents": contents});

    assert_count_request_is_valid(&json!({"contents": contents}));
    assert_count_request_is_valid(&json!({"generateContentRequest": request}));
}
