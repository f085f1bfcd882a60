//! Making functions of closures.

use generativeai::protocol::content::{Blob, FunctionCall, FunctionResponse};
use generativeai::testing::Scripted;
use generativeai::{ErrorKind, Function, GenerativeModel, Json, Toolbox};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

#[derive(Deserialize, JsonSchema)]
struct Args {
    /// The first.
    a: f64,
    b: Option<f64>,
}

#[derive(Serialize)]
struct Sum {
    sum: f64,
}

#[derive(Debug)]
struct Overflow;

impl std::fmt::Display for Overflow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("too large")
    }
}

impl std::error::Error for Overflow {}

fn sum(args: Args) -> Result<Sum, Overflow> {
    let sum = args.a + args.b.unwrap_or_default();
    if sum < 1e9 {
        Ok(Sum { sum })
    } else {
        Err(Overflow)
    }
}

async fn call(function: Function, args: Value) -> Value {
    let args = args.as_object().cloned().unwrap_or_default();
    let call = FunctionCall::new(function.name(), args);
    let answer = Toolbox::from(function).answer(&call).await;
    json!(answer)["response"].clone()
}

#[tokio::test]
async fn every_form_of_handler_becomes_a_function() {
    let new = |handler: fn() -> Function| handler();
    let forms = [
        new(|| Function::new("sum", "Adds.", sum)),
        new(|| {
            Function::new("sum", "Adds.", |args: Args| {
                Json(Sum {
                    sum: args.a + args.b.unwrap_or(0.0),
                })
            })
        }),
        new(|| Function::new("sum", "Adds.", |args: Args| async move { sum(args) })),
        new(|| Function::new("sum", "Adds.", async |args: Args| sum(args))),
        new(|| {
            Function::new("sum", "Adds.", async move |args: Args| {
                sum(args).map_err(|_| "too large")
            })
        }),
        new(|| {
            Function::new(
                "sum",
                "Adds.",
                |args: Args| -> Result<Sum, Box<dyn std::error::Error + Send + Sync>> {
                    Ok(sum(args)?)
                },
            )
        }),
    ];
    for function in forms {
        assert_eq!(
            call(function.clone(), json!({"a": 1, "b": 2.5})).await,
            json!({"sum": 3.5})
        );
        assert_eq!(
            call(function.clone(), json!({"a": 1})).await,
            json!({"sum": 1.0})
        );
    }
    let failing = Function::new("sum", "Adds.", sum);
    assert_eq!(
        call(failing, json!({"a": 1e10})).await,
        json!({"error": "too large"})
    );
}

/// The arguments of a call are an object, so such a function would only ever return an error to the model.
#[tokio::test]
async fn a_function_whose_argument_is_not_an_object_is_refused() {
    let refused = [
        Function::new("f", "F.", |numbers: Vec<f64>| numbers.len()),
        Function::new("f", "F.", |number: f64| number),
        Function::new("f", "F.", |text: String| text),
    ];
    let list = Function::new("f", "F.", |numbers: Vec<f64>| numbers.len());
    let converted = list.with_openapi_schema().unwrap();
    for function in refused.into_iter().chain([converted]) {
        let chat = GenerativeModel::new("m").tools(function).start_chat();
        let error = chat.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request);
        let message = error.to_string();
        assert!(
            message.starts_with("the function `f` can never be called"),
            "{message}"
        );
    }
    let accepted = [
        Function::new("f", "F.", |args: Map<String, Value>| args.len()),
        Function::new("f", "F.", |args: Value| args),
        Function::new("f", "F.", |args: Option<Args>| args.is_some()),
    ];
    for function in accepted {
        let model = GenerativeModel::new("m")
            .backend(Scripted::default())
            .tools(function);
        model.start_chat().check().unwrap();
    }
}

#[tokio::test]
async fn a_handler_may_have_no_argument_and_no_result() {
    let plain = Function::new("nod", "Nods.", || ());
    let late = Function::new("nod", "Nods.", || async {});

    for function in [plain, late] {
        assert_eq!(
            json!(function.declaration()),
            json!({"name": "nod", "description": "Nods."})
        );
        assert_eq!(
            call(function, json!({"unasked": 1})).await,
            json!({"result": null})
        );
    }
}

#[test]
fn the_argument_of_a_handler_is_declared_as_json_schema() {
    let function = Function::new("sum", "Adds.", sum);

    assert_eq!(
        json!(function.declaration()),
        json!({
            "name": "sum",
            "description": "Adds.",
            "parametersJsonSchema": {
                "type": "object",
                "properties": {
                    "a": {"type": "number", "format": "double", "description": "The first."},
                    "b": {"type": ["number", "null"], "format": "double"},
                },
                "required": ["a"],
            },
        })
    );
}

#[test]
fn the_argument_of_a_handler_can_be_declared_in_openapi() {
    let function = Function::new("sum", "Adds.", sum)
        .with_openapi_schema()
        .unwrap();

    assert_eq!(
        json!(&function.declaration().parameters),
        json!({
            "type": "OBJECT",
            "properties": {
                "a": {"type": "NUMBER", "format": "double", "description": "The first."},
                "b": {"type": "NUMBER", "format": "double", "nullable": true},
            },
            "required": ["a"],
        })
    );
    assert_eq!(function.declaration().parameters_json_schema, None);
}

#[tokio::test]
async fn a_handler_may_answer_with_media() {
    let draw = Function::new("draw", "Draws.", |_: Map<String, Value>| {
        FunctionResponse::default().parts([Blob::new("image/png", [1])])
    });
    let call = FunctionCall::new("draw", Map::new()).id("7");

    let answer = Toolbox::from(draw).answer(&call).await;

    assert_eq!(
        json!(answer),
        json!({
            "id": "7", "name": "draw",
            "parts": [{"inlineData": {"mimeType": "image/png", "data": "AQ=="}}],
        })
    );
}
