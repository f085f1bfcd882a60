//! Power that fails: what was not synced is there in part, or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use generativeai::protocol::content::Content;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{Backend, BoxFuture, GenerativeModel, RequestOptions, Result};
use generativeai_store::Store;

use crate::support::child::{Told, address, command, tell};
use crate::support::disk::{Chance, Disk};
use crate::support::{Place, counting, texts, watch};

const CUTS: u64 = 300;
const TURNS: usize = 160;

#[tokio::test]
async fn when_the_power_fails_what_was_sent_and_acknowledged_is_there_whole() {
    if let Some(address) = address() {
        let lost = lose_power(&address, true).await;
        tell(&lost.len().to_string());
        assert!(lost.is_empty(), "{}", lost.join("\n"));
        return;
    }
    let test = "power::when_the_power_fails_what_was_sent_and_acknowledged_is_there_whole";
    assert_eq!(lost(test), 0);
}

#[tokio::test]
async fn on_a_disk_that_only_pretends_to_sync_the_loss_is_seen() {
    if let Some(address) = address() {
        tell(&lose_power(&address, false).await.len().to_string());
        return;
    }
    let test = "power::on_a_disk_that_only_pretends_to_sync_the_loss_is_seen";
    assert!(lost(test) > CUTS / 10);
}

/// In how many of the cuts something was lost, as the test tells in a process of its own: all files of a
/// process are watched.
fn lost(test: &str) -> u64 {
    let place = Place::in_memory_disk();
    let mut child = command(test, &place.address).spawn().unwrap();
    let told: Vec<String> = Told::by(&mut child).collect();
    assert!(child.wait().unwrap().success());
    told[0].parse().unwrap()
}

/// Writes a chat, then cuts the power at moments drawn by chance and looks at what a disk would hold;
/// tells what was lost.
async fn lose_power(address: &str, is_synced: bool) -> Vec<String> {
    let file = PathBuf::from(address.strip_prefix("sqlite:").unwrap());
    let folder = file.parent().unwrap();
    watch::watch(folder);
    write(address).await;
    let notes = watch::stop();
    assert!(notes.len() > 2 * TURNS);

    let mut lost = Vec::new();
    for seed in 0..CUTS {
        let mut chance = Chance(seed);
        let moment = chance.below(notes.len() as u64 + 1) as usize;
        let left = folder.join(format!("left-{seed}"));
        fs::create_dir(&left).unwrap();
        let said = Disk::after(&notes[..moment], is_synced).leave(&left, &mut chance);
        if let Err(why) = look(&left.join(file.file_name().unwrap()), &said).await {
            lost.push(format!(
                "cut {seed}, before {moment} of {}: {why}",
                notes.len()
            ));
        }
        fs::remove_dir_all(&left).unwrap();
    }
    lost
}

/// Says `0`, `1` and so on at length, each of which is answered by the same, closing the store half way.
async fn write(address: &str) {
    let model = GenerativeModel::new("echo").backend(Echo);
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
            watch::say(format!("acknowledged {turn}"));
        }
    }
}

fn message(turn: usize) -> String {
    format!("{turn} {}", "and so on ".repeat(300))
}

/// Answers with what was said, and notes that it was sent.
#[derive(Debug)]
struct Echo;

impl Backend for Echo {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let said = request.contents.last().unwrap().parts[0].as_text().unwrap();
        watch::say(format!("sent {}", said.split_once(' ').unwrap().0));
        let reply = GenerateContentResponse::from(Content::model(said));
        Box::pin(async move { Ok(reply) })
    }
}

/// Opens what a disk was left with: it must be sound, have all that was said, and take another turn.
async fn look(file: &Path, said: &[&str]) -> Result<(), String> {
    let told = |error: generativeai::Error| format!("{error}: {:?}", error.kind());
    let count = |what: &str| said.iter().filter(|said| said.starts_with(what)).count();
    let (sent, acknowledged) = (count("sent"), count("acknowledged"));
    let place = Place::at(file);
    let store = Store::open(&place.address).await.map_err(told)?;
    let session = match store.session("numbers").await {
        Ok(session) => session,
        Err(_) if sent == 0 => store.new_session("again").await.map_err(told)?,
        Err(error) => return Err(told(error)),
    };
    let mut chat = session.chat(&counting(1)).await.map_err(told)?;
    let found = texts(&chat).len() / 2;
    let whole: Vec<String> = (0..found)
        .flat_map(|turn| [message(turn), message(turn)])
        .collect();
    if texts(&chat) != whole || found < acknowledged {
        return Err(format!(
            "{acknowledged} were acknowledged, {found} are there"
        ));
    }
    let open = chat.unfinished().map(|turn| turn.sent.clone());
    if found < sent && open != Some(Content::user(message(found))) {
        return Err(format!("{sent} were sent, the last is not there"));
    }
    chat.send_message("on").await.map_err(told)?;
    if let Some(error) = chat.unsaved() {
        return Err(told(error.clone()));
    }
    match place.text("PRAGMA quick_check").await.as_str() {
        "ok" => Ok(()),
        wrong => Err(wrong.to_owned()),
    }
}
