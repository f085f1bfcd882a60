//! Checks against the server.

use std::env::current_exe;
use std::io::{BufRead, BufReader};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use generativeai::mcp::Connection;
use generativeai::protocol::content::FunctionCall;
use generativeai::testing::Scripted;
use generativeai::{Approval, AutomaticFunctionCalling, ErrorKind, GenerativeModel, Toolbox};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::timeout;

use crate::server::KEY;

type Check = fn() -> Pin<Box<dyn Future<Output = ()>>>;

macro_rules! all {
    ($($name:ident,)*) => {
        /// All checks, by name.
        pub(crate) const ALL: &[(&str, Check)] = &[$((stringify!($name), || Box::pin($name()))),*];
    };
}

all! {
    tools_of_a_server_over_stdio_are_functions_of_a_chat,
    tools_of_a_server_over_http_are_functions_of_a_chat,
    tools_are_declared_as_the_api_expects,
    tools_whose_names_collide_are_both_usable,
    texts_media_and_failures_become_responses,
    a_block_of_an_unknown_kind_drives_out_no_other,
    a_call_that_exceeds_the_time_limit_does_not_block_the_next,
    a_prefix_distinguishes_the_tools_of_two_servers,
    after_close_calls_fail_and_the_server_has_ended,
    the_connection_stays_open_as_long_as_its_functions_exist,
    the_next_call_connects_again_once_after_the_server_has_ended,
    calls_that_wait_for_an_attempt_to_connect_again_fail_with_it,
    a_connection_that_is_closed_while_it_connects_again_stays_closed,
    a_command_that_is_not_a_server_is_an_error_that_names_it,
    an_invalid_address_or_header_is_refused,
    annotations_are_trusted_for_read_only_alone_and_only_if_the_server_is_trusted,
}

fn command(what: &str) -> Command {
    let mut command = Command::new(current_exe().expect("this program"));
    command.arg(what);
    command
}

async fn over_stdio() -> Connection {
    Connection::spawn(command("serve-stdio"))
        .await
        .expect("a connection")
}

/// Server over HTTP, which ends when this is dropped.
struct HttpServer {
    process: Child,
    url: String,
}

impl HttpServer {
    fn start() -> Self {
        let started = command("serve-http").stdout(Stdio::piped()).spawn();
        let mut process = started.expect("a server");
        let mut url = String::new();
        let output = process.stdout.as_mut().expect("its output");
        BufReader::new(output)
            .read_line(&mut url)
            .expect("its address");
        let url = url.trim().to_owned();
        Self { process, url }
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }
}

async fn respond(tools: &Toolbox, name: &str) -> Value {
    let call = FunctionCall::new(name, Map::new());
    serde_json::to_value(tools.answer(&call).await).expect("JSON")
}

/// Runs a turn in which the model adds two numbers.
async fn adds(connection: &Connection) {
    let script = Scripted::default()
        .then_call("add", json!({"a": 2, "b": 3.5}))
        .then_text("It is 5.5.");
    let functions = connection.functions().await.expect("the tools");
    let model = GenerativeModel::new("m").tools(functions).backend(script);
    let mut chat = model.start_chat().automatic_function_calling(true);

    let reply = chat
        .send_message("What is 2 and 3.5?")
        .await
        .expect("a reply");

    assert_eq!(reply.text().expect("text"), "It is 5.5.");
    assert_eq!(
        serde_json::to_value(&chat.history()[2].parts).expect("JSON"),
        json!([{"functionResponse": {"name": "add", "response": {"sum": 5.5}}}])
    );
}

async fn tools_of_a_server_over_stdio_are_functions_of_a_chat() {
    let connection = over_stdio().await;
    adds(&connection).await;
    connection.close().await;
}

async fn tools_of_a_server_over_http_are_functions_of_a_chat() {
    let server = HttpServer::start();

    let connection = Connection::open(&server.url, [("x-key", KEY)])
        .await
        .expect("a connection");
    adds(&connection).await;
    assert!(!format!("{connection:?}").contains(KEY), "{connection:?}");
    connection.close().await;

    let url = format!("{}?token=query-secret%20x", server.url);
    let connection = Connection::open(&url, [("x-key", KEY)])
        .await
        .expect("a connection");
    assert!(
        !format!("{connection:?}").contains("query-secret"),
        "{connection:?}"
    );
    connection.close().await;

    let refused = Connection::open(&url, [("x-key", "wrong-key")])
        .await
        .expect_err("an error");
    assert_eq!(refused.kind(), ErrorKind::Unreachable);
    let shown = format!("{refused:#} {refused:?}");
    assert!(
        !shown.contains("wrong-key") && !shown.contains("query-secret"),
        "{shown}"
    );
}

