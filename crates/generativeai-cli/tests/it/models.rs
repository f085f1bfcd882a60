//! `genai models`: what is here, what could be, and how it comes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::hub::{Hub, Manner};
#[cfg(unix)]
use super::support::through_shell;
use super::support::{Ran, genai, ran, run};

/// What stands for a model; long enough to come in several pieces.
fn file() -> Vec<u8> {
    (0..300_000_u32).flat_map(u32::to_le_bytes).collect()
}

/// A cache of its own, and a hub.
struct Machine {
    cache: tempfile::TempDir,
    hub: Hub,
}

impl Machine {
    fn new(manner: Manner) -> Self {
        Self {
            cache: tempfile::tempdir().expect("a folder"),
            hub: Hub::start(manner, &file()),
        }
    }

    fn genai(&self, words: &[&str]) -> Command {
        let mut command = genai(words);
        command
            .env("XDG_CACHE_HOME", self.cache.path())
            .env("HF_ENDPOINT", &self.hub.address);
        command
    }

    fn pull(&self) -> Ran {
        ran(self.genai(&["models", "pull", "qwen3-4b"]).output())
    }

    fn path(&self) -> PathBuf {
        self.cache
            .path()
            .join("generativeai/models/Qwen3-4B-Q4_K_M.gguf")
    }

    /// What is in the cache beside locks.
    fn files(&self) -> usize {
        let Ok(entries) = fs::read_dir(self.path().parent().expect("a folder")) else {
            return 0;
        };
        let names = entries.flatten().map(|entry| entry.file_name());
        names
            .filter(|name| !name.to_string_lossy().starts_with('.'))
            .count()
    }

    /// Asserts that the model was pulled, whole.
    fn pulled(&self, ran: &Ran) {
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(ran.stdout, format!("{}\n", self.path().display()));
        assert_eq!(fs::read(self.path()).expect("it is there"), file());
        assert_eq!(self.files(), 1);
    }
}

#[test]
fn a_model_is_pulled_once_and_listed_and_removed() {
    let machine = Machine::new(Manner::Fair);
    let list = || ran(machine.genai(&["models", "list"]).output()).stdout;
    let line = |list: &str| {
        list.lines()
            .find(|line| line.starts_with("qwen3-4b "))
            .map(str::to_owned)
    };
    assert!(line(&list()).expect("it is listed").contains(" -  "));

    let first = machine.pull();
    let second = machine.pull();

    machine.pulled(&first);
    assert!(first.stderr.contains("fetching the model"), "{first:?}");
    machine.pulled(&second);
    assert_eq!(
        machine.hub.asked().len(),
        1,
        "what is here is not fetched again"
    );
    assert!(line(&list()).expect("it is listed").contains(" here "));

    let removed = ran(machine.genai(&["models", "rm", "qwen3-4b"]).output());
    assert_eq!((removed.code, machine.files()), (Some(0), 0), "{removed:?}");
    ran(machine.genai(&["models", "rm", "qwen3-4b"]).output())
        .refused(1, &["qwen3-4b is not here"]);
}

#[test]
fn a_fetch_that_breaks_off_goes_on_where_it_stopped() {
    let machine = Machine::new(Manner::BreaksOnce(500_000));

    let pulled = machine.pull();

    machine.pulled(&pulled);
    assert_eq!(machine.hub.asked(), ["", "bytes=500000-"]);
    assert!(
        pulled.stderr.contains("going on where it stopped"),
        "{pulled:?}"
    );
}

#[test]
fn a_fetch_that_gets_nowhere_ends_and_is_gone_on_with_the_next_time() {
    let machine = Machine::new(Manner::SendsThatFar(400_000));

    machine
        .pull()
        .refused(1, &["the connection broke", "where it stopped"]);
    let listed = ran(machine.genai(&["models", "list"]).output());
    assert!(listed.stdout.contains("% here"), "{listed:?}");
    machine.hub.behave(Manner::Fair);
    let pulled = machine.pull();

    machine.pulled(&pulled);
    assert_eq!(machine.hub.asked(), ["", "bytes=400000-", "bytes=400000-"]);
}

#[cfg(unix)]
#[test]
fn a_disk_that_is_full_is_told_and_what_came_is_gone_on_with() {
    let machine = Machine::new(Manner::Fair);
    // No file can be larger than 400 KiB, which is as if the disk were full.
    let line = "trap '' XFSZ; ulimit -f 800; exec \"$0\" models pull qwen3-4b";
    let mut full = through_shell(&machine.genai(&[]), line);

    ran(full.output()).refused(1, &["cannot write to", "free some space", "because: "]);
    assert!(!machine.path().exists());
    let pulled = machine.pull();

    machine.pulled(&pulled);
    assert_eq!(machine.hub.asked(), ["", "bytes=409600-"]);
}

