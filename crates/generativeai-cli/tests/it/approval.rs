//! Approval of tool calls: the dialog at the terminal, and the rules without a terminal.

use super::fake_service::{Answer, Service};
use super::support::{assert_contains, genai, ran, saving};
use super::terminal::Terminal;
use super::tools::server;

/// Returns a model that calls the tool `greet` for Ada, and then replies.
fn calling() -> Service {
    Service::start(Answer::Calls("greet", "That is all."))
}

/// Returns the screen as one line, which does not depend on how the terminal wraps.
fn unwrapped(terminal: &Terminal) -> String {
    let screen = terminal.screen();
    screen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Starts a session with the tool, sends a message, and waits for the question.
fn asked(service: &Service, size: (u16, u16)) -> Terminal {
    let tool = server("greet", "Good day");
    let command = service.genai(&["chat", "-m", "gemini-x", "--tool", &tool]);
    let mut terminal = Terminal::sized(&command, size);
    terminal.enter("Greet Ada.");
    terminal.wait_for("stop?");
    terminal
}

/// Returns the request that follows the question.
fn second_request(service: &Service) -> String {
    service.request();
    service.request()
}

#[test]
fn without_a_terminal_a_tool_runs_only_if_it_is_allowed() {
    let tool = server("greet", "Good day");
    for (options, is_allowed) in [
        (&[][..], false),
        (&["--allow", "other"], false),
        (&["--allow", "greet"], true),
        (&["--yes"], true),
    ] {
        let service = calling();
        let words = [&["chat", "--tool", &tool, "Greet Ada."], options].concat();
        let output = service.run(&words);

        output.assert_printed("That is all.\n");
        let request = second_request(&service);
        assert_eq!(request.contains("Good day, Ada!"), is_allowed, "{request}");
        let denied = "denied: the user has not allowed this tool";
        assert_eq!(request.contains(denied), !is_allowed, "{request}");
        let note = "(the tool greet was not run: allow it with --allow greet, or all with --yes)";
        assert_eq!(output.stderr.contains(note), !is_allowed, "{output:?}");
    }
}

#[test]
fn json_reports_the_decisions() {
    let tool = server("greet", "Good day");
    for (options, decision) in [
        (&["--yes"][..], r#""decision":"run"}]"#),
        (
            &[],
            r#""decision":"deny","reason":"the user has not allowed this tool"}]"#,
        ),
    ] {
        let service = calling();
        let words = [
            &["chat", "--tool", &tool, "-o", "json", "Greet Ada."],
            options,
        ]
        .concat();
        let output = service.run(&words);

        let decisions = r#""decisions":[{"name":"greet","args":{"name":"Ada"},"#;
        let expected = format!("{decisions}{decision}");
        assert!(output.stdout.contains(&expected), "{output:?}");
    }
}

#[test]
fn the_dialog_shows_the_call_and_its_server_at_every_width() {
    for columns in [40, 80, 120] {
        let service = calling();
        let (folder, tool) = (
            tempfile::tempdir().expect("a folder"),
            server("greet", "Good day"),
        );
        let file = folder.path().join("config.toml");
        std::fs::write(&file, format!("[servers]\ngreeter = \"{tool}\"\n")).expect("a file");
        let mut command = service.genai(&["chat", "-m", "gemini-x", "--tool", "greeter"]);
        let mut terminal = Terminal::sized(command.env("GENAI_CONFIG", &file), (40, columns));
        terminal.enter("Greet Ada.");
        terminal.wait_for("stop?");

        let question = "Run greet of greeter? { \"name\": \"Ada\" } \
                        yes, no [REASON], edit [JSON], always or never (in this run), \
                        always save (in the settings), stop? >";
        terminal.wait_for_prompt();
        let screen = unwrapped(&terminal);
        assert!(
            screen.contains(question),
            "{columns}: {}",
            terminal.screen()
        );
        terminal.enter("what?");
        terminal.enter("yes");
        terminal.wait_for("That is all.");
        terminal.quit();

        assert!(second_request(&service).contains("Good day, Ada!"));
    }
}

#[test]
fn a_tool_that_runs_always_or_never_is_asked_about_once() {
    for (answer, is_run) in [("always", true), ("never", false)] {
        let calls = Answer::Calls("greet", "");
        let service = Service::start(Answer::Each(vec![
            calls.clone(),
            Answer::Texts(vec!["First."]),
            calls,
            Answer::Texts(vec!["Second."]),
        ]));
        let mut terminal = asked(&service, (40, 80));
        terminal.enter(answer);
        terminal.wait_for("First.");

        terminal.enter("Again.");
        terminal.wait_for("Second.");
        terminal.quit();

        for _ in 0..2 {
            let request = second_request(&service);
            assert_eq!(request.contains("Good day, Ada!"), is_run, "{request}");
            assert_eq!(request.contains("denied"), !is_run, "{request}");
        }
    }
}

#[test]
fn a_tool_allowed_in_the_settings_is_not_asked_about_in_the_next_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "# mine\n[chat]\nstats = true\n").expect("a file");
    let tool = server("greet", "Good day");
    let command = |service: &Service| {
        let mut command = service.genai(&["chat", "-m", "gemini-x", "--tool", &tool]);
        command.env("GENAI_CONFIG", &file);
        command
    };
    let service = calling();
    let mut terminal = Terminal::start(&command(&service));
    terminal.enter("Greet Ada.");
    terminal.wait_for("stop?");
    terminal.enter("always save");
    terminal.wait_for("That is all.");
    terminal.quit();
    let settings = std::fs::read_to_string(&file).expect("a file");
    assert_eq!(
        settings,
        format!("# mine\n[chat]\nstats = true\nallow = [\"{tool}:greet\"]\n")
    );

    let service = calling();
    let mut terminal = Terminal::start(&command(&service));
    terminal.enter("Greet Ada.");
    terminal.wait_for("That is all.");
    terminal.enter("/quit");

    let left = terminal.end();
    assert!(!left.bytes.contains("stop?"), "{}", left.screen);
    assert!(second_request(&service).contains("Good day, Ada!"));

    let (service, other) = (calling(), server("greet", "Bad day"));
    let mut command = service.genai(&["chat", "--tool", &other, "Greet Ada."]);
    let output = ran(command.env("GENAI_CONFIG", &file).output());
    output.assert_reported("the tool greet was not run");
}