async fn tools_are_declared_as_the_api_expects() {
    let connection = over_stdio().await;

    let functions = connection.functions().await.expect("the tools");

    let declared = functions
        .iter()
        .take(2)
        .map(|function| function.declaration());
    assert_eq!(
        serde_json::to_value(declared.collect::<Vec<_>>()).expect("JSON"),
        json!([
            {
                "name": "add",
                "description": "Adds two numbers.",
                "parametersJsonSchema": {
                    "type": "object",
                    "properties": {
                        "a": {"type": "number"},
                        "b": {"type": "number"},
                        "unit": {"enum": ["metres"]},
                    },
                    "required": ["a", "b"],
                },
            },
            {"name": "greet_everyone", "description": "Greets."},
        ])
    );
    let found = functions
        .iter()
        .find(|function| function.name() == "find_note_2")
        .expect("the tool `find/note`");
    let schema = found.declaration().parameters_json_schema.as_ref();
    assert!(schema.expect("a schema")["anyOf"].is_array());
    let openapi = Toolbox::from(functions)
        .with_openapi_schema()
        .expect("the form can say it");
    assert_eq!(openapi.tools()[0].function_declarations.len(), 8);
}

/// Rows 14 and 15 of tests/field.md.
async fn tools_whose_names_collide_are_both_usable() {
    let connection = over_stdio().await;
    let tools = Toolbox::from(connection.functions().await.expect("the tools"));
    let image = json!([{"inlineData": {"mimeType": "image/png", "data": "AQ=="}}]);

    for (name, tool) in [("find_note", "find_note"), ("find_note_2", "find/note")] {
        let found = respond(&tools, name).await;
        assert_eq!(found["response"], json!({ "result": tool }));
        assert_eq!(found["parts"], image);
    }
}

async fn texts_media_and_failures_become_responses() {
    let connection = over_stdio().await;
    let tools = Toolbox::from(connection.functions().await.expect("the tools"));

    let greeted = respond(&tools, "greet_everyone").await;
    assert_eq!(
        greeted,
        json!({"name": "greet_everyone", "response": {"result": "hello"}})
    );
    let picture = json!({"inlineData": {"mimeType": "image/png", "data": "AQ=="}});
    let drawn = json!({"name": "draw", "response": {}, "parts": [picture]});
    assert_eq!(respond(&tools, "draw").await, drawn);
    assert_eq!(
        respond(&tools, "fail").await["response"],
        json!({"error": "out of paint"})
    );
    // Row 13 of tests/field.md.
    assert_eq!(
        respond(&tools, "limit").await["response"],
        json!({"error": "{\"code\":\"RATE_LIMITED\"}"})
    );
}

/// Rows 13 and 14 of tests/field.md.
async fn a_block_of_an_unknown_kind_drives_out_no_other() {
    let connection = Connection::spawn(command("serve-lines")).await;
    let connection = connection.expect("a connection");
    let tools = Toolbox::from(connection.functions().await.expect("the tools"));

    let film = respond(&tools, "film").await;

    let text = "a caption\n{\"type\":\"chart\",\"points\":[1]}";
    assert_eq!(film["response"], json!({ "result": text }));
    assert_eq!(
        film["parts"],
        json!([{"inlineData": {"mimeType": "video/mp4", "data": "AQ=="}}])
    );
}

async fn a_call_that_exceeds_the_time_limit_does_not_block_the_next() {
    let connection = over_stdio().await;
    let script = Scripted::default()
        .then_call("wait", json!({}))
        .then_call("greet_everyone", json!({}))
        .then_text("Hello.");
    let functions = connection.functions().await.expect("the tools");
    let model = GenerativeModel::new("m").tools(functions).backend(script);
    let limit = AutomaticFunctionCalling::default().time_limit(Duration::from_millis(100));
    let mut chat = model.start_chat().automatic_function_calling(limit);

    chat.send_message("Wait, then greet!")
        .await
        .expect("a reply");

    let history = serde_json::to_value(chat.history()).expect("JSON");
    let response = |at: usize| &history[at]["parts"][0]["functionResponse"]["response"];
    assert_eq!(
        response(2)["error"],
        "function `wait` did not return within 100ms"
    );
    assert_eq!(response(4)["result"], "hello");
}

