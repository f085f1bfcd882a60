//! Slash commands of the prompt.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::fake_service::{Answer, Service};
use super::support::{assert_contains, genai, ran};
use super::terminal::Terminal;

/// A session in a new folder.
struct Session {
    service: Service,
    terminal: Terminal,
    folder: TempDir,
}

impl Session {
    fn start(answers: &[&'static str], environment: &[(&str, &str)]) -> Self {
        let answers = answers.iter().map(|text| Answer::Texts(vec![text]));
        Self::answered(answers.collect(), environment)
    }

    fn answered(answers: Vec<Answer>, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let service = Service::start(Answer::Each(answers));
        let mut command = service.genai(&["chat", "-m", "gemini-x"]);
        command
            .current_dir(folder.path())
            .env("XDG_STATE_HOME", folder.path().join("state"))
            .envs(environment.iter().copied());
        Self {
            terminal: Terminal::start(&command),
            service,
            folder,
        }
    }

    fn ask(&mut self, line: &str) -> String {
        self.terminal.ask(line)
    }

    /// Waits until a text is at the prompt, and was not entered.
    fn wait_for_typed(&mut self, text: &str) {
        let prompt = format!("> {text}");
        self.terminal.wait_until(&prompt, |screen| {
            screen.contents().trim_end().ends_with(&prompt)
        });
    }

    fn quit(self) {
        self.terminal.quit();
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o777
}

#[test]
fn the_prompt_history_is_readable_only_by_the_user() {
    let mut session = Session::start(&["Yes."], &[]);

    session.ask("Do you remember?");
    session.ask("/history");
    session.terminal.type_keys("\x1b[A\x1b[A");
    session.wait_for_typed("Do you remember?");
    session.terminal.type_keys("\x03");

    let folder = session.folder.path().join("state/generativeai");
    let file = folder.join("history");
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    let text = fs::read_to_string(file).expect("text");
    assert_contains(&text, "Do you remember?");
    session.quit();
}

#[test]
fn a_message_may_have_several_lines() {
    let mut session = Session::start(&["Yes."], &[]);

    session.terminal.wait_for_prompt();
    session.terminal.type_keys("one\x1b\rtwo\x0athree");
    session.terminal.wait_for("> one\n  two\n  three");
    session.terminal.type_keys("\r");
    session.terminal.wait_for_prompt();
    session.terminal.type_keys("\x1b[200~four\r\nfive\x1b[201~");
    session.terminal.wait_for("> four\n  five");
    session.terminal.type_keys("\r");
    session.terminal.wait_for_prompt();
    session.terminal.type_keys("\"\"\"\r");
    session.terminal.wait_until("a second line", |screen| {
        screen.contents().trim_end().ends_with("> \"\"\"") && screen.cursor_position().1 == 2
    });
    session.terminal.type_keys("six\rseven\"\"\"\r");
    session.terminal.wait_for_prompt();

    for message in ["one\\ntwo\\nthree", "four\\nfive", "\"six\\nseven\""] {
        let request = session.service.request();
        assert_contains(&request, message);
    }
    session.quit();
}

#[test]
fn commands_and_files_are_completed() {
    let mut session = Session::start(&["Yes."], &[]);
    fs::write(session.folder.path().join("notes.txt"), "Feed the cat.").expect("a file");

    session.terminal.wait_for_prompt();
    session.terminal.type_keys("/his\t");
    session.terminal.wait_for("> /history");
    session.terminal.type_keys("\r");
    session.terminal.wait_for("no messages yet");
    session.terminal.wait_for_prompt();
    session.terminal.type_keys("See @no\t");
    session.terminal.wait_for("> See @notes.txt");
    session.terminal.type_keys("\r");
    session.terminal.wait_for("Yes.");

    assert!(session.service.request().contains("Feed the cat."));
    session.quit();
}

#[test]
fn another_session_is_opened_by_its_name_which_is_completed() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().to_str().expect("text");
    let saved = [("XDG_DATA_HOME", folder), ("GENAI_CHAT_NO_SAVE", "false")];
    let mut session = Session::start(&["1,345 m."], &saved);

    session.ask("How tall is Ben Nevis?");
    assert_eq!(session.ask("/session"), "session 1: How tall is Ben Nevis?");
    assert_eq!(
        session.ask("/new hills"),
        "now in session 2, a new session; /session 1 returns to session 1"
    );
    session.ask("And Snowdon?");
    session.terminal.type_at_prompt("/session How");
    session.terminal.type_keys("\t");
    session
        .terminal
        .wait_for("> /session How tall is Ben Nevis?");
    session.terminal.type_keys("\r");
    session.terminal.wait_for(
        "now in session 1; /session 2 returns to session 2\n\
         you: How tall is Ben Nevis?\n\
         model: 1,345 m.",
    );
    assert_eq!(
        session.ask("/history"),
        "you: How tall is Ben Nevis?\nmodel: 1,345 m."
    );
    session.quit();

    let mut again = Session::start(&["Yes."], &saved);
    again.ask("/session hills");
    assert_eq!(again.ask("/history"), "you: And Snowdon?\nmodel: 1,345 m.");
    again.quit();
}

/// Finding 18 of tests/newcomer.md.
#[test]
fn a_misspelled_session_or_command_creates_nothing_and_gets_a_suggestion() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().to_str().expect("text");
    let saved = [("XDG_DATA_HOME", folder), ("GENAI_CHAT_NO_SAVE", "false")];
    let mut session = Session::start(&["1,345 m."], &saved);

