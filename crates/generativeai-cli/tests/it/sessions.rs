//! Saved sessions: continued, listed, searched, renamed, exported, imported and deleted.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::fake_service::{Answer, Service};
use super::support::{Ran, assert_contains, genai, ran, saving};
use super::terminal::Terminal;

/// A user with a data folder, and a service.
pub(super) struct User {
    pub(super) data: tempfile::TempDir,
    pub(super) service: Service,
}

impl User {
    pub(super) fn new() -> Self {
        Self {
            data: tempfile::tempdir().expect("a folder"),
            service: Service::start(Answer::Texts(vec!["It is ", "1,345 m tall."])),
        }
    }

    pub(super) fn run(&self, command: Command) -> Ran {
        ran(saving(command, self.data.path()).output())
    }

    /// Runs `genai chat`, which must succeed.
    pub(super) fn chat(&self, words: &[&str]) -> Ran {
        let output = self.run(self.service.genai(&[&["chat"], words].concat()));
        assert_eq!(output.code, Some(0), "{output:?}");
        output
    }

    pub(super) fn sessions(&self, words: &[&str]) -> Ran {
        self.run(genai(&[&["sessions"], words].concat()))
    }

    /// Returns the output of `genai sessions`, which must succeed.
    pub(super) fn output(&self, words: &[&str]) -> String {
        let output = self.sessions(words);
        assert_eq!(
            (output.code, output.stderr.as_str()),
            (Some(0), ""),
            "{words:?}"
        );
        output.stdout
    }
}

#[test]
fn the_last_session_is_continued() {
    let user = User::new();
    user.chat(&["How tall is Ben Nevis?"]);
    user.service.request();

    user.chat(&["--continue", "And in feet?"]);

    let request = user.service.request();
    assert_contains(&request, "How tall is Ben Nevis?");
    assert_contains(&request, "And in feet?");
    let shown = user.output(&["show", "How tall is Ben Nevis?"]);
    assert_eq!(
        shown.matches("model: It is 1,345 m tall.").count(),
        2,
        "{shown}"
    );
    assert_eq!(user.output(&["list"]).lines().count(), 1);
}

#[test]
fn a_data_folder_that_cannot_be_read_is_not_an_empty_one() {
    let folder = tempfile::tempdir().expect("a folder");
    // Root may read any folder, so this is a file.
    let data = folder.path().join("data");
    fs::write(&data, "").expect("written");
    for words in [&["list"][..], &["rm", "--all", "-y"], &["show", "x"]] {
        let command = genai(&[&["sessions"], words].concat());
        let refused = ran(saving(command, &data).output());

        let path = data.join("generativeai/chats.sqlite");
        let path = path.to_str().expect("text");
        refused.assert_refused(1, &[path, "cannot be opened", "because: "]);
    }
}

#[test]
fn a_relative_data_folder_is_ignored() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(Answer::Texts(vec!["Yes."]));
    let command = service.genai(&["chat", "Hello"]);
    let mut command = saving(command, std::path::Path::new("data"));
    command
        .env("HOME", folder.path())
        .current_dir(folder.path());

    ran(command.output()).assert_printed("Yes.\n");

    assert!(!folder.path().join("data").exists());
    let default = match cfg!(target_os = "macos") {
        true => "Library/Application Support/generativeai",
        false => ".local/share/generativeai",
    };
    assert!(folder.path().join(default).join("chats.sqlite").exists());
}

#[test]
fn a_session_that_another_program_has_open_is_not_deleted() {
    let user = User::new();
    user.chat(&["--new", "--session", "one", "How tall is Ben Nevis?"]);
    let chat = user.service.genai(&["chat", "--session", "one"]);
    let mut terminal = Terminal::start(&saving(chat, user.data.path()));
    terminal.wait_for_prompt();

    let refused = "session `one` is open in another genai: quit that one first";
    user.sessions(&["rm", "one"]).assert_refused(1, &[refused]);
    let refused = [refused, "1 session not deleted"];
    user.sessions(&["rm", "--all", "-y"])
        .assert_refused(1, &refused);
    assert_eq!(terminal.ask("And in feet?"), "It is 1,345 m tall.");
    terminal.quit();

    assert_eq!(user.sessions(&["rm", "one"]).code, Some(0));
    let locks = user.data.path().join("generativeai/locks");
    assert_eq!(fs::read_dir(locks).expect("a folder").count(), 0);
}

#[test]
fn the_commands_that_save_a_deleted_session_are_named() {
    let user = User::new();
    user.chat(&["--new", "--session", "one", "How tall is Ben Nevis?"]);
    let chat = user.service.genai(&["chat", "--session", "one"]);
    let mut terminal = Terminal::start(&saving(chat, user.data.path()));
    terminal.wait_for_prompt();
    // As a program of an older version does.
    let locks = user.data.path().join("generativeai/locks");
    fs::remove_dir_all(locks).expect("removed");

    assert_eq!(user.sessions(&["rm", "one"]).code, Some(0));
    terminal.enter("And in feet?");

    terminal.wait_for("(to continue in a new session: /save FILE, and then /load FILE)");
    terminal.quit();
}