async fn a_prefix_distinguishes_the_tools_of_two_servers() {
    let (one, other) = (over_stdio().await, over_stdio().await);
    let functions = one.functions().await.expect("the tools");
    let others = other.prefix("other_").functions().await.expect("the tools");

    let same = GenerativeModel::new("m").tools((functions.clone(), functions.clone()));
    let apart = GenerativeModel::new("m").tools((functions, others.clone()));

    assert_eq!(
        same.backend(Scripted::default())
            .check()
            .expect_err("an error")
            .to_string(),
        "duplicate function name `add`: rename one of the two"
    );
    apart
        .backend(Scripted::default())
        .check()
        .expect("no two are the same");
    let greeted = respond(&Toolbox::from(others), "other_greet_everyone").await;
    assert_eq!(greeted["response"], json!({"result": "hello"}));
}

async fn annotations_are_trusted_for_read_only_alone_and_only_if_the_server_is_trusted() {
    for (connection, expected) in [
        (over_stdio().await, [].as_slice()),
        (over_stdio().await.trust_read_only_hints(), &["fail"]),
    ] {
        let functions = connection.functions().await.expect("the tools");
        let read_only = functions.iter().filter(|function| function.is_read_only());
        let names: Vec<&str> = read_only.map(|function| function.name()).collect();
        assert_eq!(names, expected);
        assert!(functions.iter().all(|function| function.server().is_some()));

        let script = Scripted::default()
            .then_call("fail", json!({}))
            .then_call("draw", json!({}))
            .then_call("limit", json!({}))
            .then_text("Done.");
        let model = GenerativeModel::new("m").tools(functions).backend(script);
        let careful = AutomaticFunctionCalling::default().approve(Approval::ReadOnly);
        let mut chat = model.start_chat().automatic_function_calling(careful);
        chat.send_message("Go!").await.expect("a reply");

        let history = serde_json::to_value(chat.history()).expect("JSON");
        let error =
            |at: usize| history[at]["parts"][0]["functionResponse"]["response"]["error"].clone();
        let denied = "denied: only functions that change nothing are allowed";
        let ran = if expected.is_empty() {
            denied
        } else {
            "out of paint"
        };
        assert_eq!([error(2), error(4), error(6)], [ran, denied, denied]);
    }
}

async fn after_close_calls_fail_and_the_server_has_ended() {
    let connection = over_stdio().await;
    let tools = Toolbox::from(connection.functions().await.expect("the tools"));

    connection.clone().close().await;

    let response = respond(&tools, "add").await["response"].clone();
    let error = response["error"].as_str().expect("an error");
    assert!(error.starts_with("the call of the MCP server `"), "{error}");
    let listing = connection.functions().await.expect_err("an error");
    assert_eq!(listing.kind(), ErrorKind::Unreachable);
}

async fn the_connection_stays_open_as_long_as_its_functions_exist() {
    let connection = over_stdio().await;
    let tools = Toolbox::from(connection.functions().await.expect("the tools"));

    drop(connection);

    assert_eq!(
        respond(&tools, "greet_everyone").await["response"],
        json!({"result": "hello"})
    );
}

async fn the_next_call_connects_again_once_after_the_server_has_ended() {
    let connects = Arc::new(AtomicUsize::new(0));
    let connection = Connection::spawn(command("serve-lines")).await;
    let counted = Arc::clone(&connects);
    let connection = connection.expect("a connection").reconnect_with(move || {
        counted.fetch_add(1, SeqCst);
        Connection::spawn(command("serve-lines"))
    });
    let tools = Toolbox::from(connection.functions().await.expect("the tools"));

    // The server ends during the call, so the call fails. Then it runs again.
    let broken = respond(&tools, "end").await;
    let (one, other) = tokio::join!(respond(&tools, "film"), respond(&tools, "film"));

    assert!(broken["response"]["error"].is_string(), "{broken}");
    for film in [one, other] {
        assert!(film["parts"].is_array(), "{film}");
    }
    assert_eq!(connects.load(SeqCst), 1);
    respond(&tools, "end").await;
    let functions = connection.functions().await.expect("the tools");
    assert_eq!((functions.len(), connects.load(SeqCst)), (2, 2));
    respond(&tools, "end").await;
    connection.close().await;
    let closed = respond(&tools, "film").await;
    assert!(closed["response"]["error"].is_string(), "{closed}");
    assert_eq!(connects.load(SeqCst), 2);
}

