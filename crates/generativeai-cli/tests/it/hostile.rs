//! Untrusted text cannot control the terminal: replies, errors, and names of files and functions.

use super::fake_service::{Answer, Service};
use super::support::assert_contains;
use super::terminal::{Left, Terminal};
use super::tools::server;

/// Sequences that set titles, the clipboard, links, colours, the cursor and the direction, or clear the screen. They
/// are written with C0 and C1 control characters and with character references.
const ATTACK: &str = "safe\u{1b}]0;title\u{7} \u{1b}]52;c;ZXZpbA==\u{1b}\\one \
     \u{1b}]8;;http://evil\u{1b}\\two\u{1b}]8;;\u{1b}\\ \u{1b}[2J\u{1b}[31mthree \u{9b}2J\u{9d}0;t\u{9c}four \
     \u{1b}P$q\u{1b}\\\u{1b}c\u{1b}[?1049h\u{202e}five\u{2066} \u{8}\u{7f}six &#27;[2J&#x9b;31m end\n";

/// Asserts that the output only draws. `Terminal::end` has already asserted that no title or the like was set.
fn assert_harmless(left: &Left) {
    let outside = left.bytes.replace("\x1b[", "");
    let bad = |char: char| {
        matches!(char, '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            || (char.is_control() && !matches!(char, '\r' | '\n'))
    };
    assert!(!outside.contains(bad), "{:?}", left.bytes);
    for evil in ["\x1b[2J", "?1049h", "evil", "\x1b[31m"] {
        assert!(!left.bytes.contains(evil), "{evil:?} in {:?}", left.bytes);
    }
}

#[test]
fn a_reply_cannot_control_the_terminal() {
    let chars = ATTACK.char_indices();
    let by_characters: Vec<&'static str> = chars
        .map(|(at, char)| &ATTACK[at..at + char.len_utf8()])
        .collect();
    for pieces in [vec![ATTACK], by_characters] {
        let service = Service::start(Answer::Texts(pieces));
        let left = Terminal::start(&service.genai(&["chat", "Hello"])).end();

        assert_eq!(left.code, 0, "{}", left.screen);
        for word in ["safe", "one", "two", "three", "four", "five", "six", "end"] {
            assert!(left.screen.contains(word), "no {word}: {}", left.screen);
        }
        assert_harmless(&left);
    }
}

#[test]
fn a_reply_without_colours_cannot_control_the_terminal() {
    for words in [
        &["--color", "never", "chat", "Hello"][..],
        &["--color", "always", "chat", "Hello"],
    ] {
        let service = Service::start(Answer::Texts(vec!["```\u{1b}[2Jx&#27;\n", ATTACK, "```\n"]));
        let left = Terminal::start(&service.genai(words)).end();

        assert_eq!(left.code, 0, "{}", left.screen);
        assert_harmless(&left);
    }
}

#[test]
fn the_log_of_a_tool_server_cannot_control_the_terminal() {
    let service = Service::start(Answer::Calls("greet", "done"));
    let tool = server("greet", "so \u{1b}[2J\u{1b}]0;evil\u{7}it \u{9b}2Jis");
    let left =
        Terminal::start(&service.genai(&["chat", "--verbose", "--yes", "--tool", &tool, "Hello"]))
            .end();

    assert_eq!(left.code, 0, "{}", left.screen);
    assert_contains(&left.screen, "log: so");
    assert_harmless(&left);
}

#[test]
fn a_tool_server_cannot_control_or_deceive_the_question_about_a_call() {
    // The name that the API gets for `wipe`, and arguments that a terminal would hide or turn around.
    let name = "wipe_so___2J__0_evil_it__2Jis__Run___end";
    let arguments = r#"{"name":"a\u001b[2J b\u009d; rm -rf ~\u009c c\u202ed \u001b]0;evil\u0007"}"#;
    let shown = r#"{ "name": "a\u001b[2J b\u009d; rm -rf ~\u009c c\u202ed \u001b]0;evil\u0007" }"#;
    for columns in [40, 80, 120] {
        let service = Service::start(Answer::CallsWith(name, arguments, "That is all."));
        let greeting = "so \u{1b}[2J\u{1b}]0;evil\u{7}it \u{9b}2Jis \nRun \u{202e}?end";
        let tool = server("greet", greeting) + " hostile";
        let command = service.genai(&["chat", "-m", "gemini-x", "--tool", &tool]);
        let mut terminal = Terminal::sized(&command, (40, columns));
        terminal.enter("Wipe it.");

        // It asks, although an annotation claims that the tool is read-only.
        terminal.wait_for("stop?");
        terminal.wait_for_prompt();
        let screen = terminal.screen();
        let unwrapped: String = screen.split_whitespace().collect();
        for text in [&format!("Run {name} of python3 '"), shown] {
            let text: String = text.split_whitespace().collect();
            assert!(unwrapped.contains(&text), "{text} in {screen}");
        }
        terminal.enter("yes");
        terminal.wait_for("That is all.");
        terminal.enter("/quit");
        let left = terminal.end();

        assert_eq!(left.code, 0, "{}", left.screen);
        for evil in ["\x1b[2J", "\x1b]0;evil", "\u{9b}", "\u{9d}", "\u{202e}"] {
            assert!(!left.bytes.contains(evil), "{evil:?} in {:?}", left.bytes);
        }
    }
}

#[test]
fn an_error_of_the_service_cannot_control_the_terminal() {
    let body = r#"{"error":{"code":404,"message":"no\u001b[31m such\u001b]0;x\u0007 \u009b2Jmodel\u202e","status":"NOT_FOUND"}}"#;
    let service = Service::start(Answer::Fails(404, body));
    let mut terminal = Terminal::start(&service.genai(&["chat"]));

    let shown = terminal.ask("Hello");
    terminal.enter("/quit");
    let left = terminal.end();

    assert_contains(&shown, "no such model");
    assert_eq!(left.code, 0);
    let message = left
        .bytes
        .find("no such")
        .map(|at| &left.bytes[at..at + 40]);
    assert!(message.is_some_and(|text| !text.contains('\u{9b}') && !text.contains('\u{202e}')));
}

#[test]
fn the_name_of_a_function_cannot_control_the_terminal() {
    let call = Answer::Calls(r"gr\u001b]0;title\u0007ee\u009b2Jt\u202e", "");
    let service = Service::start(call);
    let left = Terminal::start(&service.genai(&["chat", "Hello"])).end();

    assert_eq!(left.code, 0, "{}", left.screen);
    assert_contains(&left.screen, "(calls greet with");
    assert_harmless(&left);
}

#[test]
fn a_message_of_the_history_cannot_control_the_terminal() {
    let service = Service::start(Answer::Texts(vec![ATTACK]));
    let mut terminal = Terminal::start(&service.genai(&["chat"]));

    terminal.ask("Hello");
    let history = terminal.ask("/history");
    terminal.quit();

    assert_contains(&history, "model: safe");
}

#[test]
fn the_name_of_a_file_cannot_control_the_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = "evil\u{1b}]0;title\u{7}\u{9b}2J.txt";
    std::fs::write(folder.path().join(name), "text").expect("a file");
    let service = Service::start(Answer::Silent);
    let mut terminal = Terminal::start(service.genai(&["chat"]).current_dir(folder.path()));

    // Tab completes nothing: the only name contains control characters.
    terminal.wait_for_prompt();
    terminal.type_keys("/attach ev\t");
    terminal.type_keys("\r");
    terminal.wait_for("cannot read ev");
    // A paste inserts the name without its control characters.
    terminal.wait_for_prompt();
    terminal.type_keys(&format!("\x1b[200~/attach {name}\x1b[201~"));
    terminal.wait_for("/attach evil");
    terminal.type_keys("\r");
    terminal.wait_for("cannot read evil");
    terminal.quit();
}
