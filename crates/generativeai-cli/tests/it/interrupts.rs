//! Ctrl-C and other ends while a function runs, and while a chat is saved.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::service::{Answer, Service};
use super::support::{Ran, genai, ran};
use super::terminal::Terminal;
use super::tools::server;

const CTRL_C: &str = "\x03";

/// A user with a folder for chats, somebody who answers, and a function that can be called.
struct User {
    data: tempfile::TempDir,
    service: Service,
    calls: TcpListener,
}

impl User {
    fn new(answer: Answer) -> Self {
        Self {
            data: tempfile::tempdir().expect("a folder"),
            service: Service::start(answer),
            calls: TcpListener::bind("127.0.0.1:0").expect("a port is free"),
        }
    }

    /// A model that greets Ada by a function, and then says so.
    fn with_function() -> Self {
        Self::new(Answer::Calls("greet", "Ada was greeted."))
    }

    fn kept(&self, mut command: Command) -> Command {
        command
            .env("XDG_DATA_HOME", self.data.path())
            .env_remove("GENAI_CHAT_NO_SAVE");
        command
    }

    fn chat(&self, words: &[&str]) -> Command {
        let words = [&["chat", "-m", "gemini-x"], words].concat();
        self.kept(self.service.genai(&words))
    }

    /// The same with the function.
    fn chat_with_function(&self, words: &[&str]) -> Command {
        let port = self.calls.local_addr().expect("an address").port();
        let tool = format!("{} {port}", server("greet", "Good day"));
        self.chat(&[&["--tool", &tool], words].concat())
    }

    /// Waits until the function runs.
    fn called(&self) -> TcpStream {
        let (mut call, _) = self.calls.accept().expect("it is called");
        call.read_exact(&mut [0; 4]).expect("it says so");
        call
    }

    /// Whether the function was called once more.
    fn is_called_again(&self) -> bool {
        self.calls.set_nonblocking(true).expect("a socket");
        self.calls.accept().is_ok()
    }

    /// What the one chat that is kept holds.
    fn shown(&self) -> String {
        let shown = self.sessions(&["show", "1"]);
        assert_eq!(shown.code, Some(0), "{shown:?}");
        shown.stdout
    }

    fn sessions(&self, words: &[&str]) -> Ran {
        ran(self.kept(genai(&[&["sessions"], words].concat())).output())
    }

    /// Keeps everybody else from writing chats, for as long as what is given lives.
    fn lock(&self) -> Lock {
        Lock::on(&self.data.path().join("generativeai/chats.sqlite"))
    }
}

/// Another process that has the chats for itself.
struct Lock(Child);

