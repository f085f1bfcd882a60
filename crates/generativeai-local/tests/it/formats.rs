//! Response formats and function calls, with the default model.

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::{Content, FunctionResponse};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::FinishReason;
use generativeai::protocol::schema::Schema;
use generativeai::protocol::tools::{FunctionCallingMode, FunctionDeclaration, Tool};
use generativeai_local::Local;
use serde_json::{Value, json};

use crate::support::{ask, local, question, usage};

fn config() -> GenerationConfig {
    GenerationConfig::default()
        .temperature(0.0)
        .max_output_tokens(80)
}

fn in_json(config: GenerationConfig) -> GenerateContentRequest {
    let question = "Name a city, its country, and how many people live there.";
    self::question(question, config.response_mime_type("application/json"))
}

async fn json_of(local: &Local, request: GenerateContentRequest) -> Value {
    let reply = ask(local, request).await.expect("a reply");
    assert_eq!(
        reply.finish_reason(),
        Some(&FinishReason::Stop),
        "{reply:?}"
    );
    serde_json::from_str(&reply.text().expect("text")).expect("JSON")
}

#[tokio::test]
async fn a_reply_matches_its_response_schema() {
    let name = || Schema::string().max_length(20);
    let schema = Schema::object([
        ("city", name()),
        ("country", Schema::one_of(["France", "Spain"])),
        ("people", Schema::integer()),
    ]);
    let schema = schema.required(["city", "country", "people"]);

    let city = json_of(&local(), in_json(config().response_schema(schema))).await;

    assert!(city["city"].as_str().unwrap().len() <= 20);
    assert!(["France", "Spain"].contains(&city["country"].as_str().unwrap()));
    assert!(city["people"].is_i64());
    assert_eq!(city.as_object().unwrap().len(), 3);
}

#[tokio::test]
async fn a_reply_matches_its_response_json_schema() {
    let schema = json!({
        "type": "array",
        "items": { "$ref": "#/$defs/point" },
        "minItems": 2,
        "maxItems": 2,
        "$defs": { "point": {
            "type": "object",
            "properties": { "x": { "type": "integer", "minimum": 0, "maximum": 9 } },
            "required": ["x"],
        } },
    });

    let points = json_of(
        &local(),
        in_json(config().response_json_schema(schema.clone())),
    )
    .await;

    assert!(
        jsonschema::validator_for(&schema)
            .unwrap()
            .is_valid(&points),
        "{points}"
    );
}

/// Row 33 of tests/field.md: only "Answer with JSON" is added to the prompt, not a schema, which the model might
/// repeat.
#[tokio::test]
async fn json_without_a_schema_is_any_json() {
    let request = in_json(config());
    let plain = question(
        "Name a city, its country, and how many people live there.",
        config(),
    );

    let reply = ask(&local(), request).await.unwrap();

    let plain = ask(&local(), plain).await.unwrap();
    let tokens = |reply| usage(reply).prompt_token_count.unwrap();
    assert!(tokens(&reply) < tokens(&plain) + 40, "{reply:?}");
    match reply.finish_reason() {
        Some(FinishReason::Stop) => {
            serde_json::from_str::<Value>(&reply.text().unwrap()).unwrap();
        }
        other => assert_eq!(other, Some(&FinishReason::MaxTokens)),
    }
}

/// Row 33 of tests/field.md: nothing is added to the prompt if the program already asks for JSON.
#[tokio::test]
async fn json_that_the_program_asks_for_is_not_asked_for_again() {
    for (system, message, is_added) in [
        ("Be brief.", "Name a city, in json.", false),
        ("Write JSON.", "Name a city.", false),
        ("Be brief.", "Name a city.", true),
    ] {
        let request = |config: GenerationConfig| {
            question(message, config.max_output_tokens(1)).system_instruction(system)
        };
        let json = request(config().response_mime_type("application/json"));

        let json = ask(&local(), json).await.unwrap();

        let plain = ask(&local(), request(config())).await.unwrap();
        let tokens = |reply| usage(reply).prompt_token_count.unwrap();
        assert_eq!(tokens(&json) > tokens(&plain), is_added, "{json:?}");
    }
}

