//! Screens of the main uses, as a person sees them.

use std::fs;

use vt100::Color;

use super::fake_service::{Answer, Service};
use super::support::assert_contains;
use super::support::through_shell;
use super::terminal::Terminal;

/// A reply in chunks that cut words, delimiters, code and a table.
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

/// Returns the screen from the first line of the prompt on, without notes about the model.
fn screen(terminal: &Terminal) -> String {
    let screen = terminal.screen();
    let begin = screen.find("/help lists").expect("the first line");
    screen[begin..].to_owned()
}

#[test]
fn notes_have_the_width_of_the_terminal_if_the_answer_goes_to_a_pipe() {
    let service = Service::start(Answer::Texts(vec!["Hi."]));
    let command = through_shell(&service.genai(&[]), "\"$0\" chat Hello | cat");

    let left = Terminal::sized(&command, (10, 120)).end();

    let note =
        "Using gemini-flash-latest, since GEMINI_API_KEY is set. To work offline: --model local";
    assert_contains(&left.screen, note);
}

#[test]
fn a_reply_with_code_and_a_table_is_rendered() {
    let service = Service::start(Answer::Texts(REPLY.to_vec()));
    let mut terminal = Terminal::sized(&service.genai(&["chat", "-m", "gemini-x"]), (30, 60));

    terminal.ask("Say hello in Rust");

    assert_eq!(
        screen(&terminal),
        "/help lists the commands; Ctrl-D quits.
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
    terminal.quit();
}

#[test]
fn without_colours_markdown_delimiters_are_shown() {
    let service = Service::start(Answer::Texts(REPLY.to_vec()));
    let mut command = service.genai(&["chat", "-m", "gemini-x", "Say hello"]);
    let left = Terminal::sized(command.env("NO_COLOR", "1"), (30, 60)).end();

    assert_contains(&left.screen, "Here is a **short** program");
    assert_contains(&left.screen, "2. Run `cargo run`");
    assert!(!left.bytes.contains('\x1b'), "{:?}", left.bytes);
}

#[test]
fn a_stopped_reply_can_be_continued() {
    let answers = vec![
        Answer::Hangs("Once upon a time "),
        Answer::Texts(vec!["there was a dragon."]),
    ];
    let service = Service::start(Answer::Each(answers));
    let mut terminal = Terminal::start(&service.genai(&["chat", "-m", "gemini-x"]));

    terminal.enter("Tell me a story");
    terminal.wait_for("Once upon a time");
    terminal.type_keys("\x03");
    terminal.ask("/continue");
    terminal.ask("/history");

    assert_eq!(
        screen(&terminal),
        "/help lists the commands; Ctrl-D quits.
> Tell me a story
Once upon a time
(stopped; the part that arrived is kept: /continue continues it)
> /continue
there was a dragon.
> /history
you: Tell me a story
model: Once upon a time (interrupted)
you: Continue exactly where you stopped, without repeating anything.
model: there was a dragon.
>"
    );
    terminal.quit();
}

#[test]
fn undone_turns_can_be_restored() {
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
        "/help lists the commands; Ctrl-D quits.
> Two and two?
Four.
> Three and three?
Six.
> /undo
undone: Three and three?
(/redo restores it)
> /redo
restored: Three and three?
> /undo
undone: Three and three?
(/redo restores it)
> /regenerate
It is four.
> /redo
nothing to redo
> /history
you: Two and two?
model: It is four.
>"
    );
    terminal.quit();
}

#[test]
fn files_are_attached_to_a_message() {
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
        "/help lists the commands; Ctrl-D quits.
> /attach cat.png
attached cat.png (image/png, 5 B, 258 tokens)
> /attach dog.png
genai: cannot read dog.png
  because: No such file or directory (os error 2)
> What is it? See @notes.txt.
attached notes.txt (text, 13 B, 258 tokens)
A cat.
> /attach
no files attached
>"
    );
    terminal.quit();
    let request = service.request();
    for part in [
        r#""mimeType":"image/png""#,
        "iVBORwA=",
        "Feed the cat.",
        "What is it?",
    ] {
        assert_contains(&request, part);
    }
}

#[test]
fn the_help_lists_all_commands() {
    let service = Service::start(Answer::Silent);
    let mut terminal = Terminal::start(&service.genai(&["chat", "-m", "gemini-x"]));

    let help = terminal.ask("/help");

    assert_eq!(
        help,
        "/undo [COUNT]          undo the last message and its reply
/redo [COUNT]          restore the last undone turn
/regenerate            replace the last reply by a new one
/continue              continue a reply that was stopped or cut off
/edit                  edit the last message and send it again
/fork [NAME]           continue in a copy of this session
/new [NAME]            start a new session
/session [NAME]        show this session, or switch to another
/rename NAME           rename this session
/sessions              list the saved sessions
/history [COUNT]       show the messages, or only the last ones
/system [TEXT|-]       show, set or remove (-) the system instruction
/model [NAME]          show or change the model
/tools                 list the tools the model may call
/attach [FILE|-]       attach a file to the next message; - removes all
/tokens [on|off]       show token counts, now or after each reply
/save [FILE]           write the session as JSON
/export [FILE]         write the session as Markdown
/load FILE             start a session from a file of /save or another program
/copy [code] [osc52]   copy the last reply or code block (osc52: over SSH)
/compact [N|off]       shorten sessions over N tokens: summarize old messages
/help                  show this help
/quit                  quit (or Ctrl-D)
@FILE in a message attaches the file. //word on a single line sends /word.
Alt-Enter or Ctrl-J starts a new line; \"\"\" surrounds a multi-line message.
Tab completes, Up recalls messages. Ctrl-C stops a reply; its text is kept.
Ctrl-X Ctrl-E edits the message in $EDITOR; Ctrl-Z suspends the program."
    );
    terminal.quit();
}