#[test]
fn sessions_are_searched_renamed_and_deleted() {
    let user = User::new();
    user.chat(&["--new", "--session", "one", "How tall is Ben Nevis?"]);
    user.chat(&["--new", "--session", "two", "Where is Snowdon?"]);

    assert!(
        user.output(&["search", "nevis"])
            .starts_with("   1  one: How tall is Ben Nevis?")
    );
    assert_eq!(user.output(&["rename", "one", "scotland"]), "");
    assert!(
        user.output(&["search", "NEVIS"])
            .starts_with("   1  scotland: ")
    );
    let deleted = user.sessions(&["rm", "scotland", "two"]);
    assert_eq!(deleted.code, Some(0), "{deleted:?}");
    let nothing = user.sessions(&["search", "nevis"]);
    assert_eq!(
        (nothing.stdout.as_str(), nothing.stderr.as_str()),
        ("", "nothing found\n")
    );
    let nothing = user.sessions(&["list"]);
    assert_eq!(
        (nothing.stdout.as_str(), nothing.stderr.as_str()),
        ("", "no saved sessions\n")
    );
}

#[test]
fn commands_that_only_read_create_no_store() {
    let user = User::new();

    assert_eq!(user.sessions(&["list"]).stderr, "no saved sessions\n");
    assert_eq!(
        user.sessions(&["search", "nevis"]).stderr,
        "nothing found\n"
    );
    user.sessions(&["show", "hills"])
        .assert_refused(2, &["unknown session `hills`"]);
    let mut created = fs::read_dir(user.data.path()).expect("a folder");
    assert!(created.next().is_none());
}

#[test]
fn an_exported_session_can_be_imported() {
    let user = User::new();
    user.chat(&["--new", "--session", "mountains", "How tall is Ben Nevis?"]);
    let lines = user.output(&["export", "mountains"]);
    let contents = user.output(&["export", "--contents", "mountains"]);
    let read: Value = serde_json::from_str(&contents).expect("JSON");
    assert_eq!(read.as_array().map(Vec::len), Some(2), "{contents}");
    let other = User::new();

    for (name, text) in [("lines", lines), ("contents", contents)] {
        let path = other.data.path().join(name);
        fs::write(&path, text).expect("it can be written");
        let path = path.to_str().expect("text");
        assert_eq!(
            other.output(&["import", "--name", name, path]),
            format!("{name}\n")
        );
        assert_eq!(
            other.output(&["show", name]),
            user.output(&["show", "mountains"])
        );
    }
    // Without a name, it is that of the export, unless it is taken.
    let path = other.data.path().join("lines");
    let path = path.to_str().expect("text");
    for name in ["mountains", "How tall is Ben Nevis?"] {
        assert_eq!(other.output(&["import", path]), format!("{name}\n"));
    }
    let lines = fs::read_to_string(path).expect("text");
    fs::write(path, lines.replacen("\"mountains\"", "\"\"", 1)).expect("written");
    let name = User::new().output(&["import", path]);
    assert_eq!(name, "How tall is Ben Nevis?\n");
}

#[test]
fn no_save_writes_nothing() {
    let user = User::new();

    user.chat(&["--no-save", "Hello"]);

    assert_eq!(
        fs::read_dir(user.data.path()).expect("it is there").count(),
        0
    );
}

/// Finding 5 of tests/newcomer.md.
#[test]
fn no_save_leaves_a_continued_session_unchanged() {
    let user = User::new();
    user.chat(&["--new", "--session", "hills", "How tall is Ben Nevis?"]);
    let before = user.output(&["show", "hills"]);

    for words in [
        &["--no-save", "--session", "hills", "And Snowdon?"][..],
        &["--no-save", "--continue", "And Snowdon?"],
        &["--no-save", "--new", "--session", "new", "Hello"],
    ] {
        user.chat(words);
    }

    user.service.request();
    let copy = user.service.request();
    assert_contains(&copy, "How tall is Ben Nevis?");
    assert_eq!(user.output(&["show", "hills"]), before);
    assert_eq!(user.output(&["list"]).lines().count(), 1);
}

/// Finding 10 of tests/newcomer.md.
#[test]
fn without_a_home_folder_a_message_is_answered_and_not_saved() {
    let user = User::new();
    let mut command = user.service.genai(&["chat", "Hello"]);
    for name in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        command.env_remove(name);
    }
    let output = ran(command.env_remove("GENAI_CHAT_NO_SAVE").output());

    output.assert_printed("It is 1,345 m tall.\n");
    output.assert_reported("this session is not saved");
}

