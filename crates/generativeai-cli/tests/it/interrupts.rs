//! Ctrl-C and signals while a function runs, and while a session is saved.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::fake_service::{Answer, Service};
use super::support::{Ran, assert_contains, genai, ran, saving, through_shell};
use super::terminal::Terminal;
use super::tools::server;

const CTRL_C: &str = "\x03";

/// A user with a data folder, a model, and a function the model can call.
struct User {
    data: tempfile::TempDir,
    service: Service,
    calls: TcpListener,
}

impl User {
    fn new(answer: Answer) -> Self {
        let calls = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        calls.set_nonblocking(true).expect("a socket");
        Self {
            data: tempfile::tempdir().expect("a folder"),
            service: Service::start(answer),
            calls,
        }
    }

    /// Creates a user whose model calls the function, and then replies.
    fn with_function() -> Self {
        Self::new(Answer::Calls("greet", "Ada was greeted."))
    }

    fn chat(&self, words: &[&str]) -> Command {
        let words = [&["chat", "-m", "gemini-x"], words].concat();
        saving(self.service.genai(&words), self.data.path())
    }

    /// Returns `genai chat` with the function.
    fn chat_with_function(&self, words: &[&str]) -> Command {
        let port = self.calls.local_addr().expect("an address").port();
        let tool = format!("{} {port}", server("greet", "Good day"));
        self.chat(&[&["--yes", "--tool", &tool], words].concat())
    }

    /// Waits until the function runs.
    fn called(&self) -> TcpStream {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut call = loop {
            match self.calls.accept() {
                Ok((call, _)) => break call,
                // A program that failed before it called the function must not block the tests.
                Err(error) => assert!(Instant::now() < deadline, "no call: {error}"),
            }
            thread::sleep(Duration::from_millis(5));
        };
        call.set_nonblocking(false).expect("a socket");
        call.read_exact(&mut [0; 4]).expect("the function runs");
        call
    }

    /// Returns whether the function was called again.
    fn is_called_again(&self) -> bool {
        self.calls.accept().is_ok()
    }

    /// Returns the messages of the only saved session.
    fn shown(&self) -> String {
        let shown = self.sessions(&["show", "1"]);
        assert_eq!(shown.code, Some(0), "{shown:?}");
        shown.stdout
    }

    fn sessions(&self, words: &[&str]) -> Ran {
        let command = genai(&[&["sessions"], words].concat());
        ran(saving(command, self.data.path()).output())
    }

    /// Locks the store against writes until the returned value is dropped.
    fn lock(&self) -> Lock {
        Lock::on(&self.data.path().join("generativeai/chats.sqlite"))
    }

    /// Starts a session whose first reply cannot be saved, since the store is locked.
    fn wait_for_save(&self) -> (Terminal, Lock) {
        let mut terminal = Terminal::start(&self.chat(&[]));
        terminal.enter("Two and two?");
        self.service.request();
        let lock = self.lock();
        self.service.open_gate();
        terminal.wait_for("It is");
        self.service.wait_until_read();
        terminal.wait_until_idle();
        (terminal, lock)
    }

    /// Starts a chat and asks a question whose reply is not saved: Ctrl-C stops the wait for the store.
    fn skip_save(&self) -> Terminal {
        let (mut terminal, lock) = self.wait_for_save();
        terminal.type_keys(CTRL_C);
        terminal.wait_for("(waiting for the session store; Ctrl-C stops waiting)");
        terminal.type_keys(CTRL_C);
        terminal.wait_for("(skipped; it is saved with the next message)");
        drop(lock);
        terminal
    }
}

/// A process that holds the write lock of the store.
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
        let mut output = String::new();
        let out = child.stdout.take().expect("it prints");
        BufReader::new(out)
            .read_line(&mut output)
            .expect("it prints");
        assert_eq!(output, "locked\n");
        Self(child)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The process exits when its stdin is closed.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[test]
