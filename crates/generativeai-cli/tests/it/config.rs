//! Settings: the configuration file, the environment, and the command line.

use std::process::Command;

use super::fake_service::{Answer, Service};
use super::support::{assert_contains, genai, ran, run};

/// A configuration file in a new folder, which the program uses as `$XDG_CONFIG_HOME`.
struct Settings(tempfile::TempDir);

impl Settings {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("generativeai");
        std::fs::create_dir(&path).expect("a folder can be made");
        std::fs::write(path.join("config.toml"), text).expect("it can be written");
        Self(folder)
    }

    fn apply(&self, mut command: Command) -> Command {
        command
            .env_remove("GENAI_CONFIG")
            .env("XDG_CONFIG_HOME", self.0.path());
        command
    }
}

const FILE: &str = "\
[chat]
temperature = 0.25   # cool
top_k = 7
system = 'Be brief.'

[serve]
port = 9000
api_key = 's3cret'
";

#[test]
fn the_command_line_overrides_the_environment_which_overrides_the_file() {
    let service = Service::start(Answer::Texts(vec!["yes"]));
    let settings = Settings::new(FILE);
    let mut command = settings.apply(service.genai(&["chat", "--top-k", "3", "Hello"]));
    command
        .env("GENAI_CHAT_TEMPERATURE", "0.5")
        .env("GENAI_CHAT_TOP_K", "4");

    let output = ran(command.output());

    assert_eq!(output.code, Some(0), "{output:?}");
    let request = service.request();
    for part in [r#""temperature":0.5"#, r#""topK":3"#, "Be brief."] {
        assert_contains(&request, part);
    }
}

#[test]
fn a_misspelled_variable_is_reported_with_a_suggestion() {
    let service = Service::start(Answer::Texts(vec!["yes"]));
    for variable in ["GENAI_CHAT_TEMPRATURE", "GENAI_CHAT_temperature"] {
        let mut command = service.genai(&["chat", "Hello"]);
        command.env(variable, "0.5");

        let output = ran(command.output());

        output.assert_printed("yes\n");
        output.assert_reported(&format!(
            "(the environment variable `{variable}` is not a setting: \
             did you mean `GENAI_CHAT_TEMPERATURE`?)"
        ));
    }
}

#[test]
fn a_number_that_is_too_large_is_refused_like_on_the_command_line() {
    let settings = Settings::new("[chat]\nseed = 99999999999999999999\n");

    let refused = ran(settings.apply(genai(&["chat", "Hello"])).output());

    let problem = "line 2: `seed`: invalid value '99999999999999999999'";
    refused.assert_refused(2, &[problem]);
}

#[test]
fn an_error_about_the_model_of_the_file_names_the_file() {
    for (model, problem) in [
        ("two words", "contains white space"),
        ("gemini-x", "set GEMINI_API_KEY"),
        ("./missing.gguf", "missing.gguf"),
    ] {
        let settings = Settings::new(&format!("[chat]\nmodel = '{model}'\n"));
        let path = settings.0.path().join("generativeai/config.toml");
        let place = format!("cannot use the model of {}, line 2\n", path.display());

        let failed = ran(settings.apply(genai(&["chat", "Hello"])).output());
        let named = ran(settings
            .apply(genai(&["chat", "-m", model, "Hello"]))
            .output());

        failed.assert_reported(&place);
        failed.assert_reported(problem);
        named.assert_reported(problem);
        assert!(!named.stderr.contains(&place), "{named:?}");
    }
    let settings = Settings::new("[serve]\nmodel = 'two words'\n");
    let refused = ran(settings.apply(genai(&["serve", "--port", "0"])).output());
    refused.assert_refused(2, &["config.toml, line 2", "white space"]);
}

#[test]
fn the_origin_of_each_setting_is_shown_without_secrets() {
    let settings = Settings::new(FILE);
    let path = settings.0.path().join("generativeai/config.toml");
    let mut command = settings.apply(genai(&["config", "show", "--origin"]));
    command
        .env("GENAI_CHAT_MODEL", "local")
        .env("GENAI_SERVE_PORT", "9001");

    let shown = ran(command.output());

    assert_eq!(shown.code, Some(0), "{shown:?}");
    for line in [
        "[chat]",
        "model = \"local\"  # environment: GENAI_CHAT_MODEL",
        &format!("temperature = 0.25  # {}, line 2", path.display()),
        "output = \"text\"  # default",
        "[serve]",
        "port = 9001  # environment: GENAI_SERVE_PORT",
        "api_key = \"(hidden)\"  # ",
    ] {
        assert_contains(&shown.stdout, line);
    }
    assert!(!shown.stdout.contains("s3cret"), "{shown:?}");
}

#[test]
fn a_switch_in_the_environment_has_the_usual_forms() {
    let show = |value: &str| {
        let mut command = genai(&["config", "show", "chat"]);
        ran(command.env("GENAI_CHAT_NO_SAVE", value).output())
    };

    for (value, line) in [("1", "no_save = true\n"), ("off", "no_save = false\n")] {
        assert_contains(&show(value).stdout, line);
    }
    let service = Service::start(Answer::Texts(vec!["Hello."]));
    let mut command = service.genai(&["Hello there."]);
    let quiet = ran(command.env("GENAI_QUIET", "1").output());
    quiet.assert_printed("Hello.\n");
    assert_eq!(quiet.stderr, "");
    let texts = [
        "'maybe' for '--no-save",
        "(from GENAI_CHAT_NO_SAVE)",
        "use true or false",
    ];
    show("maybe").assert_refused(2, &texts);
}