impl Lock {
    fn on(path: &Path) -> Self {
        let script = "import sqlite3, sys\n\
            chats = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)\n\
            chats.execute('BEGIN IMMEDIATE')\n\
            print('locked', flush=True)\n\
            sys.stdin.read()\n";
        let mut command = Command::new("python3");
        let command = command.args(["-c", script]).arg(path);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3 is there");
        let mut said = String::new();
        let out = child.stdout.take().expect("it prints");
        BufReader::new(out).read_line(&mut said).expect("it prints");
        assert_eq!(said, "locked\n");
        Self(child)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // It ends with its stdin.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[test]
fn ctrl_c_while_a_function_runs_keeps_the_turn_and_the_server() {
    let user = User::with_function();
    let mut terminal = Terminal::start(&user.chat_with_function(&[]));

    terminal.say("Greet Ada.");
    terminal.wait_for("(calls greet with {\"name\":\"Ada\"})");
    let mut call = user.called();
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(stopped; what came stays in the conversation");

    assert_eq!(
        terminal.ask("/history"),
        "you: Greet Ada.\nmodel: [calls greet]\ntools: [greet answers] (interrupted)"
    );
    // Its late answer goes to nobody, but the server lives and reads on.
    call.write_all(b"!").expect("the server lives");
    assert_eq!(call.read(&mut [0]).expect("it reads"), 0);
    assert_eq!(terminal.ask("/continue"), "Ada was greeted.");
    terminal.say("/quit");
    assert_eq!(terminal.end().code, 0);
    assert!(!user.is_called_again());
    user.service.request();
    let second = user.service.request();
    assert!(
        second.contains("interrupted before it answered"),
        "{second}"
    );
    assert!(
        user.shown()
            .contains("tools: [greet answers] (interrupted)")
    );
}

#[test]
fn ctrl_c_after_a_function_ran_keeps_its_answer() {
    let answers = vec![Answer::Calls("greet", ""), Answer::Silent];
    let user = User::new(Answer::Each(answers));
    let mut terminal = Terminal::start(&user.chat_with_function(&[]));

    terminal.say("Greet Ada.");
    user.called().write_all(b"!").expect("the server lives");
    user.service.request();
    user.service.request();
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(stopped; what came stays in the conversation");
    terminal.say("/quit");

    assert_eq!(terminal.end().code, 0);
    assert!(!user.is_called_again());
    let kept = user.sessions(&["export", "--contents", "1"]).stdout;
    assert!(kept.contains("Good day, Ada!"), "{kept}");
}

#[test]
fn ctrl_c_while_a_function_runs_ends_a_single_message_with_130() {
    let user = User::with_function();
    let mut terminal = Terminal::start(&user.chat_with_function(&["Greet Ada."]));

    let _call = user.called();
    terminal.type_keys(CTRL_C);

    assert_eq!(terminal.end().code, 130);
    assert!(
        user.shown()
            .contains("tools: [greet answers] (interrupted)")
    );
    let went_on = ran(user.chat(&["--continue", "And now?"]).output());
    assert_eq!(
        (went_on.code, went_on.stdout.as_str()),
        (Some(0), "Ada was greeted.\n")
    );
    assert!(!user.is_called_again());
}

#[test]
fn a_signal_while_a_function_runs_ends_with_its_code_and_keeps_the_turn() {
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let user = User::with_function();
        let mut terminal = Terminal::start(&user.chat_with_function(&[]));

        terminal.say("Greet Ada.");
        let _call = user.called();
        terminal.signal(signal);

        assert_eq!(terminal.end().code, code, "{signal}");
        assert!(
            user.shown().contains("(interrupted)"),
            "{signal}: {}",
            user.shown()
        );
        assert!(!user.is_called_again());
    }
}

#[test]
fn a_program_that_is_killed_while_a_function_runs_leaves_an_interrupted_turn() {
    let user = User::with_function();
    let mut terminal = Terminal::start(&user.chat_with_function(&[]));

    terminal.say("Greet Ada.");
    let _call = user.called();
    terminal.signal("KILL");
    terminal.was_killed();

    assert_eq!(user.shown(), "you: Greet Ada. (not answered)\n");
    let went_on = ran(user.chat(&["--continue", "And now?"]).output());
    let told = "(what was said last was not answered, and is taken back: Greet Ada.)";
    assert!(went_on.stderr.contains(told), "{went_on:?}");
    assert!(!user.is_called_again());
}

#[test]
fn ctrl_c_while_a_message_is_saved_takes_it_back() {
    let user = User::new(Answer::Texts(vec!["It is four."]));
    let mut terminal = Terminal::start(&user.chat(&[]));

    terminal.wait_for_prompt();
    let lock = user.lock();
    terminal.say("Two and two?");
    terminal.wait_for("…");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(stopped before anything came; your message is taken back)");
    terminal.wait_for("(the chat is being saved; Ctrl-C goes on without)");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(it is kept later, if it can be)");
    drop(lock);
    assert_eq!(terminal.ask("And three?"), "It is four.");
    terminal.say("/quit");

    assert_eq!(terminal.end().code, 0);
    assert_eq!(user.shown(), "you: And three?\n\nmodel: It is four.\n");
}

#[test]
fn ctrl_c_while_a_reply_is_saved_keeps_the_reply() {
    let user = User::new(Answer::Gated("It is four."));
    let mut terminal = Terminal::start(&user.chat(&[]));

    terminal.say("Two and two?");
    user.service.request();
    let lock = user.lock();
    user.service.open_gate();
    terminal.wait_for("It is");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(the chat is being saved; Ctrl-C goes on without)");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(it is kept later, if it can be)");
    drop(lock);

    assert_eq!(
        terminal.ask("/history"),
        "you: Two and two?\nmodel: It is four."
    );
    terminal.say("/quit");
    assert_eq!(terminal.end().code, 0);
    assert_eq!(user.shown(), "you: Two and two?\n\nmodel: It is four.\n");
}

#[test]
fn ctrl_c_while_the_last_is_saved_ends_with_130() {
    let user = User::new(Answer::Gated("It is four."));
    let mut terminal = Terminal::start(&user.chat(&["Two and two?"]));

    user.service.request();
    let lock = user.lock();
    user.service.open_gate();
    terminal.wait_for("It is");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(the chat is being saved; Ctrl-C goes on without)");
    terminal.type_keys(CTRL_C);

    let left = terminal.end();
    assert_eq!(left.code, 130);
    assert!(
        left.screen.ends_with("(what was said last is not kept)"),
        "{}",
        left.screen
    );
    drop(lock);
    assert!(user.shown().starts_with("you: Two and two? (not answered)"));
}