    session.ask("/new hills");
    session.ask("How tall is Ben Nevis?");
    assert_eq!(
        session.ask("/session hils"),
        "unknown session `hils`: did you mean `hills`? /sessions lists all, /new hils starts it"
            .replace(" starts it", "\nstarts it")
    );
    assert_eq!(
        session.ask("/unod"),
        "unknown command /unod: did you mean /undo?"
    );
    let list = session.ask("/sessions");
    assert!(list.contains("hills") && !list.contains("hils"), "{list}");
    session.quit();
}

/// Finding 9 of tests/newcomer.md.
#[test]
fn a_saved_file_can_be_loaded() {
    let mut session = Session::start(&["1,345 m."], &[]);

    assert_eq!(session.ask("/save nevis.json"), "no messages yet");
    assert_contains(&session.ask("/load /dev/zero"), "/dev/zero is not a file");
    session.ask("/system Be brief.");
    session.ask("How tall is Ben Nevis?");
    session.ask("/save nevis.json");
    session.ask("/system -");
    session.ask("/new");
    assert_eq!(session.ask("/history"), "no messages yet");
    assert_eq!(
        session.ask("/load nevis.json"),
        "now in unsaved-3; /session unsaved-2 returns to unsaved-2\n\
         you: How tall is Ben Nevis?\nmodel: 1,345 m."
    );
    assert_eq!(session.ask("/system"), "Be brief.");
    session.quit();
}

#[test]
fn an_exported_session_can_be_loaded_with_and_without_saving() {
    for no_save in ["true", "false"] {
        let data = tempfile::tempdir().expect("a folder");
        let data = data.path().to_str().expect("text");
        let environment = [("XDG_DATA_HOME", data), ("GENAI_CHAT_NO_SAVE", no_save)];
        let mut session = Session::start(&["Yes."], &environment);
        let contents = r#"[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"Hello!"}]}]"#;
        let path = session.folder.path().join("hi.json");
        fs::write(&path, contents).expect("a file");
        let store = session.folder.path().join("export");
        let sessions = |words: &[&str]| {
            let mut command = genai(&[&["sessions"][..], words].concat());
            ran(command.env("XDG_DATA_HOME", &store).output())
        };
        let path = path.to_str().expect("text");
        let name = sessions(&["import", path]).stdout;
        let log = sessions(&["export", name.trim()]).stdout;
        fs::write(session.folder.path().join("hi.jsonl"), log).expect("a file");

        let loaded = session.ask("/load hi.jsonl");

        assert!(loaded.ends_with("you: Hi\nmodel: Hello!"), "{loaded}");
        assert_eq!(session.ask("/history"), "you: Hi\nmodel: Hello!");
        if no_save == "false" {
            assert_eq!(session.ask("/session"), "session 2: Hi");
        }
        session.quit();
    }
}

/// Findings 30 and 31 of tests/newcomer.md.
#[test]
fn several_turns_are_undone_and_quit_needs_no_slash() {
    let mut session = Session::start(&["One.", "Two."], &[]);

    session.ask("First?");
    session.ask("Second?");
    assert_eq!(session.ask("/history 1"), "model: Two.");
    assert_eq!(
        session.ask("/undo 2"),
        "undone: Second?\nundone: First?\n(/redo 2 restores them)"
    );
    assert_eq!(
        session.ask("/redo 2"),
        "restored: First?\nrestored: Second?"
    );
    assert!(session.ask("help").contains("/undo"));
    session.terminal.enter("quit");
    assert_eq!(session.terminal.end().code, 0);
}

