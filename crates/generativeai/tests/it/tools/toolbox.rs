//! Tools in requests.

use generativeai::protocol::content::FunctionCall;
use generativeai::protocol::tools::{
    CodeExecution, FunctionCallingConfig, FunctionCallingMode, FunctionDeclaration, GoogleMaps,
    GoogleSearch, Tool, ToolConfig, UrlContext,
};
use generativeai::testing::Scripted;
use generativeai::{ErrorKind, Function, GenerativeModel, Toolbox};
use serde_json::{Value, json};

fn named(name: &str) -> FunctionDeclaration {
    FunctionDeclaration::new(name, "Does something.")
}

fn runs(name: &str) -> Function {
    Function::new(name, "Does something.", || ())
}

async fn sent(tools: impl Into<Toolbox>) -> Value {
    let script = Scripted::default().then_text("A");
    let model = GenerativeModel::new("m")
        .backend(script.clone())
        .tools(tools);
    model.generate_content("a").await.expect("a reply");
    json!(&script.requests()[0].tools)
}

#[tokio::test]
async fn functions_declarations_and_tools_of_the_service_mix_in_order() {
    let declared = |name: &str| json!({"name": name, "description": "Does something."});

    let tools = sent((
        runs("a"),
        named("b"),
        CodeExecution::default(),
        vec![runs("c"), runs("d")],
        UrlContext::default(),
    ))
    .await;

    assert_eq!(
        tools,
        json!([
            {"functionDeclarations": [declared("a"), declared("b")]},
            {"codeExecution": {}},
            {"functionDeclarations": [declared("c"), declared("d")]},
            {"urlContext": {}},
        ])
    );
}

#[tokio::test]
async fn tools_of_the_service_need_no_functions() {
    assert_eq!(
        sent(GoogleSearch::default()).await,
        json!([{"googleSearch": {}}])
    );
    assert_eq!(
        sent(GoogleMaps::default()).await,
        json!([{"googleMaps": {}}])
    );
    assert_eq!(
        sent(Tool::from(GoogleSearch::default())).await,
        json!([{"googleSearch": {}}])
    );
    assert_eq!(sent(Toolbox::default()).await, json!([]));
    assert_eq!(sent(None::<Function>).await, json!([]));
}

#[tokio::test]
async fn a_tool_with_both_declarations_and_more_keeps_both() {
    let both = Tool::functions([named("a")]).code_execution(CodeExecution::default());

    let tools = sent([both.clone(), Tool::functions([named("b")])]).await;

    assert_eq!(tools[0], json!(both));
    assert_eq!(tools[1]["functionDeclarations"][0]["name"], "b");
}

#[tokio::test]
async fn two_functions_of_one_name_are_refused_before_anything_is_sent() {
    let script = Scripted::default();
    let model = GenerativeModel::new("m")
        .backend(script.clone())
        .tools((runs("a"), named("a")));

    let error = model.generate_content("a").await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Request);
    assert_eq!(
        error.to_string(),
        "duplicate function name `a`: rename one of the two"
    );
    assert_eq!(model.check().unwrap_err().to_string(), error.to_string());
    assert!(script.requests().is_empty());
}

#[test]
fn each_calling_mode_has_a_constructor() {
    let mode = |config: FunctionCallingConfig| {
        json!(ToolConfig::from(config))["functionCallingConfig"].clone()
    };

    assert_eq!(mode(FunctionCallingConfig::auto()), json!({"mode": "AUTO"}));
    assert_eq!(mode(FunctionCallingConfig::any()), json!({"mode": "ANY"}));
    assert_eq!(mode(FunctionCallingConfig::none()), json!({"mode": "NONE"}));
    assert_eq!(
        mode(FunctionCallingConfig::validated()),
        json!({"mode": "VALIDATED"})
    );
    assert_eq!(
        mode(FunctionCallingConfig::any_of(["a", "b"])),
        json!({"mode": "ANY", "allowedFunctionNames": ["a", "b"]})
    );
    assert_eq!(
        json!(ToolConfig::from(FunctionCallingMode::Any)),
        json!({"functionCallingConfig": {"mode": "ANY"}})
    );
}

#[test]
fn all_functions_of_a_toolbox_convert_to_openapi_or_the_error_names_the_one_that_does_not() {
    let sized = Function::new("a", "Does something.", |sizes: Vec<f64>| sizes.len());
    let free = Function::new("b", "Does something.", |anything: Value| anything);

    let tools = Toolbox::from([sized.clone()])
        .with_openapi_schema()
        .unwrap();
    assert_eq!(
        json!(tools.tools())[0]["functionDeclarations"][0]["parameters"]["type"],
        "ARRAY"
    );
    let error = Toolbox::from([sized, free])
        .with_openapi_schema()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the function `b`: the schema allows any value"),
        "{error}"
    );
}

/// Row 16 of tests/field.md.
#[tokio::test]
async fn a_call_without_a_name_is_answered_with_the_existing_functions() {
    let tools = Toolbox::from([runs("a"), runs("b")]);

    let answer = tools.answer(&FunctionCall::default()).await;

    assert_eq!(
        json!(answer)["response"],
        json!({"error": "the call does not name a function: call one of `a`, `b`"})
    );
}
