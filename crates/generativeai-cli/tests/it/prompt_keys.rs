//! Keys of the prompt, and the commands that copy and compact.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::fake_service::{Answer, Service};
use super::support::{SHORT, assert_contains, genai};
use super::terminal::Terminal;

const CTRL_X: &str = "\x18";
const CTRL_E: &str = "\x05";
const CTRL_Z: &str = "\x1a";

/// Finding 31 of tests/newcomer.md.
#[test]
fn ctrl_x_ctrl_e_edits_the_message_in_the_editor() {
    let service = Service::start(Answer::Texts(vec!["Yes."]));
    let mut command = service.genai(&["chat"]);
    command.env("EDITOR", "sed -i s/draft/message/");
    let mut terminal = Terminal::start(&command);

    terminal.type_at_prompt("My draft");
    terminal.type_keys(CTRL_X);
    terminal.type_keys(CTRL_E);
    terminal.wait_for("> My message");
    terminal.type_keys("\r");
    terminal.wait_for("Yes.");
    terminal.quit();

    assert!(service.request().contains("My message"));
}

/// Starts `genai chat` in an interactive shell.
fn in_shell(shell: &[&str], service: &Service) -> Terminal {
    let genai = service.genai(&["chat"]);
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).env("PS1", "shell: ");
    for (name, value) in genai.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut terminal = Terminal::start(&command);
    terminal.wait_for("shell:");
    terminal.type_keys(&format!("{} chat\r", genai.get_program().display()));
    terminal
}

#[test]
fn ctrl_x_ctrl_e_reports_an_editor_that_fails() {
    let service = Service::start(Answer::Texts(vec!["Yes."]));
    let mut command = service.genai(&["chat"]);
    command.env("EDITOR", "nosuch-editor --wait");
    let mut terminal = Terminal::start(&command);

    terminal.type_at_prompt("My draft");
    terminal.type_keys(CTRL_X);
    terminal.type_keys(CTRL_E);
    terminal.wait_for("genai: the editor nosuch-editor --wait failed (exit status: 127)");
    terminal.wait_until("the prompt below the error", |screen| {
        screen.contents().trim_end().ends_with("> My draft")
    });
    terminal.type_keys("\r");
    terminal.wait_for("Yes.");
    terminal.quit();
    assert!(service.request().contains("My draft"));
}

#[test]
fn ctrl_x_ctrl_e_without_an_editor_names_the_variable() {
    let service = Service::start(Answer::Silent);
    let mut terminal = Terminal::start(&service.genai(&["chat"]));

    terminal.wait_for_prompt();
    terminal.type_keys(CTRL_X);
    terminal.type_keys(CTRL_E);
    terminal.wait_for("genai: no editor is configured: set EDITOR");
    terminal.quit();
}

/// Finding 31 of tests/newcomer.md.
#[test]
fn ctrl_z_suspends_the_program_and_fg_continues_it_with_the_typed_text() {
    let service = Service::start(Answer::Texts(vec!["Still here."]));
    let mut terminal = in_shell(&["bash", "--norc", "--noprofile", "-i"], &service);

    terminal.type_at_prompt("Are you there?");
    terminal.type_keys(CTRL_Z);
    terminal.wait_for("Stopped");
    terminal.type_keys("fg\r");
    terminal.wait_until("the typed text after `fg`", |screen| {
        let screen = screen.contents();
        let (_, after) = screen.rsplit_once("fg").unwrap_or_default();
        after.contains("> Are you there?")
    });
    terminal.type_keys("\r");
    terminal.wait_for("Still here.");
    terminal.enter("/quit");
    terminal.wait_until("the shell", |screen| {
        screen.contents().trim_end().ends_with("shell:")
    });
    terminal.type_keys("exit\r");
    // The shell has its own settings of the terminal, so these are not compared.
    terminal.wait_until_killed();
}

