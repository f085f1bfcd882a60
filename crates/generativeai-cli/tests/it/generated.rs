//! Generated completions and manual pages.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::support::{assert_contains, genai, ran, run, run_with};

/// Returns the completions that bash suggests for the last of these words. Bash runs the script of the program, and
/// calls its function as for the key Tab.
fn completed_by_bash(words: &[&str], data: &Path) -> Vec<String> {
    let script = run(&["completions", "bash"]);
    assert_eq!(script.code, Some(0), "{script:?}");
    let last = words.len() - 1;
    let words: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let query = format!(
        "COMP_WORDS=({}); COMP_CWORD={last}; COMP_TYPE=9\n\
         _clap_complete_genai genai {} {} || true; printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        words.join(" "),
        words[last],
        words[last - 1]
    );
    let genai = genai(&[]);
    let programs = Path::new(genai.get_program()).parent().expect("a folder");
    let path = std::env::var("PATH").expect("there are programs");
    let mut bash = Command::new("bash");
    for (name, value) in genai.get_envs() {
        match value {
            Some(value) => bash.env(name, value),
            None => bash.env_remove(name),
        };
    }
    bash.env("PATH", format!("{}:{path}", programs.display()))
        .env("XDG_DATA_HOME", data)
        .args(["--norc", "-s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = bash.spawn().expect("bash starts");
    let mut stdin = child.stdin.take().expect("it reads");
    stdin
        .write_all(format!("{}\n{query}\n", script.stdout).as_bytes())
        .expect("it reads");
    drop(stdin);
    let output = ran(child.wait_with_output());
    let lines = output.stdout.lines().map(|line| line.trim_end().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

#[test]
fn bash_completes_options_and_names_of_sessions_and_models() {
    let data = tempfile::tempdir().expect("a folder");
    for name in ["hills", "Two words; and 'more'"] {
        let mut import = genai(&["sessions", "import", "--name", name, "-"]);
        let mut import = import
            .env("XDG_DATA_HOME", data.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut stdin = import.stdin.take().expect("it reads");
        let message = br#"[{"role": "user", "parts": [{"text": "Hi"}]}]"#;
        stdin.write_all(message).expect("it reads");
        drop(stdin);
        assert!(import.wait().expect("it ends").success());
    }
    let completed = |words: &[&str]| completed_by_bash(words, data.path());

    assert_eq!(completed(&["genai", "chat", "--tempe"]), ["--temperature"]);
    assert_eq!(completed(&["genai", "sessions", "show", "h"]), ["hills"]);
    assert_eq!(completed(&["genai", "chat", "--session", "hi"]), ["hills"]);
    assert_eq!(
        completed(&["genai", "sessions", "rm", "hills", "Tw"]),
        ["Two\\ words\\;\\ and\\ \\'more\\'"]
    );
    assert_eq!(completed(&["genai", "chat", "--model", "lo"]), ["local"]);
    assert_eq!(
        completed(&["genai", "models", "pull", "qwen3-4"]),
        ["qwen3-4b"]
    );
}

#[test]
fn an_unknown_shell_is_refused() {
    let mut command = genai(&["--", "genai", "ch"]);

    ran(command.env("GENAI_COMPLETE", "cobol").output()).assert_refused(2, &["cobol", "zsh"]);
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(&["completions", shell]);

        assert_eq!(
            (script.code, script.stderr.as_str()),
            (Some(0), ""),
            "{shell}"
        );
        for word in ["GENAI_COMPLETE", "genai"] {
            assert!(script.stdout.contains(word), "no {word} for {shell}");
        }
    }
    run(&["completions", "cobol"]).assert_refused(2, &["cobol", "zsh"]);
}

#[test]
fn every_command_has_a_valid_manual_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("man1");

    let made = run(&["man", "--dir", path.to_str().expect("text")]);

    assert_eq!(made.code, Some(0), "{made:?}");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&path)
        .expect("the folder is there")
        .flatten()
    {
        let page = std::fs::read_to_string(entry.path()).expect("a page");
        let title = page.lines().find(|line| line.starts_with(".TH "));
        let manual = title.and_then(|title| title.split_whitespace().last());
        assert_eq!(manual.map(|name| name.trim_matches('"')), Some("genai"));
        assert_eq!(page.matches("\n.SH NAME").count(), 1, "{page}");
        for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
            let request = line.split_whitespace().next().unwrap_or_default();
            let known = [
                ".TH", ".SH", ".TP", ".RS", ".RE", ".PP", ".br", ".ie", ".el", ".SS", ".IP",
            ];
            assert!(known.contains(&request), "{line:?} is not a request");
        }
        names.push(entry.file_name().into_string().expect("text"));
    }
    names.sort();
    for name in [
        "genai.1",
        "genai-chat.1",
        "genai-models.1",
        "genai-models-pull.1",
        "genai-serve.1",
    ] {
        assert!(
            names.iter().any(|found| found == name),
            "no {name} in {names:?}"
        );
    }
}

#[test]
fn the_page_of_the_program_is_printed() {
    let page = run_with(&["man"], b"");

    assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
    assert_contains(&page.stdout, "Exit codes");
}
