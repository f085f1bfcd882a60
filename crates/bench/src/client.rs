//! The measured client: chats of the SDK over `Remote`, used as in a program.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use generativeai::protocol::content::{Content, Part};
use generativeai::{ChatSession, GenerativeModel, Remote};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::options::{Options, Scenario};
use crate::outcome::{Outcome, print};
use crate::usage::{Meter, peak_kib};
use crate::wire;

/// Runs the chats of the options, and prints the measurement.
pub(crate) async fn run(options: Options) -> Outcome {
    let remote = Remote::builder().base_url(&options.base).build()?;
    let model = GenerativeModel::new(&options.model).backend(remote);
    // Before the chats exist: the growth since then is their memory.
    let base_kib = peak_kib()?;
    let mut chats = Vec::new();
    for _ in 0..options.sessions {
        chats.push(model.start_chat().with_history(history(options.history)));
    }
    let (meter, mut ages) = match options.scenario {
        Scenario::Concurrent => (
            concurrent(&mut chats, options.turns, base_kib).await?,
            Vec::new(),
        ),
        _ => sequential(&mut chats, &options, base_kib).await?,
    };
    // The chats still exist: dropping them is not part of a turn.
    print(meter.line("generativeai", &options, &mut ages)?);
    Ok(())
}

fn history(messages: usize) -> impl Iterator<Item = Content> {
    let roles = [Content::user, Content::model];
    (0..messages).map(move |at| roles[at % 2](wire::message()))
}

/// Runs a turn of each chat, one after the other, then the next turn of each. The first turn of each chat is not
/// measured: it opens the connection and serializes the initial history.
async fn sequential(
    chats: &mut [ChatSession],
    options: &Options,
    base_kib: i64,
) -> Outcome<(Meter, Vec<f64>)> {
    let mut ages = Vec::new();
    for chat in &mut *chats {
        turn(chat, options, &mut ages).await?;
    }
    // The first turns have recorded ages too.
    ages.clear();
    let meter = Meter::start(base_kib)?;
    for _ in 0..options.turns {
        for chat in &mut *chats {
            turn(chat, options, &mut ages).await?;
        }
    }
    Ok((meter, ages))
}

/// Runs all chats at the same time, each in a task. The tasks return their chats, so that none is dropped before the
/// measurement ends.
async fn concurrent(chats: &mut Vec<ChatSession>, turns: usize, base_kib: i64) -> Outcome<Meter> {
    let start = Arc::new(Barrier::new(chats.len() + 1));
    let begun = Arc::new(Barrier::new(chats.len()));
    let mut tasks = JoinSet::new();
    for mut chat in chats.drain(..) {
        let (start, begun) = (start.clone(), begun.clone());
        tasks.spawn(async move {
            first(&mut chat, &begun).await?;
            start.wait().await;
            for _ in 0..turns {
                unary_turn(&mut chat).await?;
            }
            Outcome::Ok(chat)
        });
    }
    start.wait().await;
    let meter = Meter::start(base_kib)?;
    for chat in tasks.join_all().await {
        chats.push(chat?);
    }
    Ok(meter)
}

/// Runs the first turn of a chat. Polls it once, and reads no reply before all chats have sent their request. Otherwise
/// some chats would reuse the pooled connections of others, while each chat of the floor has a separate one.
async fn first(chat: &mut ChatSession, begun: &Barrier) -> Outcome {
    let mut turn = pin!(unary_turn(chat));
    let polled = poll_fn(|cx| Poll::Ready(turn.as_mut().poll(cx))).await;
    begun.wait().await;
    match polled {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => turn.await,
    }
}

/// Runs a turn and reads the whole reply. A streamed reply goes to a clone of the chat, because otherwise replies of
/// megabytes would be part of the next request.
async fn turn(chat: &mut ChatSession, options: &Options, ages: &mut Vec<f64>) -> Outcome {
    if !options.is_streamed() {
        return unary_turn(chat).await;
    }
    let mut chat = chat.clone();
    let mut length = 0;
    let mut reply = chat.send_message(wire::message()).stream();
    while let Some(chunk) = reply.next().await {
        let chunk = chunk?;
        match options.scenario {
            Scenario::Big => {
                let images = chunk.parts()?.iter().filter_map(Part::as_inline_data);
                length += images
                    .flat_map(|blob| &blob.data)
                    .map(String::len)
                    .sum::<usize>();
            }
            Scenario::Paced => {
                let text = chunk.text()?;
                ages.extend(wire::age(text.as_bytes()));
                length += text.len();
            }
            _ => length += chunk.text()?.len(),
        }
    }
    check_not_empty(length)
}

async fn unary_turn(chat: &mut ChatSession) -> Outcome {
    let reply = chat.send_message(wire::message()).await?;
    check_not_empty(reply.text()?.len())
}

fn check_not_empty(length: usize) -> Outcome {
    if length == 0 {
        return Err("the replies were empty".into());
    }
    Ok(())
}
