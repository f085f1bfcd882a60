//! Time to open a stored chat and to append to it, for chats of different lengths.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::env;
use std::fmt::Write;
use std::time::{Duration, Instant};

use generativeai::protocol::content::Content;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{Backend, BoxFuture, ChatSession, GenerativeModel, RequestOptions, Result};
use generativeai_store::{Key, Session, Store};
use sqlx::{Connection, PgConnection};

/// The numbers of contents in the chats.
const SIZES: [usize; 3] = [10, 1_000, 100_000];
/// The number of rounds. The median of each is one measurement.
const ROUNDS: usize = 7;
/// The number of turns appended to each chat in a round. Each turn has two writes.
const TURNS: usize = 30;
/// Number of times that a chat is opened. The minimum time is reported.
const OPENINGS: usize = 5;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name| format!("sqlite:{}", folder.path().join(name).display());
    println!("| database | contents | open, ms | append a turn, ms | ratio to 10 contents |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    measure("SQLite", Store::open(&file("plain")).await?).await?;
    let encrypted = Store::open_encrypted(&file("encrypted"), &Key::random()?).await?;
    measure("SQLite, encrypted", encrypted).await?;
    if let Ok(address) = env::var("GENERATIVEAI_TEST_POSTGRES") {
        measure("PostgreSQL", Store::open(&address).await?).await?;
        // A separate set of tables in the same database.
        run(&address, "CREATE SCHEMA encrypted").await;
        let schema = format!("{address}?options=-csearch_path%3Dencrypted");
        let encrypted = Store::open_encrypted(&schema, &Key::random()?).await?;
        measure("PostgreSQL, encrypted", encrypted).await?;
        run(&address, "DROP SCHEMA encrypted CASCADE").await;
    }
    Ok(())
}

async fn run(address: &str, sql: &'static str) {
    let connection = PgConnection::connect(address).await;
    let mut connection = connection.expect("PostgreSQL is reachable");
    let done = sqlx::raw_sql(sql).execute(&mut connection).await;
    done.expect("the statement is valid");
}

async fn measure(name: &str, store: Store) -> Result<()> {
    let model = GenerativeModel::new("m").backend(FixedReply);
    let (mut sessions, mut chats, mut opened) = (Vec::new(), Vec::new(), Vec::new());
    for contents in SIZES {
        let lines = exported_turns(contents / 2);
        let session = store.import_jsonl("", lines.as_bytes()).await?;
        opened.push(minimum_open_time(&session).await?);
        chats.push(session.chat(&model).await?);
        sessions.push(session);
    }
    // A warm-up: fills caches, and lets each history allocate room to grow.
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

async fn minimum_open_time(session: &Session) -> Result<Duration> {
    let model = GenerativeModel::new("m");
    let mut minimum = Duration::MAX;
    for _ in 0..OPENINGS {
        let start = Instant::now();
        let chat = session.chat(&model).await?;
        minimum = minimum.min(start.elapsed());
        drop(chat);
    }
    Ok(minimum)
}

/// Appends turns to all chats in rotation, so that other load on the machine affects all of them alike.
/// Returns the median time of each chat.
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

/// Formats the median, the minimum and the maximum.
fn range(figures: impl Iterator<Item = f64>) -> String {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let [minimum, median, maximum] =
        [0, figures.len() / 2, figures.len() - 1].map(|at| figures[at]);
    format!("{median:.2} ({minimum:.2}–{maximum:.2})")
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// A backend that answers at once and keeps no request. `Scripted` keeps its requests, which share the history with the
/// chat. The chat would then copy the history before each turn.
#[derive(Debug)]
struct FixedReply;

impl Backend for FixedReply {
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

/// Generates the export of a session with a number of turns.
fn exported_turns(turns: usize) -> String {
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
        .expect("writing to a string does not fail");
    }
    lines
}