#[test]
fn allow_adds_to_the_tools_that_the_settings_allow() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "[chat]\nallow = [\"greet\"]\n").expect("a file");
    let tool = server("greet", "Good day");
    let service = calling();
    let mut command = service.genai(&["chat", "--tool", &tool, "--allow", "other", "Greet Ada."]);

    let output = ran(command.env("GENAI_CONFIG", &file).output());

    assert_eq!(output.stdout, "That is all.\n", "{output:?}");
    assert!(!output.stderr.contains("was not run"), "{output:?}");
    output.assert_reported("(--allow other: no server has this tool)");
    assert!(second_request(&service).contains("Good day, Ada!"));
}

#[test]
fn settings_that_cannot_be_written_allow_the_tool_in_this_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "").expect("a file");
    let service = calling();
    let tool = server("greet", "Good day");
    let mut command = service.genai(&["chat", "-m", "gemini-x", "--tool", &tool]);
    let mut terminal = Terminal::start(command.env("GENAI_CONFIG", &file));
    terminal.enter("Greet Ada.");
    terminal.wait_for("stop?");
    std::fs::write(&file, "[chat").expect("a file");

    terminal.enter("always save");
    terminal.wait_for("cannot change the settings");
    terminal.wait_for("That is all.");
    terminal.quit();

    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "[chat");
}

#[test]
fn a_call_is_denied_with_a_reason() {
    let service = calling();
    let mut terminal = asked(&service, (40, 80));

    terminal.enter("no too early in the morning");
    terminal.wait_for("That is all.");
    terminal.quit();

    let request = second_request(&service);
    assert_contains(&request, "denied: too early in the morning");
    assert!(!request.contains("Good day"), "{request}");
}