/// Finding 33 of tests/newcomer.md.
#[test]
fn lists_are_available_as_json() {
    let user = User::new();
    user.chat(&["--new", "--session", "hills", "How tall is Ben Nevis?"]);

    let list: Value = serde_json::from_str(&user.output(&["list", "-o", "json"])).expect("JSON");
    let hits: Value =
        serde_json::from_str(&user.output(&["search", "-o", "json", "nevis"])).expect("JSON");

    assert_eq!(list[0]["name"], "hills");
    assert_eq!(list[0]["messages"], 2);
    assert!(
        list[0]["changed"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z'))
    );
    assert_eq!(
        (&hits[0]["id"], &hits[0]["name"]),
        (&list[0]["id"], &list[0]["name"])
    );
}

/// Issue 18: `rm --older`, `rm --all`.
#[test]
fn many_sessions_are_deleted_after_confirmation() {
    let user = User::new();
    user.chat(&["--new", "--session", "hills", "Hello"]);

    assert_eq!(
        user.sessions(&["rm", "--older", "1d"]).stderr,
        "no sessions to delete\n"
    );
    user.sessions(&["rm", "--all"])
        .assert_refused(2, &["--yes"]);
    user.sessions(&["rm", "--older", "soon"])
        .assert_refused(2, &["30d"]);
    assert_eq!(user.output(&["ls"]).lines().count(), 1);

    let deleted = user.sessions(&["rm", "--all", "--yes"]);
    assert_eq!(deleted.stderr, "1 deleted: hills\n");
    assert_eq!(user.sessions(&["list"]).stdout, "");
}

/// Findings 9 and 33 of tests/newcomer.md.
#[test]
fn a_file_of_another_program_is_imported_and_named_after_its_first_message() {
    let user = User::new();
    let path = user.data.path().join("chat.json");
    let json = r#"{"contents":[{"role":"user","parts":[{"text":"How tall is Ben Nevis?"}]},{"role":"model","parts":[{"text":"1,345 m."}]}]}"#;
    fs::write(&path, json).expect("it can be written");

    let name = user.output(&["import", path.to_str().expect("text")]);

    assert_eq!(name, "How tall is Ben Nevis?\n");
    assert_eq!(
        user.output(&["show", name.trim_end()]),
        "you: How tall is Ben Nevis?\n\nmodel: 1,345 m.\n"
    );
}

#[test]
fn saved_sessions_are_readable_only_by_the_user() {
    use std::os::unix::fs::PermissionsExt;

    let user = User::new();
    user.chat(&["Hello"]);

    let folder = user.data.path().join("generativeai");
    let mode = |path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(folder.clone()), 0o700);
    assert_eq!(mode(folder.join("chats.sqlite")), 0o600);
}

#[test]
fn a_new_session_works_without_a_usable_store() {
    let user = User::new();
    fs::create_dir_all(user.data.path().join("generativeai/chats.sqlite")).expect("a folder");

    let output = user.chat(&["Hello"]);

    assert_eq!(output.stdout, "It is 1,345 m tall.\n");
    output.assert_reported("(this session is not saved: ");
    user.run(user.service.genai(&["chat", "--continue", "Hello"]))
        .assert_refused(1, &["chats.sqlite"]);
}

#[test]
fn a_damaged_store_is_reported_with_its_path() {
    let user = User::new();
    let folder = user.data.path().join("generativeai");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("chats.sqlite"), "no database".repeat(100)).expect("a file");

    user.sessions(&["list"])
        .assert_refused(1, &["generativeai/chats.sqlite: ", "damaged"]);
}

#[test]
fn a_missing_session_or_file_is_reported() {
    let user = User::new();

    for words in [
        &["show", "nowhere"][..],
        &["export", "nowhere"],
        &["rm", "nowhere"],
        &["rename", "nowhere", "somewhere"],
    ] {
        user.sessions(words).assert_refused(
            2,
            &["unknown session `nowhere`: `genai sessions list` lists all"],
        );
    }
    user.sessions(&["rename", "nowhere", " "])
        .assert_refused(2, &["the new name is empty"]);
    user.sessions(&["resume"]).assert_refused(2, &["<NAME>"]);
    user.run(genai(&["chat", "--session", " ", "Hello"]))
        .assert_refused(2, &["the session name is empty"]);
    // Before a model is loaded.
    user.run(genai(&[
        "chat",
        "-m",
        "nowhere.gguf",
        "--continue",
        "Hello",
    ]))
    .assert_refused(2, &["there is no session to continue"]);
    user.sessions(&["import", "nowhere.jsonl"])
        .assert_refused(1, &["nowhere.jsonl"]);
    user.run(genai(&["chat", "--continue", "--session", "x", "Hello"]))
        .assert_refused(2, &["--continue", "--session"]);
}

#[test]
fn a_file_that_is_not_a_session_is_refused() {
    let user = User::new();
    let path = user.data.path().join("broken");
    for text in ["[{", "{\"generativeai\"", "", "[]"] {
        fs::write(&path, text).expect("it can be written");

        let refused = user.sessions(&["import", path.to_str().expect("text")]);

        assert!(matches!(refused.code, Some(1 | 2)), "{refused:?}");
        refused.assert_reported("genai: ");
    }
    assert_eq!(user.sessions(&["list"]).stdout, "");
}