#[test]
fn an_invalid_value_in_the_environment_is_refused_with_its_variable() {
    for words in [&["chat", "Hello"][..], &["sessions", "resume", "hills"]] {
        let mut command = genai(words);
        let command = command.env("GENAI_CHAT_TEMPERATURE", "warm");

        ran(command.output()).assert_refused(
            2,
            &["invalid value 'warm' for '--temperature <NUMBER> (from GENAI_CHAT_TEMPERATURE)'"],
        );
    }
    let on_command_line = run(&["chat", "--temperature", "warm", "Hello"]);
    assert!(
        !on_command_line.stderr.contains("GENAI_"),
        "{on_command_line:?}"
    );
}

#[test]
fn settings_of_a_command_line_can_be_shown() {
    let words = ["config", "show", "--origin", "chat", "--top-k", "1"];

    let shown = ran(Settings::new(FILE).apply(genai(&words)).output());

    assert_contains(&shown.stdout, "top_k = 1  # command line");
    assert!(!shown.stdout.contains("[serve]"), "{shown:?}");
}

#[test]
fn tools_allowed_by_the_command_line_are_shown_with_those_of_the_file() {
    let settings = Settings::new("[chat]\nallow = [\"add\", \"find\"]\n");
    let shown = |words: &[&str], variable: Option<&str>| {
        let words = [&["config", "show", "--origin", "chat"], words].concat();
        let mut command = settings.apply(genai(&words));
        command.envs(variable.map(|value| ("GENAI_CHAT_ALLOW", value)));
        let shown = ran(command.output());
        let line = shown.stdout.lines().find(|line| line.starts_with("allow"));
        line.unwrap_or_else(|| panic!("{shown:?}")).to_owned()
    };
    let path = settings.0.path().join("generativeai/config.toml");
    let path = path.display();

    for (words, variable, line) in [
        (
            &["--allow", "send", "--allow", "add"][..],
            None,
            format!(r#"allow = ["send", "add", "find"]  # command line; {path}, line 2"#),
        ),
        (
            &[],
            Some("send"),
            format!(
                r#"allow = ["send", "add", "find"]  # environment: GENAI_CHAT_ALLOW; {path}, line 2"#
            ),
        ),
        (
            &[],
            None,
            format!(r#"allow = ["add", "find"]  # {path}, line 2"#),
        ),
    ] {
        assert_eq!(shown(words, variable), line);
    }
}

#[test]
fn the_listing_is_a_valid_configuration_file() {
    let settings = Settings::new(
        "[chat]\nsystem = \"say \\\"hi\\\"\"\ntool = ['a b', 'c']\nstats = true\n[serve]\nin_process = true\n",
    );
    let shown = ran(settings.apply(genai(&["config", "show"])).output());

    let again = ran(Settings::new(&shown.stdout)
        .apply(genai(&["config", "show"]))
        .output());

    assert!(shown.stdout.contains("stats = true"), "{shown:?}");
    assert!(shown.stdout.contains("in_process = true"), "{shown:?}");
    assert_eq!(shown.stdout, again.stdout);
}

#[test]
fn an_unknown_setting_is_reported_with_its_line_and_a_suggestion() {
    let settings = Settings::new("[chat]\ntemprature = 0.5\n");

    for words in [&["chat", "Hello"][..], &["serve"], &["config", "show"]] {
        ran(settings.apply(genai(words)).output()).assert_refused(
            2,
            &[
                "config.toml, line 2",
                "`temprature`",
                "did you mean `temperature`?",
            ],
        );
    }
}

#[test]
fn options_of_a_single_run_are_not_settings() {
    for key in [
        "code", "continue", "new", "param", "session", "template", "yes",
    ] {
        let settings = Settings::new(&format!("[chat]\n{key} = true\n"));

        ran(settings.apply(genai(&["chat", "Hello"])).output())
            .assert_refused(2, &[&format!("[chat] has no key `{key}`")]);
    }
}

#[test]
fn an_invalid_setting_is_reported_with_its_line() {
    for (text, message) in [
        (
            "[chat]\n\ntemperature = 'warm'\n",
            "line 3: `temperature`: invalid value 'warm'",
        ),
        ("[chat]\nmodel = = 1\n", "line 2: "),
        ("chat = 1\n", "write [chat]"),
    ] {
        ran(Settings::new(text)
            .apply(genai(&["chat", "Hello"]))
            .output())
        .assert_refused(2, &[message]);
    }
}

#[test]
fn neither_help_nor_a_usage_error_needs_the_settings() {
    let settings = Settings::new("nonsense");

    assert_eq!(
        ran(settings.apply(genai(&["chat", "--help"])).output()).code,
        Some(0)
    );
    assert_eq!(
        ran(settings.apply(genai(&["config", "path"])).output()).code,
        Some(0)
    );
    ran(settings.apply(genai(&["chat", "--modle", "x"])).output()).assert_refused(2, &["--model"]);
}

#[test]
fn the_file_in_genai_config_must_exist() {
    let mut command = genai(&["chat", "Hello"]);
    command.env("GENAI_CONFIG", "nowhere.toml");

    ran(command.output()).assert_refused(2, &["cannot read the configuration file nowhere.toml"]);
}

#[test]
fn a_flag_of_the_file_is_overridden_by_the_command_line() {
    let settings = Settings::new("[serve]\nstrict_names = true\nin_process = true\n");
    let shown = |words: &[&str]| {
        let words = [&["config", "show", "serve"], words].concat();
        ran(settings.apply(genai(&words)).output()).stdout
    };

    assert_contains(&shown(&[]), "strict_names = true");
    let shown = shown(&["--strict-names=false", "--in-process=false"]);
    assert_contains(&shown, "strict_names = false");
    assert_contains(&shown, "in_process = false");
}
