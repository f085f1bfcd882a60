//! A writing process is killed at random moments, a thousand times.

use std::thread;
use std::time::Duration;

use generativeai::{ChatSession, GenerativeModel};
use generativeai_store::Store;

use crate::support::child::{Echo, Reports, address, command, report};
use crate::support::{TestDatabase, texts};

/// The number of kills for each database.
const KILLS: usize = 500;

/// Sends 0, 1, 2, …, each answered with the same number, and continues where the last process stopped.
async fn write(address: &str) -> ! {
    let store = Store::open(address).await.unwrap();
    let session = match store.session("numbers").await {
        Ok(session) => session,
        Err(_) => store.new_session("numbers").await.unwrap(),
    };
    let echo = Echo(|text: &str| report(&format!("sent {text}")));
    let model = GenerativeModel::new("echo").backend(echo);
    let mut chat = session.chat(&model).await.unwrap();
    report(&format!(
        "found {} {}",
        count_numbers(&chat),
        interrupted(&chat)
    ));
    loop {
        let next = count_numbers(&chat).to_string();
        chat.send_message(next.as_str()).await.unwrap();
        assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
        report(&format!("acknowledged {next}"));
    }
}

/// Counts the numbers in the history. Checks that each is there once, in order, with its reply.
fn count_numbers(chat: &ChatSession) -> usize {
    let texts = texts(chat);
    for (at, text) in texts.iter().enumerate() {
        assert_eq!(*text, (at / 2).to_string());
    }
    assert!(texts.len().is_multiple_of(2));
    texts.len() / 2
}

/// Returns the number of the interrupted turn, `-` if there is none.
fn interrupted(chat: &ChatSession) -> String {
    let sent = chat.unfinished().map(|turn| turn.sent.parts[0].as_text());
    sent.flatten().unwrap_or("-").to_owned()
}

/// Starts and kills the writer again and again, and checks what each new one finds. Returns how many
/// numbers were acknowledged.
fn kill_repeatedly(address: &str) -> usize {
    let (mut acknowledged, mut sent) = (None, None);
    let mut kills = 0;
    let mut found_any = false;
    while kills < KILLS {
        let test = "kills::a_writer_killed_a_thousand_times_loses_nothing_acknowledged";
        let mut writer = command(test, address).spawn().unwrap();
        let mut reports = Reports::by(&mut writer);
        // The writer is usually killed while it writes. Every tenth one may not have opened the store yet.
        let wait = Duration::from_micros(fastrand::u64(..12_000));
        let mut lines: Vec<String> = Vec::new();
        if kills % 10 != 0 {
            lines.extend(reports.next());
        }
        // The random moment of the kill. The test waits for nothing here.
        thread::sleep(wait);
        writer.kill().unwrap();
        writer.wait().unwrap();
        kills += 1;
        lines.extend(reports);
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let number = words[1].parse::<usize>().unwrap();
            match words[0] {
                "found" => {
                    found_any = true;
                    // No acknowledged number is lost.
                    assert!(acknowledged.is_none_or(|last| last < number), "{line}");
                    // A sent number is complete, or is in the unfinished turn.
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
    let databases = [TestDatabase::in_ram(), TestDatabase::in_ram()];
    let addresses = databases
        .each_ref()
        .map(|database| database.address.clone());
    let writers = addresses.map(|address| thread::spawn(move || kill_repeatedly(&address)));
    for (writer, database) in writers.into_iter().zip(&databases) {
        let acknowledged = writer.join().unwrap();

        let session = database.open().await.session("numbers").await.unwrap();
        let chat = session.chat(&GenerativeModel::new("none")).await.unwrap();
        assert!(
            count_numbers(&chat) >= acknowledged && acknowledged > KILLS / 20,
            "{acknowledged}"
        );
        assert_eq!(database.text("PRAGMA quick_check").await, "ok");
        assert_eq!(database.text("PRAGMA foreign_key_check").await, "");
    }
}