async fn calls_that_wait_for_an_attempt_to_connect_again_fail_with_it() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let connection = Connection::spawn(command("serve-lines")).await;
    let counted = Arc::clone(&attempts);
    let connection = connection.expect("a connection").reconnect_with(move || {
        // The second attempt returns a connection that is closed.
        let is_first = counted.fetch_add(1, SeqCst) == 0;
        async move {
            if is_first {
                return Connection::spawn(Command::new("true")).await;
            }
            let closed = Connection::spawn(command("serve-lines")).await?;
            closed.clone().close().await;
            Ok(closed)
        }
    });
    let tools = Toolbox::from(connection.functions().await.expect("the tools"));
    respond(&tools, "end").await;

    let film = || respond(&tools, "film");
    let (one, other, third) = tokio::join!(film(), film(), film());
    let closed = film().await;

    for failed in [one, other, third] {
        assert!(
            failed.to_string().contains("`true` does not answer"),
            "{failed}"
        );
    }
    assert!(
        closed
            .to_string()
            .contains("connection to the MCP server is closed"),
        "{closed}"
    );
    assert_eq!(attempts.load(SeqCst), 2);
}

async fn a_connection_that_is_closed_while_it_connects_again_stays_closed() {
    let closed = Arc::new(Notify::new());
    let is_closed = Arc::clone(&closed);
    // The log of the new server ends when its process does.
    let (log, mut lines) = unbounded_channel();
    let log = Mutex::new(Some(log));
    let connection = Connection::spawn(command("serve-lines")).await;
    let connection = connection.expect("a connection").reconnect_with(move || {
        let is_closed = Arc::clone(&is_closed);
        let log = log.lock().expect("no panic").take().expect("one attempt");
        async move {
            is_closed.notified().await;
            let log = move |line: &str| drop(log.send(line.to_owned()));
            Connection::spawn_with_log(command("serve-lines"), log).await
        }
    });
    let tools = Toolbox::from(connection.functions().await.expect("the tools"));
    respond(&tools, "end").await;

    let close = async {
        connection.close().await;
        closed.notify_one();
    };
    let (film, ()) = tokio::join!(respond(&tools, "film"), close);

    for response in [film, respond(&tools, "film").await] {
        assert!(response["response"]["error"].is_string(), "{response}");
    }
    let ended = timeout(Duration::from_secs(60), async {
        while lines.recv().await.is_some() {}
    });
    ended.await.expect("the new server ends");
}

async fn a_command_that_is_not_a_server_is_an_error_that_names_it() {
    let missing = Connection::spawn(Command::new("no-such-program-anywhere"))
        .await
        .expect_err("an error");
    assert_eq!(missing.kind(), ErrorKind::Configuration);
    let message = "cannot start the MCP server `no-such-program-anywhere`";
    assert_eq!(missing.to_string(), message);

    let silent = Connection::spawn(Command::new("true"))
        .await
        .expect_err("an error");
    assert_eq!(silent.kind(), ErrorKind::Unreachable);
    assert_eq!(silent.to_string(), "the MCP server `true` does not answer");
}

async fn an_invalid_address_or_header_is_refused() {
    for (url, name, value) in [
        ("http://mcp.example.com", "x-key", "k"),
        ("http://mcp.example.com/mcp?a=b", "x-key", "k"),
        ("mcp.example.com", "x-key", "k"),
        ("http://127.0.0.1:1/mcp", "x key", "k"),
        ("http://127.0.0.1:1/mcp", "x-key", "k\n"),
    ] {
        let error = Connection::open(url, [(name, value)])
            .await
            .expect_err("an error");
        assert_eq!(
            error.kind(),
            ErrorKind::Configuration,
            "{url} {name} {value}"
        );
    }
}
