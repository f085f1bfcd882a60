//! Sessions that are continued at the terminal: the shown exchange, questions, and saving.

use std::process::{Command, Stdio};

use super::fake_service::{Answer, Service};
use super::support::{assert_contains, genai, ran, saving};
use super::terminal::Terminal;

/// A user with a saved session `hills`.
struct User {
    data: tempfile::TempDir,
    service: Service,
}

impl User {
    fn new() -> Self {
        let user = Self {
            data: tempfile::tempdir().expect("a folder"),
            service: Service::start(Answer::Texts(vec!["It is **1,345 m** tall."])),
        };
        let mut first = user.chat(&["--new", "--session", "hills", "How tall is Ben Nevis?"]);
        assert_eq!(ran(first.output()).code, Some(0));
        user
    }

    fn saving(&self, command: Command) -> Command {
        saving(command, self.data.path())
    }

    fn chat(&self, words: &[&str]) -> Command {
        self.saving(self.service.genai(&[&["chat"], words].concat()))
    }

    fn sessions(&self, words: &[&str]) -> String {
        let command = genai(&[&["sessions"], words].concat());
        ran(self.saving(command).output()).stdout
    }
}

/// Finding 19 of tests/newcomer.md.
#[test]
fn a_continued_session_begins_with_its_last_exchange() {
    let user = User::new();
    let resume = user.service.genai(&["sessions", "resume", "hills"]);
    for command in [
        user.chat(&["--continue"]),
        user.chat(&["--session", "hills"]),
        user.chat(&["--session", "1"]),
        user.saving(resume),
    ] {
        let mut terminal = Terminal::start(&command);

        terminal.wait_for("you: How tall is Ben Nevis?\nmodel: It is 1,345 m tall.");
        terminal.quit();
    }
}

