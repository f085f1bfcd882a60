//! How long it takes to open a chat and to append to it, by how long it is.

#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::env;
use std::fmt::Write;
use std::time::{Duration, Instant};

use generativeai::testing::Scripted;
use generativeai::{GenerativeModel, Result};
use generativeai_store::{Session, Store};

/// Contents in a chat.
const SIZES: [usize; 3] = [10, 1_000, 100_000];
/// Turns that are appended; each is two writes.
const TURNS: usize = 200;
/// How often a chat is opened; the least time counts.
const OPENED: usize = 5;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder for the file");
    let file = folder.path().join("chats.sqlite");
    println!(
        "| database | contents | to open, ms | to append a turn, ms (median) | slowest of {TURNS} |"
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    measure("SQLite", &format!("sqlite:{}", file.display())).await?;
    match env::var("GENERATIVEAI_TEST_POSTGRES") {
        Ok(address) => measure("PostgreSQL", &address).await,
        Err(_) => Ok(()),
    }
}

async fn measure(name: &str, address: &str) -> Result<()> {
    let store = Store::open(address).await?;
    for contents in SIZES {
        let session = store
            .import_jsonl("", turns(contents / 2).as_bytes())
            .await?;
        let opened = least_to_open(&session).await?;
        let mut appended = append(&session).await?;
        appended.sort_unstable();
        let [median, slowest] = [appended[TURNS / 2], appended[TURNS - 1]].map(millis);
        println!(
            "| {name} | {contents} | {} | {median} | {slowest} |",
            millis(opened)
        );
        session.delete().await?;
    }
    Ok(())
}

async fn least_to_open(session: &Session) -> Result<Duration> {
    let model = GenerativeModel::new("m");
    let mut least = Duration::MAX;
    for _ in 0..OPENED {
        let start = Instant::now();
        let chat = session.chat(&model).await?;
        least = least.min(start.elapsed());
        drop(chat);
    }
    Ok(least)
}

async fn append(session: &Session) -> Result<Vec<Duration>> {
    let script = (0..TURNS).fold(Scripted::default(), |script, _| script.then_text(REPLY));
    let model = GenerativeModel::new("m").backend(script);
    let mut chat = session.chat(&model).await?;
    let mut times = Vec::with_capacity(TURNS);
    for _ in 0..TURNS {
        let start = Instant::now();
        chat.send_message(QUESTION).await?;
        times.push(start.elapsed());
    }
    match chat.unsaved() {
        Some(error) => Err(error.clone()),
        None => Ok(times),
    }
}

fn millis(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1_000.0)
}

const QUESTION: &str = "How tall is Ben Nevis, and who was the first to climb it in winter?";
const REPLY: &str = "Ben Nevis has 1,345 metres above the sea. The first ascent that is known was made by \
    James Robertson, a botanist from Edinburgh, on the 17th of August 1771; who was first in winter is \
    not known.";

/// A session of so many turns, as it is exported.
fn turns(turns: usize) -> String {
    let mut lines = "{\"generativeaiSession\":1,\"name\":\"\"}\n".to_owned();
    for turn in 0..turns {
        let id = format!("{turn:031x}");
        let sent = format!(r#"{{"role":"user","parts":[{{"text":"{QUESTION}"}}]}}"#);
        let reply = format!(
            r#"{{"candidates":[{{"content":{{"role":"model","parts":[{{"text":"{REPLY}"}}]}},"finishReason":"STOP"}}],"usageMetadata":{{"totalTokenCount":60}}}}"#
        );
        writeln!(
            lines,
            r#"{{"id":"{id}0","event":{{"opened":{{"sent":{sent}}}}}}}"#
        )
        .and_then(|()| {
            writeln!(
                lines,
                r#"{{"id":"{id}1","event":{{"completed":{{"response":{reply}}}}}}}"#
            )
        })
        .expect("a string takes all");
    }
    lines
}