/// The shell sets its own modes of the terminal, in which a read of the keys waits for Enter.
#[test]
fn a_reply_continues_after_ctrl_z_and_fg() {
    for shell in [
        &["bash", "--norc", "--noprofile", "-i"][..],
        &["dash", "-i"],
    ] {
        let service = Service::start(Answer::Paused("Once upon a ", "time. The end."));
        let mut terminal = in_shell(shell, &service);

        terminal.enter("A story?");
        terminal.wait_for("Once upon");
        terminal.type_keys(CTRL_Z);
        terminal.wait_for("Stopped");
        // The shell echoes the keys and reads a line, so the terminal is restored.
        terminal.type_keys("echo re''stored\r");
        terminal.wait_for("restored");
        terminal.type_keys("fg\r");
        terminal.wait_for_key_mode();
        terminal.type_keys("next draft");
        service.open_gate();
        terminal.wait_for("time. The end.");
        terminal.wait_for("> next draft");
        terminal.type_keys("\x15");
        terminal.enter("/quit");
        terminal.wait_until("the shell", |screen| {
            screen.contents().trim_end().ends_with("shell:")
        });
        terminal.type_keys("exit\r");
        terminal.wait_until_killed();
    }
}

/// Finding 30 of tests/newcomer.md.
#[test]
fn the_last_reply_or_its_code_is_copied() {
    let service = Service::start(Answer::Texts(vec!["Run\n```sh\nls -l\n```\n"]));
    let folder = tempfile::tempdir().expect("a folder");
    let copied = folder.path().join("copied");
    let program = folder.path().join("wl-copy");
    let script = format!("#!/bin/sh\nexec /bin/cat > '{}'\n", copied.display());
    fs::write(&program, script).expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
    let mut command = service.genai(&["chat"]);
    command.env("PATH", folder.path());
    let mut terminal = Terminal::start(&command);
    let read = || fs::read_to_string(&copied).expect("it is copied");

    assert_eq!(terminal.ask("/copy"), "no replies yet");
    terminal.ask("How?");
    assert_eq!(terminal.ask("/copy"), "copied 20 characters with wl-copy");
    assert_eq!(read(), "Run\n```sh\nls -l\n```\n");
    assert_eq!(
        terminal.ask("/copy code"),
        "copied 6 characters with wl-copy"
    );
    assert_eq!(read(), "ls -l\n");
    fs::remove_file(&program).expect("it is removed");
    let nothing = terminal.ask("/copy");
    assert_contains(&nothing, "no clipboard program works");
    assert!(terminal.take_clipboard().is_empty());
    assert_eq!(
        terminal.ask("/copy code osc52"),
        "copied 6 characters with the terminal"
    );
    assert_eq!(terminal.take_clipboard(), ["bHMgLWwK"]);
    terminal.enter("/copy nosuch");
    terminal.wait_for("unknown argument `nosuch`");
    terminal.quit();
}

/// Issue 18: `/compact`.
#[test]
fn compact_limits_the_requests_of_the_session() {
    // The service counts 258 tokens in every request.
    let service = Service::start(Answer::Texts(vec!["A reply."]));
    let mut terminal = Terminal::start(&service.genai(&["chat"]));

    assert_eq!(terminal.ask("/compact"), "no messages yet");
    terminal.ask("One");
    let set = terminal.ask("/compact 20");
    assert_contains(&set, "exceeds 20 tokens");
    let refused = terminal.ask("Two, which is longer than twenty bytes");
    assert_contains(&refused, "258 tokens");
    assert_contains(
        &refused,
        "(/compact N sets another budget, /compact off removes it)",
    );
    terminal.ask("/compact 300");
    let reply = terminal.ask("Two, which is longer than twenty bytes");
    assert_contains(&reply, "A reply.");
    terminal.ask("/compact 20");
    assert_eq!(
        terminal.ask("/compact off"),
        "requests are no longer shortened"
    );
    let reply = terminal.ask("Three, which is longer than twenty bytes");
    assert_contains(&reply, "A reply.");
    // The service reports a limit of 300 tokens, half of which are more than half of the history.
    let set = terminal.ask("/compact");
    assert_contains(&set, "exceeds 150 tokens (/compact off");
    terminal.quit();
}

/// The budget was half of the last request, which is less than the shortest message needs.
#[test]
fn messages_after_compact_are_not_refused() {
    let words = [&["chat", "--context", "256"], &SHORT[..]].concat();
    let mut terminal = Terminal::start(&genai(&words));

    terminal.ask("Hello");
    assert_contains(&terminal.ask("/compact"), "older turns will be summarized");
    let reply = terminal.ask("How are you today?");
    terminal.quit();

    assert!(!reply.contains("budget"), "{reply}");
}
