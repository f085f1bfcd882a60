//! Files that are too large for a message: they are uploaded once, with a progress bar, and Ctrl-C stops an upload.

use std::fs::File;
use std::process::Command;

use super::fake_openai::FakeOpenAi;
use super::fake_service::{Answer, Service};
use super::support::{Ran, assert_contains, ran, saving};
use super::terminal::Terminal;

const CTRL_C: &str = "\x03";

/// A folder with a film of 15.7 MB, and a service.
struct User {
    folder: tempfile::TempDir,
    service: Service,
}

impl User {
    fn new(answer: Answer) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let film = File::create(folder.path().join("film.mp4")).expect("a file");
        film.set_len(15 << 20).expect("a size");
        Self {
            folder,
            service: Service::start(answer),
        }
    }

    fn genai(&self, words: &[&str]) -> Command {
        self.in_folder(self.service.genai(words))
    }

    /// Runs the program, with sessions that are saved in the folder.
    fn saving(&self, words: &[&str]) -> Ran {
        ran(saving(self.genai(words), self.folder.path()).output())
    }

    fn in_folder(&self, mut command: Command) -> Command {
        command.current_dir(self.folder.path());
        command
    }

    /// Asserts that the next request refers to the film, and does not contain its path on disk.
    fn assert_referred(&self) {
        let request = self.service.request();
        let uri = format!("{}/v1beta/files/film", self.service.address);
        assert_contains(&request, &uri);
        assert!(!request.contains("partMetadata"), "{request}");
    }
}

#[test]
fn a_large_file_is_uploaded_once_with_a_bar_at_the_prompt() {
    let user = User::new(Answer::Texts(vec!["A climb."]));
    let mut terminal = Terminal::start(&user.genai(&["chat", "-m", "gemini-x"]));

    let attached = terminal.ask("/attach film.mp4");
    let answered = terminal.ask("What happens?");
    let again = terminal.ask("And at the end of @film.mp4?");

    let file = "attached film.mp4 (video/mp4, 15.7 MB, 258 tokens)";
    assert_contains(&attached, "100 % 16 of 16 MB");
    assert!(attached.ends_with(file), "{attached}");
    assert_eq!(answered, "A climb.");
    assert_eq!(again, format!("{file}\nA climb."));
    terminal.quit();
    user.assert_referred();
    user.assert_referred();
    assert_eq!(user.service.uploads(), 1);
}

#[test]
fn ctrl_c_stops_the_upload_of_an_attachment_and_the_session_continues() {
    let user = User::new(Answer::Silent);
    let mut terminal = Terminal::start(&user.genai(&["chat", "-m", "gemini-x"]));

    terminal.enter("What is in @film.mp4?");
    terminal.wait_for("53 %");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("genai: the upload of film.mp4 was stopped");

    assert_eq!(terminal.ask("/attach"), "no files attached");
    terminal.quit();
}

#[test]
fn ctrl_c_during_an_upload_ends_a_single_command_with_130() {
    for words in [
        &["chat", "-m", "gemini-x", "What is in @film.mp4?"][..],
        &["files", "upload", "film.mp4"],
    ] {
        let user = User::new(Answer::Silent);
        let mut terminal = Terminal::start(&user.genai(words));

        terminal.wait_for("53 %");
        terminal.type_keys(CTRL_C);

        let left = terminal.end();
        assert_eq!(left.code, 130, "{words:?}: {}", left.screen);
        assert!(left.bytes.ends_with("\r\n"), "the bar ends its line");
    }
}

#[test]
fn a_session_refers_to_its_film_in_another_process_without_another_upload() {
    let user = User::new(Answer::Texts(vec!["A climb."]));

    let first = user.saving(&["chat", "-m", "gemini-x", "What is in @film.mp4?"]);
    let second = user.saving(&["chat", "-m", "gemini-x", "--continue", "And at the end?"]);
    let saved = user.saving(&["sessions", "export", "1"]);

    for ran in [&first, &second] {
        ran.assert_printed("A climb.\n");
        user.assert_referred();
    }
    first.assert_reported("uploading: 16 of 16 MB");
    assert_eq!(user.service.uploads(), 1);
    let path = user.folder.path().join("film.mp4");
    let path = path.to_str().expect("text");
    assert!(saved.stdout.contains(path), "{saved:?}");
}

#[test]
fn files_are_sent_in_the_order_of_the_message() {
    let user = User::new(Answer::Texts(vec!["The second."]));
    std::fs::write(user.folder.path().join("a.txt"), "first").expect("written");
    std::fs::write(user.folder.path().join("c.txt"), "last").expect("written");

    let asked = "Which is a film: @a.txt, @film.mp4 or @c.txt?";
    let answered = user.saving(&["chat", "-m", "gemini-x", asked]);

    assert_eq!(answered.stdout, "The second.\n", "{answered:?}");
    let request = user.service.request();
    let place = |part: &str| {
        request
            .find(part)
            .unwrap_or_else(|| panic!("no {part}: {request}"))
    };
    let places = ["a.txt:", "files/film", "c.txt:"].map(place);
    assert!(places.is_sorted(), "{request}");
}

#[test]
fn a_model_without_files_refuses_a_large_one_before_anything_is_sent() {
    let user = User::new(Answer::Silent);
    let server = FakeOpenAi::start();

    let words = ["chat", "-m", "openai:x", "What is in @film.mp4?"];
    let refused = ran(user.in_folder(server.genai(&words)).output());

    refused.assert_refused(
        1,
        &[
            "film.mp4 is too large",
            "2 GB for a model of the Gemini API",
        ],
    );
}
