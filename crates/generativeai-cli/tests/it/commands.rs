//! The commands of a conversation at the terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::service::{Answer, Service};
use super::terminal::Terminal;

/// A conversation in a folder of its own.
struct Talk {
    service: Service,
    terminal: Terminal,
    folder: TempDir,
}

impl Talk {
    fn start(answers: &[&'static str], environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let answers = answers.iter().map(|text| Answer::Texts(vec![text]));
        let service = Service::start(Answer::Each(answers.collect()));
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

    fn quit(mut self) {
        self.terminal.say("/quit");
        assert_eq!(self.terminal.end().code, 0);
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
fn what_is_typed_is_remembered_for_this_user_alone() {
    let mut talk = Talk::start(&["Yes."], &[]);

    talk.ask("Do you remember?");
    talk.ask("/history");
    talk.terminal.type_keys("\x1b[A\x1b[A");
    talk.terminal.wait_until("the message again", |screen| {
        screen.contents().trim_end().ends_with("> Do you remember?")
    });
    talk.terminal.type_keys("\x03");

    let folder = talk.folder.path().join("state/generativeai");
    let typed = folder.join("typed");
    assert_eq!((mode(&folder), mode(&typed)), (0o700, 0o600));
    let text = fs::read_to_string(typed).expect("text");
    assert!(text.contains("Do you remember?"), "{text}");
    talk.quit();
}

#[test]
fn a_message_may_have_several_lines() {
    let mut talk = Talk::start(&["Yes."], &[]);

    talk.terminal.wait_for_prompt();
    talk.terminal.type_keys("one\x1b\rtwo\x0athree");
    talk.terminal.wait_for("> one\n  two\n  three");
    talk.terminal.type_keys("\r");
    talk.terminal.wait_for_prompt();
    talk.terminal.type_keys("\x1b[200~four\r\nfive\x1b[201~");
    talk.terminal.wait_for("> four\n  five");
    talk.terminal.type_keys("\r");
    talk.terminal.wait_for_prompt();
    talk.terminal.type_keys("\"\"\"\r");
    talk.terminal.wait_until("a second line", |screen| {
        screen.contents().trim_end().ends_with("> \"\"\"") && screen.cursor_position().1 == 2
    });
    talk.terminal.type_keys("six\rseven\"\"\"\r");
    talk.terminal.wait_for_prompt();

    for said in ["one\\ntwo\\nthree", "four\\nfive", "\"six\\nseven\""] {
        let request = talk.service.request();
        assert!(request.contains(said), "no {said} in {request}");
    }
    talk.quit();
}

#[test]
fn commands_and_files_are_completed() {
    let mut talk = Talk::start(&["Yes."], &[]);
    fs::write(talk.folder.path().join("notes.txt"), "Feed the cat.").expect("a file");

    talk.terminal.wait_for_prompt();
    talk.terminal.type_keys("/his\t");
    talk.terminal.wait_for("> /history");
    talk.terminal.type_keys("\r");
    talk.terminal.wait_for("nothing was said yet");
    talk.terminal.wait_for_prompt();
    talk.terminal.type_keys("See @no\t");
    talk.terminal.wait_for("> See @notes.txt");
    talk.terminal.type_keys("\r");
    talk.terminal.wait_for("Yes.");

    assert!(talk.service.request().contains("Feed the cat."));
    talk.quit();
}

#[test]
fn another_chat_is_gone_on_with_by_its_name_which_is_completed() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().to_str().expect("text");
    let kept = [("XDG_DATA_HOME", folder), ("GENAI_CHAT_NO_SAVE", "false")];
    let mut talk = Talk::start(&["1,345 m."], &kept);

    talk.ask("How tall is Ben Nevis?");
    assert_eq!(talk.ask("/session"), "How tall is Ben Nevis?");
    assert_eq!(
        talk.ask("/session hills"),
        "this is conversation 2 now, a new chat; /fork 1 goes back"
    );
    talk.ask("And Snowdon?");
    talk.terminal.type_at_prompt("/session How");
    talk.terminal.type_keys("\t");
    talk.terminal.wait_for("> /session How tall is Ben Nevis?");
    talk.terminal.type_keys("\r");
    talk.terminal
        .wait_for("this is conversation 1 now; /history shows it, /fork 2 goes back");
    assert_eq!(
        talk.ask("/history"),
        "you: How tall is Ben Nevis?\nmodel: 1,345 m."
    );
    talk.quit();

    let mut again = Talk::start(&["Yes."], &kept);
    again.ask("/session hills");
    assert_eq!(again.ask("/history"), "you: And Snowdon?\nmodel: 1,345 m.");
    again.quit();
}

#[test]
fn the_last_message_is_changed_in_the_editor() {
    let mut talk = Talk::start(
        &["It is 1,345 m tall.", "It is 8,849 m tall."],
        &[("EDITOR", "printf 'How tall is Everest?' >")],
    );

    talk.ask("How tall is Ben Nevis?");
    let changed = talk.ask("/edit");
    assert!(changed.contains("you: How tall is Everest?"), "{changed}");
    let history = talk.ask("/history");

    assert_eq!(
        history,
        "you: How tall is Everest?\nmodel: It is 8,849 m tall."
    );
    talk.quit();
}

#[test]
fn without_an_editor_the_last_message_is_changed_at_the_prompt() {
    let mut talk = Talk::start(&["One.", "Two."], &[]);

    talk.ask("How many?");
    talk.terminal.say("/edit");
    talk.terminal.wait_for("> How many?\n");
    talk.terminal
        .wait_until("the message at the prompt", |screen| {
            screen.contents().trim_end().ends_with("> How many?")
        });
    talk.terminal.type_keys(" Now?\r");
    talk.terminal.wait_for("Two.");

    assert_eq!(talk.ask("/history"), "you: How many? Now?\nmodel: Two.");
    talk.quit();
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let mut talk = Talk::start(&["One."], &[("EDITOR", "false")]);

    talk.ask("How many?");
    let failed = talk.ask("/edit");
    assert!(failed.contains("the editor false failed"), "{failed}");
    assert!(talk.ask("/history").contains("model: One."));
    talk.quit();
}

#[test]
fn a_fork_goes_its_own_way() {
    let mut talk = Talk::start(&["One.", "Two.", "Three."], &[]);

    talk.ask("First?");
    assert!(talk.ask("/fork").contains("this is conversation 2 now"));
    talk.ask("Second?");
    talk.ask("/fork 1");
    assert_eq!(talk.ask("/history"), "you: First?\nmodel: One.");
    talk.ask("/fork 2");
    assert!(talk.ask("/history").ends_with("model: Two."));
    assert!(talk.ask("/fork 7").contains("they are 1 to 2"));
    talk.quit();
}

#[test]
fn the_instruction_is_set_and_taken_back() {
    let mut talk = Talk::start(&["Yes."], &[]);

    talk.ask("/system Be brief.");
    assert_eq!(talk.ask("/system"), "Be brief.");
    talk.ask("Hello");
    talk.ask("/system -");
    talk.ask("Hello again");

    let [first, second] = [talk.service.request(), talk.service.request()];
    assert!(first.contains("Be brief."), "{first}");
    assert!(!second.contains("Be brief."), "{second}");
    talk.quit();
}

#[test]
fn another_model_goes_on_with_the_conversation() {
    let mut talk = Talk::start(&["Yes."], &[]);

    talk.ask("/system Be brief.");
    talk.ask("Hello");
    assert_eq!(talk.ask("/model"), "models/gemini-x");
    assert!(
        talk.ask("/model gemini-y")
            .contains("models/gemini-y answers")
    );
    talk.ask("And you?");
    assert!(talk.ask("/model nowhere.gguf").contains("nowhere.gguf"));
    assert_eq!(talk.ask("/model"), "models/gemini-y");

    talk.service.request();
    let second = talk.service.request();
    assert!(second.contains("/models/gemini-y:"), "{second}");
    for kept in ["Be brief.", "Hello", "And you?"] {
        assert!(second.contains(kept), "no {kept} in {second}");
    }
    talk.quit();
}

#[test]
fn a_conversation_is_saved_and_exported_for_this_user_alone() {
    let mut talk = Talk::start(&["**Yes.**"], &[]);
    fs::write(talk.folder.path().join("chat.md"), "mine").expect("a file");

    talk.ask("Is it so?");
    assert_eq!(talk.ask("/save"), "saved as chat.json");
    assert_eq!(talk.ask("/save"), "saved as chat.json");
    assert_eq!(talk.ask("/export"), "written to chat-2.md");
    assert!(
        talk.ask("/export chat.md")
            .contains("chat.md is there already")
    );
    assert!(talk.ask("/save no/where").contains("cannot write no/where"));

    let read = |name| {
        let path = talk.folder.path().join(name);
        (mode(&path), fs::read_to_string(path).expect("text"))
    };
    let (mode, json) = read("chat.json");
    let saved: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(mode, 0o600);
    assert_eq!(saved["history"][1]["parts"][0]["text"], "**Yes.**");
    let (mode, markdown) = read("chat-2.md");
    assert_eq!(mode, 0o600);
    assert!(markdown.ends_with("## You\n\nIs it so?\n\n## Model\n\n**Yes.**\n"));
    talk.quit();
}

#[test]
fn tokens_are_told_where_asked_for() {
    let mut talk = Talk::start(&["One.", "Two."], &[]);

    talk.ask("How many?");
    let told = talk.ask("/tokens");
    assert!(
        told.contains("the last reply: ") && told.contains("all in all:"),
        "{told}"
    );
    talk.ask("/tokens on");
    let reply = talk.ask("And now?");
    assert!(
        reply.starts_with("Two.") && reply.contains(" tokens in"),
        "{reply}"
    );
    talk.ask("/tokens off");
    assert_eq!(talk.ask("/tools"), "the model has no tools");
    talk.quit();
}