#[test]
fn resume_accepts_the_options_of_a_chat() {
    let user = User::new();
    let words = [
        "sessions",
        "resume",
        "hills",
        "--system",
        "Be brief.",
        "And in feet?",
    ];

    let output = ran(user.saving(user.service.genai(&words)).output());
    let resume = |words: &[&str]| {
        let words = [&["sessions", "resume"], words].concat();
        ran(user.saving(user.service.genai(&words)).output())
    };
    let escaped = resume(&["--system", "Be kind.", "hills", "--", "--help"]);

    assert_eq!(output.code, Some(0), "{output:?}");
    user.service.request();
    let request = user.service.request();
    assert_contains(&request, "Be brief.");
    assert_contains(&request, "And in feet?");
    assert_eq!(escaped.code, Some(0), "{escaped:?}");
    let request = user.service.request();
    assert_contains(&request, "Be kind.");
    assert_contains(&request, r#"{"text":"--help"}"#);
    for (words, problem) in [
        (&["hills", "--sytem", "x"][..], &["--sytem", "--system"][..]),
        (&["nosuch", "--new"], &["--new", "<NAME>"]),
        (&["hills", "--continue"], &["--continue", "<NAME>"]),
        (&["--new"], &["name the session"]),
        (&["--continue"], &["name the session"]),
        (
            &["hills", "--session", "x"],
            &["unexpected argument '--session'"],
        ),
    ] {
        resume(words).assert_refused(2, problem);
    }
}

/// A redo restores it.
#[test]
fn a_session_with_an_undone_turn_is_not_deleted() {
    let user = User::new();
    let mut terminal = Terminal::start(&user.chat(&["--session", "hills"]));
    assert_contains(&terminal.ask("/undo"), "undone: How tall is Ben Nevis?");
    terminal.quit();
    let file = user.data.path().join("hills.jsonl");
    std::fs::write(&file, user.sessions(&["export", "hills"])).expect("written");
    let file = file.to_str().expect("text");
    // Its name is taken, and it has no message to be named after.
    assert_eq!(user.sessions(&["import", file]), "2\n");

    Terminal::start(&user.chat(&["--session", "2"])).quit();
    // Creates a session without messages, and another one from the file.
    let mut terminal = Terminal::start(&user.chat(&[]));
    terminal.ask(&format!("/load {file}"));
    terminal.quit();

    let list = user.sessions(&["list"]);
    let number = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let mut numbers: Vec<_> = list.lines().filter_map(number).collect();
    numbers.sort();
    assert_eq!(numbers, ["1", "2", "4"], "{list}");
}

#[test]
fn a_terminal_shows_a_session_as_rendered_markdown() {
    let user = User::new();
    let show = user.saving(genai(&["sessions", "show", "hills"]));

    let left = Terminal::start(&show).end();

    let shown = "you: How tall is Ben Nevis?\n\nmodel: It is 1,345 m tall.";
    assert_eq!(left.screen, shown);
}

/// Finding 18 of tests/newcomer.md.
#[test]
fn an_unknown_session_is_started_only_if_the_user_agrees() {
    let user = User::new();
    let start = || {
        let mut terminal = Terminal::start(&user.chat(&["--session", "hils"]));
        terminal.wait_for("There is no session `hils`");
        terminal
    };

    let mut declined = start();
    declined.wait_for("Start it? [y/N]");
    declined.type_keys("\r");
    let left = declined.end();
    assert_eq!(left.code, 2, "{}", left.screen);
    assert_contains(&left.screen, "did you mean `hills`?");
    assert!(!user.sessions(&["list"]).contains("hils"));

    let mut agreed = start();
    agreed.type_keys("y\r");
    agreed.ask("And Snowdon?");
    agreed.quit();
    assert!(user.sessions(&["show", "hils"]).contains("And Snowdon?"));
}

/// Finding 5 of tests/newcomer.md.
#[test]
fn no_save_holds_for_every_session_of_the_run() {
    let user = User::new();
    let before = user.sessions(&["show", "hills"]);
    let mut terminal = Terminal::start(&user.chat(&["--no-save"]));

    terminal.ask("Hello");
    let switched = terminal.ask("/session hills");
    terminal.ask("And Snowdon?");
    terminal.ask("/new lakes");
    terminal.ask("How deep is Loch Ness?");
    terminal.ask("/fork rivers");
    terminal.ask("And the Tay?");
    terminal.quit();

    assert_contains(&switched, "not saved");
    assert_eq!(user.sessions(&["show", "hills"]), before);
    assert_eq!(user.sessions(&["list"]).lines().count(), 1);
}

/// Findings 26 and 27 of tests/newcomer.md.
#[test]
fn a_new_session_has_no_token_counts_and_numbers_are_those_of_the_store() {
    let user = User::new();
    let mut terminal = Terminal::start(&user.chat(&["--continue"]));

    terminal.ask("And in feet?");
    assert!(terminal.ask("/tokens").contains("last reply: "));
    assert_eq!(terminal.ask("/session"), "session 1: hills");
    assert_eq!(
        terminal.ask("/fork"),
        "now in session 2, a copy of session 1; /session 1 returns to it"
    );
    terminal.ask("/new");
    assert_eq!(
        terminal.ask("/tokens"),
        "this session has no replies in this run yet"
    );
    terminal.ask("Hello");
    terminal.quit();

    let list = user.sessions(&["list"]);
    for number in ["   1  ", "   2  ", "   3  "] {
        assert_contains(&list, number);
    }
}

#[test]
fn a_session_that_another_process_changed_keeps_its_budget() {
    let user = User::new();
    let mut terminal = Terminal::start(&user.chat(&["--continue"]));

    terminal.ask("/compact 20");
    let mut other = user.chat(&["--session", "hills", "And Snowdon?"]);
    assert_eq!(ran(other.output()).code, Some(0));
    terminal.enter("How tall is Ben Nevis in feet?");
    terminal.wait_until("the message at the prompt", |screen| {
        let shown = screen.contents();
        let is_at_prompt = shown
            .trim_end()
            .ends_with("> How tall is Ben Nevis in feet?");
        shown.contains("another process added messages") && is_at_prompt
    });
    terminal.type_keys("\r");
    terminal.wait_for("(/compact N sets another budget, /compact off removes it)");
    terminal.quit();
    assert_contains(&user.sessions(&["show", "hills"]), "And Snowdon?");
}

#[test]
fn a_copy_or_session_whose_name_is_refused_is_not_started() {
    let user = User::new();
    let mut terminal = Terminal::start(&user.chat(&["--continue"]));

    for (line, problem) in [
        ("/fork hills", "a session named `hills` already exists"),
        ("/fork 7", "the name of the session is a number"),
        ("/new hills", "session `hills` exists"),
        ("/new 7", "the name of the session is a number"),
    ] {
        assert_contains(&terminal.ask(line), problem);
        assert_eq!(terminal.ask("/session"), "session 1: hills");
    }
    terminal.quit();

    assert_eq!(user.sessions(&["list"]).lines().count(), 1);
}

#[test]
fn a_session_that_another_process_named_keeps_its_name() {
    let user = User::new();

    for (number, name) in [("2", "work"), ("3", "play")] {
        let mut terminal = Terminal::start(&user.chat(&[]));
        terminal.wait_for_prompt();
        user.sessions(&["rename", number, name]);
        // The other one stays empty.
        if name == "work" {
            terminal.ask("Hello");
        }
        terminal.quit();
        assert_contains(&user.sessions(&["list"]), &format!("  {name}"));
    }
}

#[test]
fn an_empty_session_that_another_process_used_is_not_deleted() {
    let user = User::new();
    let mut terminal = Terminal::start(&user.chat(&[]));
    terminal.wait_for_prompt();

    let mut other = user.chat(&["--session", "2", "And Snowdon?"]);
    assert_eq!(ran(other.output()).code, Some(0));
    terminal.quit();

    assert_contains(&user.sessions(&["show", "2"]), "And Snowdon?");
}

#[test]
fn a_return_to_an_open_session_shows_what_another_process_added() {
    let user = User::new();
    let mut terminal = Terminal::start(&user.chat(&["--session", "hills"]));
    terminal.ask("/new");
    let mut other = user.chat(&["--session", "hills", "And Snowdon?"]);
    assert_eq!(ran(other.output()).code, Some(0));

    assert_contains(&terminal.ask("/session 1"), "you: And Snowdon?");
    assert_contains(&terminal.ask("/history"), "you: And Snowdon?");
    terminal.quit();
}

#[test]
fn a_message_that_could_not_be_regenerated_is_not_a_draft() {
    let user = User::new();
    let mut terminal = Terminal::start(&user.chat(&["--session", "hills"]));
    terminal.wait_for_prompt();
    let mut other = user.chat(&["--session", "hills", "And Snowdon?"]);
    assert_eq!(ran(other.output()).code, Some(0));

    let shown = terminal.ask("/regenerate");
    assert_contains(&shown, "which are now part of this session)");
    assert!(
        terminal.screen().trim_end().ends_with('>'),
        "{}",
        terminal.screen()
    );
    terminal.quit();
}

#[test]
fn a_message_without_a_reply_becomes_a_draft_after_a_crash() {
    let user = User {
        data: tempfile::tempdir().expect("a folder"),
        service: Service::start(Answer::Silent),
    };
    let mut terminal = Terminal::start(&user.chat(&["--new", "--session", "hills"]));
    terminal.enter("//etc is a folder?");
    user.service.request();
    terminal.signal("KILL");
    terminal.wait_until_killed();

    let mut terminal = Terminal::start(&user.chat(&["--session", "hills"]));
    terminal.wait_for("(the last message was not answered and was discarded");
    terminal.wait_for("> //etc is a folder?");
    terminal.type_keys("\x03");
    terminal.quit();
}

#[test]
fn empty_sessions_of_killed_processes_are_deleted() {
    let user = User::new();
    for _ in 0..2 {
        let mut terminal = Terminal::start(&user.chat(&[]));
        terminal.wait_for_prompt();
        terminal.signal("KILL");
        terminal.wait_until_killed();
        assert_eq!(user.sessions(&["list"]).lines().count(), 2);
    }

    let next = ran(user.chat(&["Hello"]).output());
    assert_eq!(next.code, Some(0), "{next:?}");
    assert!(!user.sessions(&["list"]).contains("0 messages"));
}

#[test]
fn an_unchanged_message_and_a_complete_reply_send_nothing() {
    let user = User::new();
    let mut terminal = Terminal::start(&user.chat(&["--session", "hills"]));

    assert_eq!(terminal.ask("/continue"), "the last reply is complete");
    terminal.enter("/edit");
    terminal.wait_for("> How tall is Ben Nevis?");
    terminal.type_keys("\r");
    terminal.wait_for("(unchanged)");
    terminal.quit();

    assert_eq!(
        user.sessions(&["show", "hills"]).matches("you: ").count(),
        1
    );
}

#[test]
fn a_switch_to_a_session_waits_for_the_message_of_another_process() {
    let first = Answer::Texts(vec!["1,345 m."]);
    let user = User {
        data: tempfile::tempdir().expect("a folder"),
        service: Service::start(Answer::Each(vec![first, Answer::Gated("1,085 m.")])),
    };
    let mut chat = user.chat(&["--new", "--session", "hills", "How tall is Ben Nevis?"]);
    assert_eq!(ran(chat.output()).code, Some(0));
    user.service.request();
    let mut terminal = Terminal::start(&user.chat(&[]));
    terminal.wait_for_prompt();
    let mut other = user.chat(&["--session", "hills", "And Snowdon?"]);
    let other = other.stdout(Stdio::piped()).stderr(Stdio::piped());
    let other = other.spawn().expect("it starts");
    user.service.request();

    terminal.enter("/session hills");
    terminal.wait_for("(another process is using session 1; waiting; Ctrl-C stops)");
    user.service.open_gate();

    terminal.wait_for("you: And Snowdon?\nmodel: 1,085 m.");
    assert_eq!(ran(other.wait_with_output()).code, Some(0));
    terminal.quit();
    assert_contains(&user.sessions(&["show", "hills"]), "model: 1,085 m.");
}

#[test]
fn a_message_that_could_not_be_regenerated_restores_no_turn_of_another_process() {
    let user = User::new();
    let mut terminal = Terminal::start(&user.chat(&["--session", "hills"]));
    terminal.wait_for_prompt();
    let mut other = Terminal::start(&user.chat(&["--session", "hills"]));
    other.ask("And Snowdon?");
    other.ask("/undo");
    other.quit();

    let shown = terminal.ask("/regenerate");
    assert_contains(&shown, "which are now part of this session)");
    terminal.quit();
    assert!(!user.sessions(&["show", "hills"]).contains("Snowdon"));
}
