//! Names of saved sessions.

use std::fs;

use super::sessions::User;
use super::support::{assert_contains, genai, ran, saving};
use super::terminal::Terminal;

#[test]
fn a_named_session_is_created_and_continued() {
    let user = User::new();
    user.chat(&["--new", "--session", "mountains", "How tall is Ben Nevis?"]);
    user.chat(&["Something else"]);
    user.chat(&["--session", "mountains", "And Snowdon?"]);

    let shown = user.output(&["show", "mountains"]);
    assert_contains(&shown, "you: How tall is Ben Nevis?");
    assert_contains(&shown, "you: And Snowdon?");
    let list = user.output(&["list"]);
    assert!(
        list.lines()
            .next()
            .is_some_and(|line| line.ends_with("  mountains")),
        "{list}"
    );
    assert_contains(&list, "Something else");
}

#[test]
fn an_invalid_name_is_refused_before_a_model_is_loaded() {
    let user = User::new();
    user.chat(&["--new", "--session", "hills", "Hello"]);
    let file = user.data.path().join("contents.json");
    fs::write(&file, r#"[{"role":"user","parts":[{"text":"Hi"}]}]"#).expect("written");
    let file = file.to_str().expect("text");

    let new = ["chat", "-m", "nowhere.gguf", "--new", "--session"];
    let chat = |name| [&new[..], &[name, "Hi"]].concat();
    let import = |name| vec!["sessions", "import", "--name", name, file];
    for (words, problem) in [
        (chat("a\nb"), "control characters"),
        (chat("9"), "is a number"),
        (vec!["sessions", "rename", "1", "5"], "is a number"),
        (import("7"), "is a number"),
        (import("hills"), "already exists"),
    ] {
        let refused = user.run(genai(&words));
        refused.assert_refused(2, &[problem]);
        assert!(!refused.stderr.contains("new session"), "{refused:?}");
    }

    assert_eq!(user.output(&["list"]).lines().count(), 1);
}

/// `/session` trims its argument.
#[test]
fn a_new_name_has_no_blanks_at_its_ends() {
    let user = User::new();
    user.chat(&["--new", "--session", " hills ", "Hello"]);
    user.chat(&["--session", " hills ", "Hello again"]);
    assert!(user.output(&["list"]).ends_with("  hills\n"));

    user.output(&["rename", "1", " lakes "]);
    user.output(&["show", "lakes"]);
}

/// Row 22 of tests/field.md.
#[test]
fn concurrent_runs_share_a_new_session() {
    let user = User::new();
    let numbers: Vec<_> = (0..8).map(|number| format!("Number {number}?")).collect();

    let commands = numbers.iter().map(|number| {
        let words = ["chat", "--new", "--session", "one", number];
        let mut command = saving(user.service.genai(&words), user.data.path());
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command.spawn().expect("the program starts")
    });
    for child in commands.collect::<Vec<_>>() {
        let output = ran(child.wait_with_output());
        assert_eq!(output.code, Some(0), "{output:?}");
    }

    let shown = user.output(&["show", "one"]);
    for number in &numbers {
        assert_contains(&shown, number);
    }
    assert_eq!(shown.matches("model: It is 1,345 m tall.").count(), 8);
    assert_eq!(user.output(&["list"]).lines().count(), 1);
}

/// Finding 18 of tests/newcomer.md.
#[test]
fn resuming_an_unknown_session_is_refused_and_creates_none() {
    let user = User::new();
    user.chat(&["--new", "--session", "hills", "Hello"]);

    for words in [&["resume", "hils"][..], &["show", "hils"]] {
        let named = "unknown session `hils`: did you mean `hills`? `genai sessions list` lists all";
        user.sessions(words).assert_refused(2, &[named]);
    }

    assert_eq!(user.output(&["list"]).lines().count(), 1);
}

/// Finding 18 of tests/newcomer.md.
#[test]
fn a_misspelled_session_is_refused_unless_new_is_given() {
    let user = User::new();
    user.chat(&["--new", "--session", "hills", "Hello"]);

    let misspelled = user.service.genai(&["chat", "--session", "hils", "Hello"]);
    user.run(misspelled).assert_refused(
        2,
        &[
            "unknown session `hils`: did you mean `hills`?",
            "--new starts it",
        ],
    );

    assert_eq!(user.output(&["list"]).lines().count(), 1);
}

#[test]
fn a_number_that_no_session_has_is_not_offered_as_a_name() {
    let user = User::new();
    let unknown = "no session has the number 99999: `genai sessions list` lists all\n";
    let command = user.service.genai(&["chat", "--session", "99999", "Hello"]);
    user.run(command).assert_refused(2, &[unknown]);

    let chat = user.service.genai(&["chat", "--session", "99999"]);
    let left = Terminal::start(&chat).end();
    assert!(
        left.screen.contains("no session has the number 99999"),
        "{left:?}"
    );

    let mut terminal = Terminal::start(&user.service.genai(&["chat", "-m", "gemini-x"]));
    assert_eq!(
        terminal.ask("/session 99999"),
        "no session has the number 99999: /sessions lists all"
    );
    terminal.quit();
}

#[test]
fn a_session_is_renamed_at_the_prompt() {
    let user = User::new();
    user.chat(&["--new", "--session", "hills", "Hello"]);
    let chat = user.service.genai(&["chat", "--session", "hills"]);
    let mut terminal = Terminal::start(&saving(chat, user.data.path()));

    assert_eq!(terminal.ask("/rename"), "no name given: try /rename NAME");
    assert_contains(&terminal.ask("/rename 7"), "is a number");
    assert_eq!(terminal.ask("/rename ben"), "session 1: ben");
    terminal.quit();

    assert_contains(&user.output(&["list"]), "  ben");
}

#[test]
fn existing_sessions_are_deleted_although_others_are_missing() {
    let user = User::new();
    for name in ["one", "two"] {
        user.chat(&["--new", "--session", name, "Hello"]);
    }

    let deleted = user.sessions(&["rm", "one", "999", "none", "two"]);

    deleted.assert_refused(2, &["one deleted", "two deleted", "999", "`none`"]);
    assert_eq!(user.sessions(&["list"]).stdout, "");
}