#[test]
fn the_last_message_is_edited_in_the_editor() {
    let mut session = Session::start(
        &["It is 1,345 m tall.", "It is 8,849 m tall."],
        // An editor that leaves the terminal in its mode: Ctrl-C is sent to the program as well. Without the waits, the
        // signals would be one.
        &[(
            "EDITOR",
            "for wait in 0.1 0.1 0; do kill -INT $PPID; sleep $wait; done; printf 'How tall is Everest?' >",
        )],
    );

    session.ask("How tall is Ben Nevis?");
    let edited = session.ask("/edit");
    assert_contains(&edited, "you: How tall is Everest?");
    let history = session.ask("/history");

    assert_eq!(
        history,
        "you: How tall is Everest?\nmodel: It is 8,849 m tall."
    );
    session.quit();
}

#[test]
fn without_an_editor_the_last_message_is_edited_at_the_prompt() {
    let text = |text| Answer::Texts(vec![text]);
    let answers = [text("One."), Answer::Fails(400, "{}"), text("Two.")];
    let later = [Answer::Gated("Three."), text("Four."), text("Five.")];
    let mut session = Session::answered([answers, later].concat(), &[]);
    fs::write(session.folder.path().join("a.txt"), "Feed the cat.").expect("a file");
    session.ask("What is in @a.txt?");
    let before = session.ask("/history");
    for (keys, shown) in [
        ("\x03", "(unchanged)"),
        ("\x15\r", "(unchanged)"),
        ("\x15/tokens\r", "(unchanged)\nlast reply: "),
        (" Now?\r", "(the previous reply is kept)"),
        (" Again?\r", "\nTwo."),
    ] {
        session.terminal.enter("/edit");
        session.wait_for_typed("What is in @a.txt?");
        session.terminal.type_keys(keys);
        session.terminal.wait_until(shown, |screen| {
            let screen = screen.contents();
            let (_, after) = screen.rsplit_once("> /edit").expect("entered");
            after.contains(shown)
        });
        assert_eq!(session.ask("/history") == before, keys != " Again?\r");
        assert_eq!(session.ask("/attach"), "no files attached");
    }
    (0..2).for_each(|_| drop(session.service.request()));
    let edited = session.service.request();
    assert_contains(&edited, "What is in @a.txt? Again?");
    assert_eq!(edited.matches("Feed the cat.").count(), 1, "{edited}");

    session.terminal.enter("Next?");
    session.service.request();
    session.terminal.type_keys("/edit\rAnd then?\r");
    session.terminal.wait_for("…");
    session.service.open_gate();
    session.terminal.wait_for("(1 more queued");
    session.wait_for_typed("Next?");
    session.terminal.type_keys(" Now?\r");
    session.terminal.wait_for("Five.");
    assert_eq!(
        session.ask("/history 4"),
        "you: Next? Now?\nmodel: Four.\nyou: And then?\nmodel: Five."
    );
    session.quit();
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let mut session = Session::start(&["One."], &[("EDITOR", "false")]);

    session.ask("How many?");
    let failed = session.ask("/edit");
    assert_contains(&failed, "the editor false failed");
    assert!(session.ask("/history").contains("model: One."));
    session.quit();
}

#[test]
fn a_fork_is_independent() {
    let mut session = Session::start(&["One.", "Two.", "Three."], &[]);

    session.ask("First?");
    assert_eq!(
        session.ask("/fork"),
        "now in unsaved-2, a copy of unsaved-1; /session unsaved-1 returns to it"
    );
    session.ask("Second?");
    session.ask("/session unsaved-1");
    assert_eq!(session.ask("/history"), "you: First?\nmodel: One.");
    session.ask("/session unsaved-2");
    assert!(session.ask("/history").ends_with("model: Two."));
    session.quit();
}

