//! A process that writes is killed, over and over, wherever it is.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::thread;
use std::time::Duration;

use generativeai::{ChatSession, GenerativeModel};
use generativeai_store::Store;

use crate::support::child::{Echo, Told, address, command, tell};
use crate::support::{Place, texts};

/// How often the writer is killed in each place.
const KILLS: usize = 500;

/// Says 0, 1, 2 and so on, each with its echo, going on where it was.
async fn write(address: &str) -> ! {
    let store = Store::open(address).await.unwrap();
    let session = match store.session("numbers").await {
        Ok(session) => session,
        Err(_) => store.new_session("numbers").await.unwrap(),
    };
    let model = GenerativeModel::new("echo").backend(Echo);
    let mut chat = session.chat(&model).await.unwrap();
    tell(&format!("found {} {}", said(&chat), open(&chat)));
    loop {
        let next = said(&chat).to_string();
        chat.send_message(next.as_str()).await.unwrap();
        assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
        tell(&format!("acknowledged {next}"));
    }
}

/// How many numbers were said: each is there once, in order, with its echo.
fn said(chat: &ChatSession) -> usize {
    let texts = texts(chat);
    for (at, text) in texts.iter().enumerate() {
        assert_eq!(*text, (at / 2).to_string());
    }
    assert!(texts.len().is_multiple_of(2));
    texts.len() / 2
}

/// The number that was being said, if a turn was interrupted.
fn open(chat: &ChatSession) -> String {
    let sent = chat.unfinished().map(|turn| turn.sent.parts[0].as_text());
    sent.flatten().unwrap_or("-").to_owned()
}

/// Starts and kills the writer, and looks at what the next one finds; gives how many numbers were said.
fn kill_over_and_over(address: &str) -> usize {
    let chance = || Duration::from_micros(RandomState::new().hash_one(()) % 12_000);
    let (mut acknowledged, mut sent) = (None, None);
    let mut kills = 0;
    let mut found_any = false;
    while kills < KILLS {
        let test = "kills::a_writer_killed_a_thousand_times_loses_nothing_acknowledged";
        let mut writer = command(test, address).spawn().unwrap();
        let mut told = Told::by(&mut writer);
        // Mostly it is killed while it writes, now and then before it has opened the store.
        let wait = chance();
        let mut lines: Vec<String> = Vec::new();
        if kills % 10 != 0 {
            lines.extend(told.next());
        }
        // Not waited for anything: this is the moment of the kill.
        thread::sleep(wait);
        writer.kill().unwrap();
        writer.wait().unwrap();
        kills += 1;
        lines.extend(told);
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let number = words[1].parse::<usize>().unwrap();
            match words[0] {
                "found" => {
                    found_any = true;
                    // Nothing acknowledged is lost.
                    assert!(acknowledged.is_none_or(|last| last < number), "{line}");
                    // What was sent was written before: it is complete, or the turn is unfinished.
                    let is_open = |sent: usize| words[2] == sent.to_string();
                    assert!(
                        sent.is_none_or(|sent| sent < number || is_open(sent)),
                        "{line}"
                    );
                }
                "sent" => sent = Some(number),
                "acknowledged" => acknowledged = Some(number),
                _ => panic!("{line}"),
            }
        }
    }
    assert!(found_any);
    acknowledged.map_or(0, |last| last + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_killed_a_thousand_times_loses_nothing_acknowledged() {
    if let Some(address) = address() {
        write(&address).await;
    }
    let places = [Place::in_memory_disk(), Place::in_memory_disk()];
    let addresses = places.each_ref().map(|place| place.address.clone());
    let lanes = addresses.map(|address| thread::spawn(move || kill_over_and_over(&address)));
    for (lane, place) in lanes.into_iter().zip(&places) {
        let acknowledged = lane.join().unwrap();

        let session = place.open().await.session("numbers").await.unwrap();
        let chat = session.chat(&GenerativeModel::new("none")).await.unwrap();
        assert!(
            said(&chat) >= acknowledged && acknowledged > KILLS / 20,
            "{acknowledged}"
        );
        assert_eq!(place.text("PRAGMA quick_check").await, "ok");
        assert_eq!(place.text("PRAGMA foreign_key_check").await, "");
    }
}
