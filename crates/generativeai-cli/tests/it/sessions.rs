//! Chats that are kept: gone on with, listed, found, renamed, taken out and in, deleted.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::service::{Answer, Service};
use super::support::{Ran, genai, ran};

/// A user with a folder for chats, and somebody who answers.
struct User {
    data: tempfile::TempDir,
    service: Service,
}

impl User {
    fn new() -> Self {
        Self {
            data: tempfile::tempdir().expect("a folder"),
            service: Service::start(Answer::Texts(vec!["It is ", "1,345 m tall."])),
        }
    }

    fn of(&self, mut command: Command) -> Ran {
        command
            .env("XDG_DATA_HOME", self.data.path())
            .env_remove("GENAI_CHAT_NO_SAVE");
        ran(command.output())
    }

    /// Says something; it must be answered.
    fn say(&self, words: &[&str]) -> Ran {
        let said = self.of(self.service.genai(&[&["chat"], words].concat()));
        assert_eq!(said.code, Some(0), "{said:?}");
        said
    }

    fn sessions(&self, words: &[&str]) -> Ran {
        self.of(genai(&[&["sessions"], words].concat()))
    }

    /// What `sessions` prints; it must work.
    fn told(&self, words: &[&str]) -> String {
        let told = self.sessions(words);
        assert_eq!(
            (told.code, told.stderr.as_str()),
            (Some(0), ""),
            "{words:?}"
        );
        told.stdout
    }
}

#[test]
fn a_chat_is_gone_on_with() {
    let user = User::new();
    user.say(&["How tall is Ben Nevis?"]);
    user.service.request();

    user.say(&["--continue", "And in feet?"]);

    let request = user.service.request();
    assert!(
        request.contains("How tall is Ben Nevis?") && request.contains("And in feet?"),
        "{request}"
    );
    let shown = user.told(&["show", "How tall is Ben Nevis?"]);
    assert_eq!(
        shown.matches("model: It is 1,345 m tall.").count(),
        2,
        "{shown}"
    );
    assert_eq!(user.told(&["list"]).lines().count(), 1);
}

#[test]
fn a_session_has_the_name_it_is_given_and_goes_on_by_it() {
    let user = User::new();
    user.say(&["--session", "mountains", "How tall is Ben Nevis?"]);
    user.say(&["Something else"]);
    user.say(&["--session", "mountains", "And Snowdon?"]);

    let shown = user.told(&["show", "mountains"]);
    assert!(
        shown.contains("you: How tall is Ben Nevis?") && shown.contains("you: And Snowdon?"),
        "{shown}"
    );
    let list = user.told(&["list"]);
    assert!(
        list.lines()
            .next()
            .is_some_and(|line| line.ends_with("  mountains")),
        "{list}"
    );
    assert!(list.contains("Something else"), "{list}");
}

#[test]
fn what_was_said_is_found_renamed_and_deleted() {
    let user = User::new();
    user.say(&["--session", "one", "How tall is Ben Nevis?"]);
    user.say(&["--session", "two", "Where is Snowdon?"]);

    assert!(
        user.told(&["search", "nevis"])
            .starts_with("one: How tall is Ben Nevis?")
    );
    assert_eq!(user.told(&["rename", "one", "scotland"]), "");
    assert!(user.told(&["search", "NEVIS"]).starts_with("scotland: "));
    let deleted = user.sessions(&["rm", "scotland", "two"]);
    assert_eq!(deleted.code, Some(0), "{deleted:?}");
    let nothing = user.sessions(&["search", "nevis"]);
    assert_eq!(
        (nothing.stdout.as_str(), nothing.stderr.as_str()),
        ("", "nothing was found\n")
    );
    let nothing = user.sessions(&["list"]);
    assert_eq!(
        (nothing.stdout.as_str(), nothing.stderr.as_str()),
        ("", "no chats are kept yet\n")
    );
}

#[test]
fn a_chat_is_taken_out_and_in_again() {
    let user = User::new();
    user.say(&["--session", "mountains", "How tall is Ben Nevis?"]);
    let lines = user.told(&["export", "mountains"]);
    let contents = user.told(&["export", "--contents", "mountains"]);
    let read: Value = serde_json::from_str(&contents).expect("JSON");
    assert_eq!(read.as_array().map(Vec::len), Some(2), "{contents}");
    let other = User::new();

    for (name, text) in [("lines", lines), ("contents", contents)] {
        let path = other.data.path().join(name);
        fs::write(&path, text).expect("it can be written");
        let path = path.to_str().expect("text");
        assert_eq!(
            other.told(&["import", "--name", name, path]),
            format!("{name}\n")
        );
        assert_eq!(
            other.told(&["show", name]),
            user.told(&["show", "mountains"])
        );
    }
}

#[test]
fn what_is_not_to_be_kept_leaves_no_trace() {
    let user = User::new();

    user.say(&["--no-save", "Hello"]);

    assert_eq!(
        fs::read_dir(user.data.path()).expect("it is there").count(),
        0
    );
}

#[test]
fn a_chat_that_is_named_is_kept_though_new_ones_are_not() {
    let user = User::new();
    let mut command = user.service.genai(&["chat", "--session", "hills", "Hello"]);
    command.env("XDG_DATA_HOME", user.data.path());

    let said = ran(command.env("GENAI_CHAT_NO_SAVE", "true").output());

    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(user.told(&["list"]).contains("hills"));
}

#[cfg(unix)]
#[test]
fn what_is_kept_its_owner_alone_can_read() {
    use std::os::unix::fs::PermissionsExt;

    let user = User::new();
    user.say(&["Hello"]);

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
fn a_store_that_cannot_be_used_does_not_stop_a_new_chat() {
    let user = User::new();
    fs::create_dir_all(user.data.path().join("generativeai/chats.sqlite")).expect("a folder");

    let said = user.say(&["Hello"]);

    assert_eq!(said.stdout, "It is 1,345 m tall.\n");
    assert!(said.stderr.contains("(this chat is not kept: "), "{said:?}");
    user.of(user.service.genai(&["chat", "--continue", "Hello"]))
        .refused(1, &["chats.sqlite"]);
}

#[test]
fn what_is_not_there_is_told() {
    let user = User::new();

    user.sessions(&["show", "nowhere"])
        .refused(1, &["no session `nowhere`"]);
    user.sessions(&["resume"]).refused(2, &["<NAME>"]);
    user.of(genai(&["chat", "--session", " ", "Hello"]))
        .refused(2, &["the session has no name"]);
    user.of(user.service.genai(&["chat", "--continue", "Hello"]))
        .refused(2, &["no chat to go on with yet"]);
    user.sessions(&["import", "nowhere.jsonl"])
        .refused(1, &["nowhere.jsonl"]);
    user.of(genai(&["chat", "--continue", "--session", "x", "Hello"]))
        .refused(2, &["--continue", "--session"]);
}

#[test]
fn a_file_that_is_no_chat_is_refused() {
    let user = User::new();
    let path = user.data.path().join("broken");
    for text in ["[{", "{\"generativeai\"", ""] {
        fs::write(&path, text).expect("it can be written");

        let refused = user.sessions(&["import", path.to_str().expect("text")]);

        assert!(matches!(refused.code, Some(1 | 2)), "{refused:?}");
        assert!(refused.stderr.contains("genai: "), "{refused:?}");
    }
    assert_eq!(user.sessions(&["list"]).stdout, "");
}