/// Row 9 of tests/field.md: references in the schema of a function keep their meaning.
#[tokio::test]
async fn a_function_may_have_references_and_recursive_arguments() {
    let node = json!({
        "$defs": { "Node": {
            "type": "object",
            "properties": {
                "name": { "type": "string", "maxLength": 8 },
                "kids": { "type": "array", "items": { "$ref": "#/$defs/Node" }, "maxItems": 1 },
            },
            "required": ["name", "kids"],
        } },
        "type": "object",
        "properties": { "root": { "$ref": "#/$defs/Node" } },
        "required": ["root"],
    });
    let plant =
        FunctionDeclaration::new("plant", "Plants a tree").parameters_json_schema(node.clone());
    let request = question("Plant an oak.", config())
        .tools(vec![Tool::from(plant)])
        .tool_config(FunctionCallingMode::Any);

    let reply = ask(&local(), request).await.unwrap();

    if let Some(call) = reply.function_calls().next() {
        let arguments = Value::Object(call.args.clone().unwrap_or_default());
        let validator = jsonschema::validator_for(&node).unwrap();
        assert!(validator.is_valid(&arguments), "{arguments}");
    } else {
        assert_eq!(reply.finish_reason(), Some(&FinishReason::MaxTokens));
    }
}

#[tokio::test]
async fn an_enum_reply_is_one_of_its_values() {
    let config = config()
        .response_mime_type("text/x.enum")
        .response_schema(Schema::one_of(["Percussion", "String", "Woodwind"]));

    let reply = ask(
        &local(),
        question("What kind of instrument is an oboe?", config),
    )
    .await;

    let text = reply.unwrap().text().unwrap();
    assert!(
        ["Percussion", "String", "Woodwind"].contains(&text.as_str()),
        "{text}"
    );
}

fn with_height(text: &str, mode: FunctionCallingMode) -> GenerateContentRequest {
    let mountain = Schema::object([("mountain", Schema::string().max_length(30))]);
    let height = FunctionDeclaration::new("height", "Returns the height of a mountain")
        .parameters(mountain.required(["mountain"]));
    question(text, config())
        .tools(vec![Tool::from(height)])
        .tool_config(mode)
}

#[tokio::test]
async fn a_forced_call_is_made_and_its_response_continues_the_turn() {
    let request = with_height("How tall is Ben Nevis?", FunctionCallingMode::Any);

    let reply = ask(&local(), request.clone()).await.unwrap();

    let call = reply.function_calls().next().expect("a call").clone();
    assert_eq!(call.name(), "height");
    assert!(call.arg("mountain").is_some_and(Value::is_string));
    let mut request = request.tool_config(FunctionCallingMode::None);
    let model = reply.candidates[0].content.clone().unwrap();
    request.contents.push(model);
    let answer = FunctionResponse::to(&call, json!({ "metres": 1345 }));
    request.contents.push(Content::user(answer));
    let text = ask(&local(), request).await.unwrap().text().unwrap();
    assert!(!text.is_empty());
}

#[tokio::test]
async fn a_stop_sequence_in_a_call_does_not_end_the_reply() {
    let request = with_height("How tall is Ben Nevis?", FunctionCallingMode::Any)
        .generation_config(config().stop_sequences(["\n"]));

    let reply = ask(&local(), request).await.unwrap();

    let call = reply.function_calls().next().expect("a call");
    assert_eq!(call.name(), "height");
}

/// Gemini 3 combines both, and agents with typed results rely on it.
#[tokio::test]
async fn a_reply_with_functions_and_a_schema_is_a_call_or_json() {
    let city = Schema::object([("city", Schema::string().max_length(20))]).required(["city"]);
    let config = config()
        .response_mime_type("application/json")
        .response_schema(city);
    for mode in [FunctionCallingMode::Auto, FunctionCallingMode::Any] {
        let must_call = mode == FunctionCallingMode::Any;
        let request = with_height("Name a city.", mode).generation_config(config.clone());

        let reply = ask(&local(), request).await.unwrap();

        assert_eq!(
            reply.finish_reason(),
            Some(&FinishReason::Stop),
            "{reply:?}"
        );
        if reply.function_calls().count() == 0 {
            let text = reply.text().expect("text");
            let json: Value = serde_json::from_str(&text).expect("JSON");
            assert!(json["city"].is_string() && !must_call, "{text}");
        }
    }
}

#[tokio::test]
async fn in_mode_auto_a_reply_may_be_text() {
    for mode in [FunctionCallingMode::Auto, FunctionCallingMode::Validated] {
        let reply = ask(&local(), with_height("Say hello.", mode))
            .await
            .unwrap();

        let calls = reply.function_calls().all(|call| call.name() == "height");
        assert!(calls && !reply.parts().unwrap().is_empty(), "{reply:?}");
    }
}
