//! Power cuts: data that was not synced is lost completely or in part.

use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use generativeai::GenerativeModel;
use generativeai::protocol::content::Content;
use generativeai_store::Store;

use crate::support::child::{Echo, Reports, address, command, report};
use crate::support::disk::Disk;
use crate::support::{TestDatabase, counting_model, texts, watch};

/// The number of power cuts.
const CUTS: u64 = 300;
/// The number of turns that are written before them.
const TURNS: usize = 160;

#[tokio::test]
async fn a_power_cut_loses_no_sent_message_and_no_acknowledged_turn() {
    if let Some(address) = address() {
        let lost = lose_power(&address, true).await;
        report(&lost.len().to_string());
        assert!(lost.is_empty(), "{}", lost.join("\n"));
        return;
    }
    let test = "power::a_power_cut_loses_no_sent_message_and_no_acknowledged_turn";
    assert_eq!(lost(test), 0);
}

#[tokio::test]
async fn the_power_cut_test_detects_a_disk_that_does_not_sync() {
    if let Some(address) = address() {
        report(&lose_power(&address, false).await.len().to_string());
        return;
    }
    let test = "power::the_power_cut_test_detects_a_disk_that_does_not_sync";
    assert!(lost(test) > CUTS / 10);
}

/// Runs the test in a child process, since all files of a process are watched. Returns the number of cuts that lost
/// something.
fn lost(test: &str) -> u64 {
    let database = TestDatabase::in_ram();
    let mut child = command(test, &database.address).spawn().unwrap();
    let reports: Vec<String> = Reports::by(&mut child).collect();
    assert!(child.wait().unwrap().success());
    reports[0].parse().unwrap()
}

/// Writes a chat, then cuts the power at random moments and checks what the disk would hold. Describes
/// each loss.
async fn lose_power(address: &str, is_synced: bool) -> Vec<String> {
    let file = PathBuf::from(address.strip_prefix("sqlite:").unwrap());
    let folder = file.parent().unwrap();
    watch::watch(folder);
    write(address).await;
    let notes = watch::stop();
    assert!(notes.len() > 2 * TURNS);

    let mut lost = Vec::new();
    for seed in 0..CUTS {
        let mut random = Rng::with_seed(seed);
        let moment = random.usize(..=notes.len());
        let left = folder.join(format!("left-{seed}"));
        fs::create_dir(&left).unwrap();
        let messages = Disk::after(&notes[..moment], is_synced).cut_power(&left, &mut random);
        if let Err(problem) = check(&left.join(file.file_name().unwrap()), &messages).await {
            lost.push(format!(
                "cut {seed}, before {moment} of {}: {problem}",
                notes.len()
            ));
        }
        fs::remove_dir_all(&left).unwrap();
    }
    lost
}

/// Sends long messages that begin with `0`, `1`, …, each answered with the same text. Reopens the store
/// half way.
async fn write(address: &str) {
    let note = |text: &str| watch::message(format!("sent {}", text.split_once(' ').unwrap().0));
    let model = GenerativeModel::new("echo").backend(Echo(note));
    for half in [0..TURNS / 2, TURNS / 2..TURNS] {
        let store = Store::open(address).await.unwrap();
        let session = match half.start {
            0 => store.new_session("numbers").await.unwrap(),
            _ => store.session("numbers").await.unwrap(),
        };
        let mut chat = session.chat(&model).await.unwrap();
        for turn in half {
            chat.send_message(message(turn)).await.unwrap();
            assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
            watch::message(format!("acknowledged {turn}"));
        }
    }
}

fn message(turn: usize) -> String {
    format!("{turn} {}", "and so on ".repeat(300))
}

/// Opens the file after a power cut. It must be intact, contain all sent messages and acknowledged turns, and
/// accept another turn.
async fn check(file: &Path, messages: &[&str]) -> Result<(), String> {
    let describe = |error: generativeai::Error| format!("{error}: {:?}", error.kind());
    let count = |what: &str| {
        messages
            .iter()
            .filter(|text| text.starts_with(what))
            .count()
    };
    let (sent, acknowledged) = (count("sent"), count("acknowledged"));
    let database = TestDatabase::at(file);
    let store = Store::open(&database.address).await.map_err(describe)?;
    let session = match store.session("numbers").await {
        Ok(session) => session,
        Err(_) if sent == 0 => store.new_session("again").await.map_err(describe)?,
        Err(error) => return Err(describe(error)),
    };
    let mut chat = session.chat(&counting_model(1)).await.map_err(describe)?;
    let found = texts(&chat).len() / 2;
    let whole: Vec<String> = (0..found)
        .flat_map(|turn| [message(turn), message(turn)])
        .collect();
    if texts(&chat) != whole || found < acknowledged {
        return Err(format!(
            "{acknowledged} turns were acknowledged, {found} are stored"
        ));
    }
    let open = chat.unfinished().map(|turn| turn.sent.clone());
    if found < sent && open != Some(Content::user(message(found))) {
        return Err(format!("{sent} messages were sent, the last is missing"));
    }
    chat.send_message("on").await.map_err(describe)?;
    if let Some(error) = chat.unsaved() {
        return Err(describe(error.clone()));
    }
    match database.text("PRAGMA quick_check").await.as_str() {
        "ok" => Ok(()),
        wrong => Err(wrong.to_owned()),
    }
}
