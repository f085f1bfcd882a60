//! Our client: chats over `Remote`, as a program would hold them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use generativeai::protocol::content::{Content, Part};
use generativeai::{ChatSession, GenerativeModel, Remote};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::options::{Options, Scenario};
use crate::usage::{Meter, peak_kib};
use crate::{Outcome, say, wire};

/// Holds the chats that the options ask for, and says what they cost.
pub(crate) async fn run(options: Options) -> Outcome {
    let remote = Remote::builder().base_url(&options.base).build()?;
    let model = GenerativeModel::new(&options.model).backend(remote);
    let base_kib = peak_kib()?;
    let mut chats = Vec::new();
    for _ in 0..options.sessions {
        chats.push(model.start_chat().with_history(history(options.history)));
    }
    let (meter, mut ages) = match options.scenario {
        Scenario::Concurrent => (
            at_once(&mut chats, options.turns, base_kib).await?,
            Vec::new(),
        ),
        _ => in_turn(&mut chats, &options, base_kib).await?,
    };
    // The chats are still there: what it costs to drop them is no part of a turn.
    say(meter.line("generativeai", &options, &mut ages)?);
    Ok(())
}

fn history(messages: usize) -> impl Iterator<Item = Content> {
    let speakers = [Content::user, Content::model];
    (0..messages).map(move |at| speakers[at % 2](wire::message()))
}

/// Turn by turn, chat by chat. The first turn is not measured: it finds the connection, and the
/// history's JSON is written for it.
async fn in_turn(
    chats: &mut [ChatSession],
    options: &Options,
    base_kib: i64,
) -> Outcome<(Meter, Vec<f64>)> {
    let mut ages = Vec::new();
    for chat in &mut *chats {
        turn(chat, options, &mut ages).await?;
    }
    ages.clear();
    let meter = Meter::start(base_kib)?;
    for _ in 0..options.turns {
        for chat in &mut *chats {
            turn(chat, options, &mut ages).await?;
        }
    }
    Ok((meter, ages))
}

/// All chats at the same time.
async fn at_once(chats: &mut Vec<ChatSession>, turns: usize, base_kib: i64) -> Outcome<Meter> {
    let start = Arc::new(Barrier::new(chats.len() + 1));
    let begun = Arc::new(Barrier::new(chats.len()));
    let mut tasks = JoinSet::new();
    for mut chat in chats.drain(..) {
        let (start, begun) = (start.clone(), begun.clone());
        tasks.spawn(async move {
            first(&mut chat, &begun).await?;
            start.wait().await;
            for _ in 0..turns {
                whole(&mut chat).await?;
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

/// The first turn of a chat. No reply is read before all chats have begun theirs, so that there is a
/// connection for each, as the floor has, before anything is measured.
async fn first(chat: &mut ChatSession, begun: &Barrier) -> Outcome {
    let mut turn = pin!(whole(chat));
    let at_once = poll_fn(|cx| Poll::Ready(turn.as_mut().poll(cx))).await;
    begun.wait().await;
    match at_once {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => turn.await,
    }
}

/// A turn, all of whose reply is read. One that is streamed is a copy's: what is measured is the
/// reading, and a reply of megabytes would be sent again.
async fn turn(chat: &mut ChatSession, options: &Options, ages: &mut Vec<f64>) -> Outcome {
    if !options.is_streamed() {
        return whole(chat).await;
    }
    let mut chat = chat.clone();
    let mut read = 0;
    let mut reply = chat.send_message(wire::message()).stream();
    while let Some(chunk) = reply.next().await {
        let chunk = chunk?;
        match options.scenario {
            Scenario::Big => {
                let pictures = chunk.parts()?.iter().filter_map(Part::as_inline_data);
                read += pictures
                    .flat_map(|blob| &blob.data)
                    .map(String::len)
                    .sum::<usize>();
            }
            Scenario::Paced => {
                let text = chunk.text()?;
                ages.extend(wire::age(text.as_bytes()));
                read += text.len();
            }
            _ => read += chunk.text()?.len(),
        }
    }
    there_is(read)
}

async fn whole(chat: &mut ChatSession) -> Outcome {
    let reply = chat.send_message(wire::message()).await?;
    there_is(reply.text()?.len())
}

fn there_is(read: usize) -> Outcome {
    if read == 0 {
        return Err("the replies were empty".into());
    }
    Ok(())
}
