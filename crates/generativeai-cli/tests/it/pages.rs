//! What is made for others: completions and manual pages.

use std::io::Write;
use std::process::{Command, Stdio};

use super::support::{run, run_with};

#[test]
fn bash_reads_its_completions_and_completes_with_them() {
    let script = run(&["completions", "bash"]);
    assert_eq!(script.code, Some(0), "{script:?}");

    let asks = "COMP_WORDS=(genai chat --temp); COMP_CWORD=2; _genai genai --temp chat; echo \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    let bash = bash
        .args(["--norc", "-e", "-s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = bash.spawn().expect("bash starts");
    let mut stdin = child.stdin.take().expect("it reads");
    stdin
        .write_all(format!("{}\n{asks}\n", script.stdout).as_bytes())
        .expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");

    assert!(output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "--temperature"
    );
}

#[test]
fn every_shell_has_completions_of_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(&["completions", shell]);

        assert_eq!(
            (script.code, script.stderr.as_str()),
            (Some(0), ""),
            "{shell}"
        );
        for word in ["chat", "serve", "models", "pull", "max-output-tokens"] {
            assert!(script.stdout.contains(word), "no {word} for {shell}");
        }
    }
    run(&["completions", "cobol"]).refused(2, &["cobol", "zsh"]);
}

#[test]
fn every_command_has_a_page_that_is_well_formed() {
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
        assert!(page.contains("\n.TH "), "{page}");
        assert_eq!(page.matches("\n.SH NAME").count(), 1, "{page}");
        for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
            let request = line.split_whitespace().next().unwrap_or_default();
            let known = [
                ".TH", ".SH", ".TP", ".RS", ".RE", ".PP", ".br", ".ie", ".el", ".SS", ".IP",
            ];
            assert!(known.contains(&request), "{line:?} is no request");
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
fn the_page_of_the_program_goes_to_stdout() {
    let page = run_with(&["man"], b"");

    assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
    assert!(page.stdout.contains("Exit codes"), "{}", page.stdout);
}
