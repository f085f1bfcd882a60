//! How long it takes to open a chat and to append to it, by how long it is.

#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::env;
use std::fmt::Write;
use std::time::{Duration, Instant};

use generativeai::protocol::content::Content;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{Backend, BoxFuture, ChatSession, GenerativeModel, RequestOptions, Result};
use generativeai_store::{Key, Session, Store};
use sqlx::{Connection, PgConnection};

/// Contents in the chats, which are measured in turn.
const SIZES: [usize; 3] = [10, 1_000, 100_000];
/// Rounds, each of which has a median.
const ROUNDS: usize = 7;
/// Turns that are appended to each chat in a round; each is two writes.
const TURNS: usize = 30;
/// How often a chat is opened; the least time counts.
const OPENED: usize = 5;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder for the files");
    let file = |name| format!("sqlite:{}", folder.path().join(name).display());
    println!(
        "| database | contents | to open, ms | to append a turn, ms | by that of 10 contents |"
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    measure("SQLite", Store::open(&file("plain")).await?).await?;
    let encrypted = Store::open_encrypted(&file("encrypted"), &Key::random()?).await?;
    measure("SQLite, encrypted", encrypted).await?;
    if let Ok(address) = env::var("GENERATIVEAI_TEST_POSTGRES") {
        measure("PostgreSQL", Store::open(&address).await?).await?;
        // Tables of its own, in the same database.
        run(&address, "CREATE SCHEMA encrypted").await;
        let apart = format!("{address}?options=-csearch_path%3Dencrypted");
        let encrypted = Store::open_encrypted(&apart, &Key::random()?).await?;
        measure("PostgreSQL, encrypted", encrypted).await?;
        run(&address, "DROP SCHEMA encrypted CASCADE").await;
    }
    Ok(())
}

async fn run(address: &str, sql: &'static str) {
    let connection = PgConnection::connect(address).await;
    let mut connection = connection.expect("PostgreSQL is there");
    let done = sqlx::raw_sql(sql).execute(&mut connection).await;
    done.expect("the database does it");
}

async fn measure(name: &str, store: Store) -> Result<()> {
    let model = GenerativeModel::new("m").backend(Answers);
    let (mut sessions, mut chats, mut opened) = (Vec::new(), Vec::new(), Vec::new());
    for contents in SIZES {
        let lines = turns(contents / 2);
        let session = store.import_jsonl("", lines.as_bytes()).await?;
        opened.push(least_to_open(&session).await?);
        chats.push(session.chat(&model).await?);
        sessions.push(session);
    }
    // Once for what is done once: tables that are read, a history that gets room to grow.
    append(&mut chats, 1).await?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(append(&mut chats, TURNS).await?);
    }
    for (at, contents) in SIZES.into_iter().enumerate() {
        let medians = rounds.iter().map(|round| millis(round[at]));
        let ratios = rounds
            .iter()
            .map(|round| millis(round[at]) / millis(round[0]));
        println!(
            "| {name} | {contents} | {:.2} | {} | {} |",
            millis(opened[at]),
            range(medians),
            range(ratios)
        );
    }
    for session in sessions {
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

/// Appends turns to all chats, one after the other, so that whatever else the machine does meets all of
/// them; gives the median of each chat.
async fn append(chats: &mut [ChatSession], turns: usize) -> Result<Vec<Duration>> {
    let mut times = vec![Vec::with_capacity(turns); chats.len()];
    for _ in 0..turns {
        for (chat, times) in chats.iter_mut().zip(&mut times) {
            let start = Instant::now();
            chat.send_message(QUESTION).await?;
            times.push(start.elapsed());
            if let Some(error) = chat.unsaved() {
                return Err(error.clone());
            }
        }
    }
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    Ok(times.into_iter().map(median).collect())
}

/// The median, and the least and the most.
fn range(figures: impl Iterator<Item = f64>) -> String {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let [least, median, most] = [0, figures.len() / 2, figures.len() - 1].map(|at| figures[at]);
    format!("{median:.2} ({least:.2}–{most:.2})")
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Answers at once, and keeps no request: a backend that does, as `Scripted`, holds the history it was
/// sent, which the chat has to copy then before it adds to it.
#[derive(Debug)]
struct Answers;

impl Backend for Answers {
    fn generate_content(
        &self,
        _: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        Box::pin(async { Ok(GenerateContentResponse::from(Content::model(REPLY))) })
    }
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
