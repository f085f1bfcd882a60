//! Tests of functions declared with `#[function]`: declarations, calls, state and compile errors.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use generativeai::protocol::content::{Blob, FunctionCall, FunctionResponse};
use generativeai::{Function, Toolbox, function};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Mountain to climb.
#[derive(Deserialize, JsonSchema)]
struct Peak {
    name: String,
    /// Height in metres.
    metres: Option<u32>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
enum Season {
    Summer,
    Winter,
}

#[derive(Serialize)]
struct Plan {
    peak: String,
    season: Season,
    days: u8,
}

#[derive(Debug)]
struct TooHigh;

impl fmt::Display for TooHigh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too high")
    }
}

impl std::error::Error for TooHigh {}

/// Plans a climb.
///
/// Works offline.
#[function]
async fn plan(
    /// The peak.
    peak: Peak,
    #[function(name = "when", description = "The season.")] season: Option<Season>,
    #[serde(default = "a_week")]
    #[schemars(range(min = 1, max = 30))]
    days: u8,
) -> Result<Plan, TooHigh> {
    let Peak { name: peak, metres } = peak;
    let season = season.unwrap_or(Season::Summer);
    match metres {
        Some(8000..) => Err(TooHigh),
        _ => Ok(Plan { peak, season, days }),
    }
}

fn a_week() -> u8 {
    7
}

/// Joins words.
#[function(name = "join.words")]
fn join(words: &[String], with: &str, mut r#loop: Option<bool>) -> String {
    let again = r#loop.take().unwrap_or(false);
    let joined = words.join(with);
    if again {
        format!("{joined}{with}")
    } else {
        joined
    }
}

#[function(description = "Does nothing.")]
pub(crate) fn nothing() {}

/// Returns a struct.
#[function]
fn bare(season: Season) -> Plan {
    Plan {
        peak: "any".to_owned(),
        season,
        days: 1,
    }
}

/// Returns a map.
#[function]
async fn map() -> BTreeMap<&'static str, u8> {
    BTreeMap::from([("a", 1)])
}

/// Returns an opaque type that implements `Serialize`.
#[function]
fn opaque() -> impl Serialize {
    [1, 2]
}

type HeightResult = Result<u32, TooHigh>;

/// Returns a `Result` through an alias.
#[function]
fn aliased(high: bool) -> HeightResult {
    if high { Err(TooHigh) } else { Ok(1_345) }
}

/// Returns an image.
#[function]
fn draw() -> FunctionResponse {
    FunctionResponse::default().parts([Blob::new("image/png", [1])])
}

/// Notes of a user.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

/// Adds a note and returns the number of notes.
#[function]
async fn add_note(#[state] notes: &Notes, text: &str, #[state] author: &str) -> usize {
    tokio::task::yield_now().await;
    let mut notes = notes.0.lock().expect("no holder panics");
    notes.push(format!("{author}: {text}"));
    notes.len()
}

/// Counts the notes.
#[function]
fn count_notes(#[state] notes: Arc<Notes>) -> usize {
    notes.0.lock().expect("no holder panics").len()
}

mod elsewhere {
    /// Adds one.
    #[generativeai::function]
    pub(crate) fn next(number: i64) -> Result<i64, String> {
        number
            .checked_add(1)
            .ok_or_else(|| "the last number".to_owned())
    }
}

fn declared(function: &Function) -> Value {
    serde_json::to_value(function.declaration()).expect("JSON")
}

async fn call(function: Function, args: Value) -> Value {
    let args = args.as_object().cloned().unwrap_or_default();
    let call = FunctionCall::new(function.name(), args);
    let response = Toolbox::from(function).answer(&call).await;
    Value::Object(response.response.expect("a response"))
}

/// Looks.
#[function(read_only, name = "look_around")]
fn look() {}

#[test]
fn a_function_can_be_declared_read_only() {
    let look = look::function();

    assert!(look.is_read_only() && look.name() == "look_around");
    assert!(!nothing::function().is_read_only());
}

#[test]
fn a_function_is_declared_with_its_parameters() {
    assert_eq!(
        declared(&plan::function()),
        json!({
            "name": "plan",
            "description": "Plans a climb.\n\nWorks offline.",
            "parametersJsonSchema": {
                "type": "object",
                "properties": {
                    "peak": {
                        "description": "The peak.",
                        "type": "object",
                        "properties": {
                            "name": {"type": "string"},
                            "metres": {
                                "description": "Height in metres.",
                                "type": ["integer", "null"],
                                "format": "uint32",
                                "minimum": 0,
                            },
                        },
                        "required": ["name"],
                    },
                    "when": {
                        "description": "The season.",
                        "anyOf": [
                            {"type": "string", "enum": ["summer", "winter"]},
                            {"type": "null"},
                        ],
                    },
                    "days": {
                        "type": "integer",
                        "format": "uint8",
                        "minimum": 1,
                        "maximum": 30,
                        "default": 7,
                    },
                },
                "required": ["peak"],
            },
        })
    );
    assert_eq!(
        declared(&nothing::function()),
        json!({"name": "nothing", "description": "Does nothing."})
    );
}