#[test]
fn the_system_instruction_is_set_and_removed() {
    let mut session = Session::start(&["Yes."], &[]);

    let set = session.ask("/system Read @nosuch.md.");
    assert_contains(&set, "(no file `nosuch.md`: sent as text");
    fs::write(session.folder.path().join("rules.md"), "Be kind.").expect("a file");
    let set = session.ask("/system Read @rules.md.");
    assert_contains(
        &set,
        "(`rules.md` is not attached: a system instruction is text)",
    );
    session.ask("/system Be brief.");
    assert_eq!(session.ask("/system"), "Be brief.");
    session.ask("Hello");
    session.ask("/system -");
    session.ask("Hello again");

    let [first, second] = [session.service.request(), session.service.request()];
    assert_contains(&first, "Be brief.");
    assert!(!second.contains("Be brief."), "{second}");
    session.quit();
}

#[test]
fn the_model_can_be_changed_in_a_session() {
    let mut session = Session::start(&["Yes."], &[]);

    session.ask("/system Be brief.");
    session.ask("Hello");
    assert_eq!(session.ask("/model"), "gemini-x");
    let changed = session.ask("/model gemini-y");
    assert_contains(&changed, "now using gemini-y");
    session.ask("And you?");
    assert!(session.ask("/model nowhere.gguf").contains("nowhere.gguf"));
    assert_eq!(session.ask("/model"), "gemini-y");

    session.service.request();
    let second = session.service.request();
    assert_contains(&second, "/models/gemini-y:");
    for part in ["Be brief.", "Hello", "And you?"] {
        assert_contains(&second, part);
    }
    session.quit();
}

#[test]
fn files_of_a_session_are_readable_only_by_the_user() {
    let mut session = Session::start(&["**Yes.**"], &[]);
    fs::write(session.folder.path().join("chat.md"), "mine").expect("a file");

    session.ask("Is it so?");
    assert_eq!(session.ask("/save"), "saved as chat.json");
    assert_eq!(session.ask("/save"), "saved as chat.json");
    assert_eq!(session.ask("/export"), "written to chat-2.md");
    assert!(
        session
            .ask("/export chat.md")
            .contains("chat.md already exists")
    );
    assert!(
        session
            .ask("/save no/where")
            .contains("cannot write no/where")
    );

    let read = |name| {
        let path = session.folder.path().join(name);
        (mode(&path), fs::read_to_string(path).expect("text"))
    };
    let (mode, json) = read("chat.json");
    let saved: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(mode, 0o600);
    assert_eq!(saved["history"][1]["parts"][0]["text"], "**Yes.**");
    let (mode, markdown) = read("chat-2.md");
    assert_eq!(mode, 0o600);
    assert!(markdown.ends_with("## You\n\nIs it so?\n\n## Model\n\n**Yes.**\n"));
    session.quit();
}

#[test]
fn token_counts_are_shown_on_request() {
    let mut session = Session::start(&["One.", "Two."], &[]);

    assert_contains(&session.ask("/tokens"), "no replies in this run yet");
    session.ask("How many?");
    let counts = session.ask("/tokens");
    assert_contains(&counts, "last reply: ");
    assert_contains(&counts, "total: ");
    assert!(
        session
            .ask("/tokens maybe")
            .contains("unknown argument `maybe`")
    );
    session.ask("/tokens on");
    let reply = session.ask("And now?");
    assert!(
        reply.starts_with("Two.") && reply.contains(" tokens in"),
        "{reply}"
    );
    session.ask("/tokens off");
    assert_eq!(session.ask("/tools"), "the model has no tools");
    session.quit();
}

#[test]
fn an_unknown_model_is_refused_with_a_suggestion() {
    let mut session = Session::start(&["Yes."], &[]);

    let refused = session.ask("/model nosuch");
    let misspelled = session.ask("/model gmini-y");

    assert_contains(&refused, "unknown model `nosuch`: available: gemini-y");
    assert_contains(&misspelled, "did you mean `gemini-y`?");
    assert_eq!(session.ask("/model"), "gemini-x");
    session.quit();
}

#[test]
fn the_history_shows_replies_as_rendered_markdown() {
    let mut session = Session::start(&["1,345 m is **high**.", "- One\n- Two"], &[]);

    session.ask("How **tall**?");
    session.ask("List!");
    let history = session.ask("/history");

    assert_contains(&history, "you: How **tall**?");
    assert_contains(&history, "model: 1,345 m is high.");
    assert_contains(&history, "model:\n");
    assert!(!history.contains("- One"), "{history}");
    let row = history.lines().find(|row| row.contains("One"));
    assert!(row.is_some_and(|row| row.ends_with("One")), "{history}");
    session.quit();
}