#[test]
fn the_arguments_are_edited_until_they_fit() {
    let service = calling();
    let mut terminal = asked(&service, (50, 80));

    terminal.enter("edit Eve");
    terminal.wait_for("this is not a JSON object");
    terminal.enter("edit [1]");
    terminal.wait_for("write one, as in");
    terminal.enter(r#"edit {"name": 5}"#);
    terminal.wait_for("the changed arguments of `greet` do not fit");
    terminal.enter("edit");
    terminal.wait_for("as JSON on one line");
    terminal.enter(r#"{"name": "Eve"}"#);
    terminal.wait_for("That is all.");
    terminal.quit();

    let request = second_request(&service);
    assert_contains(&request, "Good day, Eve!");
    assert_contains(&request, r#""changedArguments":{"name":"Eve"}"#);
}

#[test]
fn stopping_keeps_the_turn_and_runs_nothing() {
    let service = calling();
    let mut terminal = asked(&service, (40, 80));

    terminal.enter("stop");
    terminal.wait_for("(greet: not run: nobody approved the call)");
    terminal.wait_for("(stopped");
    terminal.quit();

    service.request();
}

#[test]
fn a_single_message_at_the_terminal_asks_as_well() {
    let service = calling();
    let tool = server("greet", "Good day");
    let mut terminal = Terminal::start(&service.genai(&["chat", "--tool", &tool, "Greet Ada."]));

    terminal.wait_for("stop?");
    terminal.wait_for_prompt();
    terminal.type_keys("yes\r");

    let left = terminal.end();
    assert_eq!(left.code, 0, "{}", left.screen);
    assert_contains(&left.screen, "That is all.");
    assert!(second_request(&service).contains("Good day, Ada!"));
}

#[test]
fn a_single_message_asks_until_the_arguments_fit() {
    let service = calling();
    let tool = server("greet", "Good day");
    let mut terminal = Terminal::start(&service.genai(&["chat", "--tool", &tool, "Greet Ada."]));

    terminal.wait_for("stop?");
    terminal.wait_for_prompt();
    terminal.type_keys("edit {\"name\": 5}\r");
    terminal.wait_for("the changed arguments of `greet` do not fit");
    terminal.wait_for_prompt();
    terminal.type_keys("edit {\"name\": \"Eve\"}\r");

    let left = terminal.end();
    assert_eq!(left.code, 0, "{}", left.screen);
    assert_contains(&left.screen, "That is all.");
    assert!(second_request(&service).contains("Good day, Eve!"));
}

#[test]
fn ctrl_c_at_the_question_ends_a_single_message_with_130() {
    let service = calling();
    let tool = server("greet", "Good day");
    let mut terminal = Terminal::start(&service.genai(&["chat", "--tool", &tool, "Greet Ada."]));

    terminal.wait_for("stop?");
    terminal.wait_for_prompt();
    terminal.type_keys("\x03");

    let left = terminal.end();
    assert_eq!(left.code, 130);
    // The prompt of the shell follows on a new line.
    assert!(left.bytes.ends_with('\n'), "{:?}", left.bytes);
}

#[test]
fn a_session_whose_program_was_killed_waits_and_asks_again() {
    let (service, data) = (calling(), tempfile::tempdir().expect("a folder"));
    let saved = |command| saving(command, data.path());
    let tool = server("greet", "Good day");
    let chat = |words: &[&str]| {
        let all = [&["chat", "-m", "gemini-x", "--session", "letters"], words].concat();
        saved(service.genai(&all))
    };
    let mut terminal = Terminal::start(&chat(&["--new", "--tool", &tool]));
    terminal.enter("Greet Ada.");
    terminal.wait_for("stop?");
    terminal.signal("KILL");
    terminal.wait_until_killed();

    let list = ran(saved(genai(&["sessions", "list"])).output());
    assert_contains(&list.stdout, "[waits for approval: greet]");
    let mut terminal = Terminal::start(&chat(&["--tool", &tool]));
    terminal.wait_for("(tool calls wait for approval: greet)");
    terminal.wait_for("stop?");
    terminal.enter("yes");
    terminal.wait_for("That is all.");
    terminal.quit();

    assert!(second_request(&service).contains("Good day, Ada!"));
    let list = ran(saved(genai(&["sessions", "list"])).output());
    assert!(!list.stdout.contains("waits"), "{list:?}");
}

#[test]
fn a_call_of_a_missing_tool_is_asked_about_again_after_always() {
    let (service, data) = (calling(), tempfile::tempdir().expect("a folder"));
    let chat = |words: &[&str]| {
        let all = [&["chat", "-m", "gemini-x", "--session", "letters"], words].concat();
        saving(service.genai(&all), data.path())
    };
    let tool = server("greet", "Good day");
    let mut terminal = Terminal::start(&chat(&["--new", "--tool", &tool]));
    terminal.enter("Greet Ada.");
    terminal.wait_for("stop?");
    terminal.signal("KILL");
    terminal.wait_until_killed();

    let other = server("other", "Good day");
    let mut terminal = Terminal::start(&chat(&["--tool", &other]));
    terminal.wait_for("stop?");
    terminal.enter("always");
    terminal.wait_for("the approved call cannot run");
    terminal.wait_for_prompt();
    terminal.enter("stop");
    terminal.wait_for("(greet: not run: nobody approved the call)");
    terminal.quit();
}

#[test]
fn a_turn_that_waits_is_shown_and_undone_without_the_tool_and_not_run_in_a_copy() {
    let (service, data) = (calling(), tempfile::tempdir().expect("a folder"));
    let saved = |command| saving(command, data.path());
    let tool = server("greet", "Good day");
    let chat = |words: &[&str]| {
        let all = [&["chat", "-m", "gemini-x", "--session", "letters"], words].concat();
        let mut chat = saved(service.genai(&all));
        chat.current_dir(data.path());
        chat
    };
    let mut terminal = Terminal::start(&chat(&["--new", "--tool", &tool]));
    terminal.enter("Greet Ada.");
    terminal.wait_for("stop?");
    terminal.signal("KILL");
    terminal.wait_until_killed();
    let sessions = |words: &[&str]| {
        let command = genai(&[&["sessions"], words].concat());
        ran(saved(command).output()).stdout
    };
    let show = "you: Greet Ada.\n\nmodel: [calls greet] (waits for approval)\n";
    assert_eq!(sessions(&["show", "letters"]), show);
    let contents = sessions(&["export", "--contents", "letters"]);
    assert_contains(&contents, "not run: nobody approved the call");

    let history = "you: Greet Ada.\nmodel: [calls greet] (waits for approval)";
    // A copy that is not saved does not ask about the calls: they would run twice.
    for tool in [&[][..], &["--tool", &tool]] {
        let mut terminal = Terminal::start(&chat(&[&["--no-save"], tool].concat()));
        terminal.wait_for("tools: [greet: not run: nobody approved the call] (interrupted)");
        terminal.wait_for_prompt();
        assert!(!terminal.screen().contains("stop?"));
        assert_contains(&terminal.ask("/fork"), "now in unsaved-2");
        terminal.quit();
    }

    let mut terminal = Terminal::start(&chat(&[]));
    terminal.wait_for(history);
    assert_eq!(terminal.ask("/history"), history);
    assert_contains(&terminal.ask("/continue"), "tool calls wait for approval");
    // The calls stay with the original, so the message of the copy is not answered.
    terminal.enter("/fork copy");
    terminal.wait_for("was not answered and was discarded: Greet Ada.)");
    terminal.wait_for("> Greet Ada.");
    terminal.type_keys("\x03");
    assert_contains(&terminal.ask("/session 1"), "(waits for approval)");
    terminal.ask("/save waiting.json");
    assert_contains(&terminal.ask("/load waiting.json"), "you: Greet Ada.");
    terminal.ask("/session 1");
    let undone = "(calls that waited for approval were not run)\n\
                  undone: Greet Ada.\n(/redo restores it)";
    assert_eq!(terminal.ask("/undo"), undone);
    assert_eq!(terminal.ask("/redo"), "restored: Greet Ada.");
    terminal.quit();
}