#[tokio::test]
async fn a_function_runs_with_the_arguments_of_the_call() {
    let peak = json!({"name": "Ben Nevis"});

    let planned = call(
        plan::function(),
        json!({"peak": peak, "when": "winter", "days": 3}),
    )
    .await;
    assert_eq!(
        planned,
        json!({"peak": "Ben Nevis", "season": "winter", "days": 3})
    );

    let planned = call(plan::function(), json!({ "peak": peak })).await;
    assert_eq!(
        planned,
        json!({"peak": "Ben Nevis", "season": "summer", "days": 7})
    );

    let everest = json!({"peak": {"name": "Everest", "metres": 8849}});
    assert_eq!(
        call(plan::function(), everest).await,
        json!({"error": "too high"})
    );
    assert_eq!(
        call(plan::function(), json!({"peak": peak, "days": -1})).await["error"],
        "invalid argument `days`: invalid value: integer `-1`, expected u8"
    );
}

#[tokio::test]
async fn references_raw_names_and_all_kinds_of_return_types_work() {
    let join = join::function();
    assert_eq!(join.name(), "join.words");
    let args = json!({"words": ["a", "b"], "with": "-", "loop": true});
    assert_eq!(call(join, args).await, json!({"result": "a-b-"}));

    assert_eq!(
        call(nothing::function(), json!({})).await,
        json!({"result": null})
    );
    assert_eq!(
        call(bare::function(), json!({"season": "winter"})).await,
        json!({"peak": "any", "season": "winter", "days": 1})
    );
    assert_eq!(call(map::function(), json!({})).await, json!({"a": 1}));
    assert_eq!(
        call(opaque::function(), json!({})).await,
        json!({"result": [1, 2]})
    );
    assert_eq!(
        call(elsewhere::next::function(), json!({"number": 1})).await,
        json!({"result": 2})
    );
}

#[tokio::test]
async fn an_alias_of_result_becomes_its_value_or_its_error() {
    assert_eq!(
        call(aliased::function(), json!({"high": false})).await,
        json!({"result": 1345})
    );
    assert_eq!(
        call(aliased::function(), json!({"high": true})).await,
        json!({"error": "too high"})
    );
}

#[tokio::test]
async fn a_function_can_return_media() {
    let call = FunctionCall::new("draw", serde_json::Map::new());

    let response = Toolbox::from(draw::function()).answer(&call).await;

    assert_eq!(response.parts, [Blob::new("image/png", [1]).into()]);
}

#[tokio::test]
async fn state_is_shared_by_all_calls_and_hidden_from_the_model() {
    let notes = Arc::new(Notes::default());
    let add = add_note::function(Arc::clone(&notes), "Ada");
    let count = count_notes::function(Arc::clone(&notes));

    assert_eq!(
        declared(&add)["parametersJsonSchema"],
        json!({
            "type": "object",
            "properties": {"text": {"type": "string"}},
            "required": ["text"],
        })
    );
    assert_eq!(declared(&count)["parametersJsonSchema"], Value::Null);
    for number in 1..=2 {
        let added = call(add.clone(), json!({"text": "milk"})).await;
        assert_eq!(added, json!({"result": number}));
    }
    assert_eq!(call(count, json!({})).await, json!({"result": 2}));
    assert_eq!(
        *notes.0.lock().expect("no holder panics"),
        ["Ada: milk", "Ada: milk"]
    );
    assert_eq!(add_note(&Notes::default(), "bread", "Grace").await, 1);
}

#[test]
fn a_function_can_be_declared_within_a_function() {
    #[derive(Deserialize, JsonSchema)]
    struct Local(u8);

    /// Takes a local type.
    #[function]
    fn local(local: Local) -> u8 {
        local.0
    }

    assert_eq!(local(Local(3)), 3);
    assert_eq!(local::function().name(), "local");
}

#[tokio::test]
async fn the_function_itself_does_not_change() {
    nothing();
    assert_eq!(join(&["a".to_owned()], "-", None), "a");
    let peak = Peak {
        name: "Everest".to_owned(),
        metres: Some(8_849),
    };
    assert!(matches!(plan(peak, None, 1).await, Err(TooHigh)));
}

#[test]
fn an_invalid_function_is_a_compile_error_that_names_the_fix() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