#[test]
fn a_server_that_ignores_what_part_is_asked_for_is_read_from_the_beginning() {
    let machine = Machine::new(Manner::SendsThatFar(400_000));
    machine.pull().refused(1, &[]);

    machine.hub.behave(Manner::IgnoresRange);
    let pulled = machine.pull();

    machine.pulled(&pulled);
}

#[test]
fn a_server_that_sends_another_part_is_refused() {
    let machine = Machine::new(Manner::SendsThatFar(400_000));
    machine.pull().refused(1, &[]);

    machine.hub.behave(Manner::OtherPart);
    machine
        .pull()
        .refused(1, &["another part than was asked for"]);

    assert!(!machine.path().exists());
}

#[test]
fn what_is_not_what_was_announced_never_reaches_the_cache() {
    for manner in [Manner::OtherBytes, Manner::MoreBytes] {
        let machine = Machine::new(manner);

        machine
            .pull()
            .refused(1, &["what came is not the model", "sha256"]);

        assert_eq!(machine.files(), 0, "{manner:?}: it is thrown away");
        machine.hub.behave(Manner::Fair);
        machine.pulled(&machine.pull());
    }
}

#[test]
fn a_part_that_was_changed_is_found_out() {
    let machine = Machine::new(Manner::SendsThatFar(400_000));
    machine.pull().refused(1, &[]);
    let folder = machine.path().parent().expect("a folder").to_owned();
    let entries = fs::read_dir(folder).expect("it is there").flatten();
    let part = entries
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "part"))
        .expect("a part");
    fs::write(&part, vec![0; 400_000]).expect("it can be written");

    machine.hub.behave(Manner::Fair);
    machine.pull().refused(1, &["what came is not the model"]);

    machine.pulled(&machine.pull());
}

#[test]
fn what_the_hub_cannot_give_is_told() {
    for (manner, told) in [
        (Manner::Code(404), &["404", "Qwen/Qwen3-4B-GGUF"][..]),
        (Manner::Code(401), &["401", "account"]),
        (Manner::Code(503), &["503", "try again later"]),
        (Manner::NoHash, &["no SHA-256"]),
        (Manner::Insecure, &["https://", "example.com"]),
    ] {
        Machine::new(manner).pull().refused(1, told);
    }
}

#[test]
fn a_repository_that_moved_is_found() {
    let machine = Machine::new(Manner::Moved);

    machine.pulled(&machine.pull());
}

#[test]
fn two_fetches_at_once_share_one_download() {
    let machine = Machine::new(Manner::Fair);

    let pulled: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| machine.pull())).collect();
        runs.into_iter()
            .map(|run| run.join().expect("no panic"))
            .collect()
    });

    for pulled in &pulled {
        machine.pulled(pulled);
    }
    assert_eq!(machine.hub.asked().len(), 1);
}

#[test]
fn an_address_that_is_none_or_is_not_safe_is_refused() {
    let mut command = genai(&["models", "pull", "qwen3-4b"]);
    let cache = tempfile::tempdir().expect("a folder");
    command.env("XDG_CACHE_HOME", cache.path());

    ran(command.env("HF_ENDPOINT", "hub").output()).refused(1, &["HF_ENDPOINT", "hub"]);
    ran(command.env("HF_ENDPOINT", "http://example.com").output()).refused(1, &["https://"]);
}

#[test]
fn a_model_that_is_not_here_or_nowhere_is_told_with_a_way_out() {
    let machine = Machine::new(Manner::Fair);

    ran(machine
        .genai(&["chat", "--model", "qwen3-4b", "Hello"])
        .output())
    .refused(
        1,
        &["qwen3-4b is not here yet", "genai models pull qwen3-4b"],
    );
    run(&["models", "pull", "gpt-7"]).refused(2, &["no model gpt-7", "genai models list"]);
    run(&["models", "rm", "../x"]).refused(2, &["no model ../x"]);
}

#[test]
fn a_model_that_was_pulled_is_the_one_that_answers() {
    let machine = Machine::new(Manner::Fair);
    machine.pulled(&machine.pull());

    // What stands for the model is none, and it is the model's file that is tried.
    ran(machine
        .genai(&["chat", "--model", "qwen3-4b", "Hello"])
        .output())
    .refused(1, &["Qwen3-4B-Q4_K_M.gguf", "GGUF"]);
}

#[test]
fn the_embedded_model_is_pulled_by_its_name() {
    let pulled = run(&["models", "pull", "local"]);

    assert_eq!(pulled.code, Some(0), "{pulled:?}");
    assert!(
        PathBuf::from(pulled.stdout.trim_end()).exists(),
        "{pulled:?}"
    );
}