fn ctrl_c_during_a_function_keeps_the_turn_and_the_server() {
    let user = User::with_function();
    let mut terminal = Terminal::start(&user.chat_with_function(&[]));

    terminal.enter("Greet Ada.");
    terminal.wait_for("(calls greet with {\"name\":\"Ada\"})");
    let mut call = user.called();
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(greet: interrupted before it answered: it may or may not have taken");
    terminal.wait_for("(stopped; the part that arrived is kept");

    assert_eq!(
        terminal.ask("/history"),
        "you: Greet Ada.\nmodel: [calls greet]\n\
         tools: [greet: interrupted before it answered: it may or may not have taken\neffect] (interrupted)"
    );
    // The server is still running, though its late result is ignored.
    call.write_all(b"!").expect("the server lives");
    assert_eq!(call.read(&mut [0]).expect("it reads"), 0);
    assert_eq!(terminal.ask("/continue"), "Ada was greeted.");
    terminal.quit();
    assert!(!user.is_called_again());
    user.service.request();
    let second = user.service.request();
    assert_contains(&second, "interrupted before it answered");
    assert_contains(&user.shown(), "taken effect] (interrupted)");
}

#[test]
fn ctrl_c_after_a_function_keeps_its_result() {
    let answers = vec![Answer::Calls("greet", ""), Answer::Silent];
    let user = User::new(Answer::Each(answers));
    let mut terminal = Terminal::start(&user.chat_with_function(&[]));

    terminal.enter("Greet Ada.");
    user.called().write_all(b"!").expect("the server lives");
    user.service.request();
    user.service.request();
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(stopped; the part that arrived is kept");
    terminal.quit();

    assert!(!user.is_called_again());
    let saved = user.sessions(&["export", "--contents", "1"]).stdout;
    assert_contains(&saved, "Good day, Ada!");
}

#[test]
fn ctrl_c_during_a_function_ends_a_single_message_with_130() {
    let user = User::with_function();
    let mut terminal = Terminal::start(&user.chat_with_function(&["Greet Ada."]));

    let _call = user.called();
    terminal.type_keys(CTRL_C);

    assert_eq!(terminal.end().code, 130);
    assert_contains(&user.shown(), "taken effect] (interrupted)");
    let next = ran(user.chat(&["--continue", "And now?"]).output());
    next.assert_printed("Ada was greeted.\n");
    assert!(!user.is_called_again());
}

#[test]
fn a_signal_during_a_function_sets_the_exit_code_and_keeps_the_turn() {
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let user = User::with_function();
        let mut terminal = Terminal::start(&user.chat_with_function(&[]));

        terminal.enter("Greet Ada.");
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

/// Returns whether SIGHUP is ignored in this process, and so in the programs that it starts. If it is, reports that it is
/// not tested.
pub(super) fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    let is_ignored = ignored.is_some_and(|bits| bits & 1 != 0);
    if is_ignored {
        // Written directly, since the output of a test that passes is not shown.
        let message = "\nNOT TESTED: SIGHUP, which nohup makes these tests ignore\n";
        std::io::stderr()
            .write_all(message.as_bytes())
            .expect("stderr");
    }
    is_ignored
}

#[test]
fn a_signal_during_a_single_message_sets_the_exit_code_and_keeps_the_part() {
    for (signal, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        if signal == "HUP" && ignores_hangup() {
            continue;
        }
        let user = User::new(Answer::Hangs("Once upon a time"));
        let mut command = user.chat(&["Tell me a story"]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut output = child.stdout.take().expect("it prints");
        output.read_exact(&mut [0; 16]).expect("the part");

        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();

        assert!(sent.expect("kill runs").success());
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(code), "{signal}");
        let shown = "you: Tell me a story\n\nmodel: Once upon a time (interrupted)\n";
        assert_eq!(user.shown(), shown, "{signal}");
        let list = user.sessions(&["list"]).stdout;
        assert_contains(&list, "2 messages  Tell me a story  [interrupted]");
    }
}

#[test]
fn a_signal_ends_a_server_that_hangs_at_its_start_with_its_processes() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let alive = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = alive.local_addr().expect("an address").port();
        // A process of the server connects to the test, and ends only if it is killed.
        let script = format!(
            "import socket, time; s = socket.create_connection((\"127.0.0.1\", {port})); time.sleep(600)"
        );
        let tool = format!(
            "sh -c \"python3 -c '{}'; true\"",
            script.replace('"', "\\\"")
        );
        let user = User::new(Answer::Silent);
        let mut command = user.chat(&["--tool", &tool, "Hello"]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut process = alive.accept().expect("the server starts").0;
        let mut notes = BufReader::new(child.stderr.take().expect("it prints"));
        let mut note = String::new();
        while !note.contains("(waiting for the tools of") {
            note.clear();
            assert_ne!(notes.read_line(&mut note).expect("text"), 0, "no note");
        }

        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();

        assert!(sent.expect("kill runs").success());
        assert_eq!(child.wait().expect("it ends").code(), Some(code));
        // The connection of a killed process is closed.
        let time_limit = Some(Duration::from_secs(60));
        process.set_read_timeout(time_limit).expect("a socket");
        assert_eq!(process.read(&mut [0]).expect("it ends"), 0, "{signal}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_nohup_has_started_survives_sighup() {
    let user = User::new(Answer::Gated("It is four."));
    let chat = user.chat(&["Two and two?"]);
    let mut child = through_shell(&chat, "trap '' HUP; exec \"$0\" \"$@\"")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");

    user.service.request();
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-s", "HUP", &id]).status();
    assert!(sent.expect("kill runs").success());
    user.service.open_gate();

    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert_eq!(user.shown(), "you: Two and two?\n\nmodel: It is four.\n");
}

#[test]
fn a_program_killed_during_a_function_leaves_an_interrupted_turn() {
    let user = User::with_function();
    let mut terminal = Terminal::start(&user.chat_with_function(&[]));

    terminal.enter("Greet Ada.");
    let _call = user.called();
    terminal.signal("KILL");
    terminal.wait_until_killed();

    assert_contains(&user.shown(), "(interrupted)");
    let next = ran(user.chat(&["--continue", "And now?"]).output());
    let note = "(the last reply was interrupted; the part that arrived was kept)";
    next.assert_reported(note);
    assert!(!user.is_called_again());
}

#[test]
fn ctrl_c_while_a_message_is_saved_discards_it() {
    let user = User::new(Answer::Texts(vec!["It is four."]));
    let mut terminal = Terminal::start(&user.chat(&[]));

    terminal.wait_for_prompt();
    let lock = user.lock();
    terminal.enter("Two and two?");
    terminal.wait_for("…");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(stopped before the reply began; your message was discarded)");
    terminal.wait_for("(waiting for the session store; Ctrl-C stops waiting)");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(skipped; it is saved with the next message)");
    drop(lock);
    assert_eq!(terminal.ask("And three?"), "It is four.");
    terminal.quit();

    assert_eq!(user.shown(), "you: And three?\n\nmodel: It is four.\n");
}

#[test]
fn ctrl_c_while_a_reply_is_saved_keeps_the_reply() {
    let user = User::new(Answer::Gated("It is four."));
    let mut terminal = user.skip_save();

    // The session is saved after this line, which is reported if it takes long.
    let history = terminal.ask("/history");
    let said = "you: Two and two?\nmodel: It is four.";
    assert!(history.starts_with(said), "{history}");
    terminal.quit();
    assert_eq!(user.shown(), "you: Two and two?\n\nmodel: It is four.\n");
}

#[test]
fn a_reply_that_is_not_saved_yet_is_kept_on_a_return_to_its_session() {
    let user = User::new(Answer::Gated("It is four."));
    let mut terminal = user.skip_save();

    terminal.ask("/new");
    let said = "you: Two and two?\nmodel: It is four.";
    assert_contains(&terminal.ask("/session 1"), said);
    terminal.quit();
    assert_eq!(user.shown(), "you: Two and two?\n\nmodel: It is four.\n");
}

#[test]
fn ctrl_c_while_a_single_message_is_saved_ends_with_130() {
    let user = User::new(Answer::Gated("It is four."));
    let mut terminal = Terminal::start(&user.chat(&["Two and two?"]));

    user.service.request();
    let lock = user.lock();
    user.service.open_gate();
    terminal.wait_for("It is");
    user.service.wait_until_read();
    terminal.wait_until_idle();
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(waiting for the session store; Ctrl-C stops waiting)");
    terminal.type_keys(CTRL_C);

    let left = terminal.end();
    assert_eq!(left.code, 130);
    assert!(
        left.screen.ends_with("(the last messages are not saved)"),
        "{}",
        left.screen
    );
    drop(lock);
    assert!(user.shown().starts_with("you: Two and two? (not answered)"));
    let list = user.sessions(&["list"]).stdout;
    assert!(
        list.contains("1 message ") && list.contains("[not answered]"),
        "{list}"
    );
}

/// The program ended 2 s after the signal, whatever it was doing.
#[test]
fn a_signal_does_not_end_a_slow_save() {
    let user = User::new(Answer::Gated("It is four."));
    let (mut terminal, lock) = user.wait_for_save();

    terminal.signal("TERM");
    terminal.wait_for("(waiting for the session store; Ctrl-C stops waiting)");
    thread::sleep(Duration::from_secs(2));
    drop(lock);

    assert_eq!(terminal.end().code, 143);
    assert_eq!(user.shown(), "you: Two and two?\n\nmodel: It is four.\n");
}
