//! What people see: the screens of the main flows, as they are.

use std::fs;

use vt100::Color;

use super::service::{Answer, Service};
use super::terminal::Terminal;

const REPLY: [&str; 8] = [
    "Here is a **short",
    "** program that says hello, with a line that is long enough to be br",
    "oken at a word:\n\n```rust\nfn ma",
    "in() {\n    println!(\"Hello, 世界\"",
    "); // so\n}\n```\n\n1. Save it\n",
    "2. Run `car",
    "go run`\n\n| Step | Time |\n|---|",
    "---:|\n| build | 1 s |\n| run | 10 ms |\n",
];

fn screen(terminal: &Terminal) -> String {
    let screen = terminal.screen();
    let begin = screen.find("/help tells").expect("the first line");
    screen[begin..].to_owned()
}

#[test]
fn a_conversation_with_a_code() {
    let service = Service::start(Answer::Texts(REPLY.to_vec()));
    let mut terminal = Terminal::sized(&service.genai(&["chat", "-m", "gemini-x"]), (30, 60));

    terminal.ask("Say hello in Rust");

    assert_eq!(
        screen(&terminal),
        "/help tells the commands, Ctrl-D leaves.
> Say hello in Rust
Here is a short program that says hello, with a line that is
long enough to be broken at a word:

```rust
fn main() {
    println!(\"Hello, 世界\"); // so
}
```

1. Save it
2. Run cargo run

Step  │  Time
──────┼──────
build │   1 s
run   │ 10 ms
>"
    );
    let cell = |row, column| terminal.cells().cell(row, column).expect("a cell");
    assert!(cell(2, 10).bold() && !cell(2, 16).bold(), "the word short");
    assert_eq!(cell(6, 0).fgcolor(), Color::Idx(5), "a keyword");
    assert_eq!(cell(7, 14).fgcolor(), Color::Idx(2), "a text");
    assert_eq!(cell(7, 20).fgcolor(), Color::Idx(2), "still the text");
    assert!(cell(5, 0).dim(), "a fence");
    terminal.say("/quit");
    assert_eq!(terminal.end().code, 0);
}

#[test]
fn without_colours_the_signs_stand_for_them() {
    let service = Service::start(Answer::Texts(REPLY.to_vec()));
    let mut command = service.genai(&["chat", "-m", "gemini-x", "Say hello"]);
    let left = Terminal::sized(command.env("NO_COLOR", "1"), (30, 60)).end();

    assert!(
        left.screen.contains("Here is a **short** program"),
        "{}",
        left.screen
    );
    assert!(
        left.screen.contains("2. Run `cargo run`"),
        "{}",
        left.screen
    );
    assert!(!left.bytes.contains('\x1b'), "{:?}", left.bytes);
}

#[test]
fn a_reply_that_is_stopped_goes_on() {
    let answers = vec![
        Answer::Hangs("Once upon a time "),
        Answer::Texts(vec!["there was a dragon."]),
    ];
    let service = Service::start(Answer::Each(answers));
    let mut terminal = Terminal::start(&service.genai(&["chat", "-m", "gemini-x"]));

    terminal.say("Tell me a story");
    terminal.wait_for("Once upon a time");
    terminal.type_keys("\x03");
    terminal.ask("/continue");
    terminal.ask("/history");

    assert_eq!(
        screen(&terminal),
        "/help tells the commands, Ctrl-D leaves.
> Tell me a story
Once upon a time
(stopped; what came stays in the conversation: /continue lets it go on)
> /continue
there was a dragon.
> /history
you: Tell me a story
model: Once upon a time (interrupted)
you: Go on exactly where you stopped, without repeating anything.
model: there was a dragon.
>"
    );
    terminal.say("/quit");
    assert_eq!(terminal.end().code, 0);
}

#[test]
fn what_is_undone_can_be_redone() {
    let answers = ["Four.", "Six.", "It is four."].map(|text| Answer::Texts(vec![text]));
    let service = Service::start(Answer::Each(answers.to_vec()));
    let mut terminal = Terminal::start(&service.genai(&["chat", "-m", "gemini-x"]));

    for line in [
        "Two and two?",
        "Three and three?",
        "/undo",
        "/redo",
        "/undo",
        "/regenerate",
        "/redo",
        "/history",
    ] {
        terminal.ask(line);
    }

    assert_eq!(
        screen(&terminal),
        "/help tells the commands, Ctrl-D leaves.
> Two and two?
Four.
> Three and three?
Six.
> /undo
taken back: Three and three?
(/redo brings it back)
> /redo
brought back: Three and three?
> /undo
taken back: Three and three?
(/redo brings it back)
> /regenerate
It is four.
> /redo
nothing was taken back
> /history
you: Two and two?
model: It is four.
>"
    );
    terminal.say("/quit");
    assert_eq!(terminal.end().code, 0);
}

#[test]
fn files_go_with_a_message() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("cat.png"), b"\x89PNG\0").expect("a file");
    fs::write(folder.path().join("notes.txt"), "Feed the cat.").expect("a file");
    let service = Service::start(Answer::Texts(vec!["A cat."]));
    let mut command = service.genai(&["chat", "-m", "gemini-x"]);
    let mut terminal = Terminal::start(command.current_dir(folder.path()));

    terminal.ask("/attach cat.png");
    terminal.ask("/attach dog.png");
    terminal.ask("What is it? See @notes.txt.");
    terminal.ask("/attach");

    assert_eq!(
        screen(&terminal),
        "/help tells the commands, Ctrl-D leaves.
> /attach cat.png
attached cat.png (image/png, 5 B, 258 tokens)
> /attach dog.png
genai: cannot read dog.png
  because: No such file or directory (os error 2)
> What is it? See @notes.txt.
attached notes.txt (text, 13 B, 258 tokens)
A cat.
> /attach
nothing is attached
>"
    );
    terminal.say("/quit");
    assert_eq!(terminal.end().code, 0);
    let request = service.request();
    for part in [
        r#""mimeType":"image/png""#,
        "iVBORwA=",
        "Feed the cat.",
        "What is it?",
    ] {
        assert!(request.contains(part), "no {part} in {request}");
    }
}

#[test]
fn the_help_is_a_page() {
    let service = Service::start(Answer::Silent);
    let mut terminal = Terminal::start(&service.genai(&["chat", "-m", "gemini-x"]));

    let help = terminal.ask("/help");

    assert_eq!(
        help,
        "/undo              take back the last message and its reply
/redo              bring back what was taken back
/regenerate        ask for another reply to the last message
/continue          let a reply that was stopped or cut go on
/edit              change the last message, and send it again
/fork [NUMBER]     go on in a copy, or go back to a conversation
/session [NAME]    show the chat's name, or go on with another or a new one
/history           show what was said
/system [TEXT|-]   show or set what the model is told; - takes it back
/model [NAME]      show or choose who answers
/tools             show the tools the model may call
/attach [FILE|-]   send a file with the next message; - takes all back
/tokens [on|off]   show the tokens spent, now or after each reply
/save [FILE]       write the conversation as JSON
/export [FILE]     write the conversation as Markdown
/help              show this
/quit              leave (or Ctrl-D)
@FILE in a message sends it along. A message that begins with / has two: //
Alt-Enter or Ctrl-J begins a new line; \"\"\" opens and closes a text of many.
Tab completes, Up calls back. Ctrl-C stops a reply; what came of it stays."
    );
    terminal.say("/quit");
    assert_eq!(terminal.end().code, 0);
}
