//! The driver: runs the turns of the chats of either client, and measures them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::options::Options;
use crate::outcome::{Outcome, print};
use crate::usage::Meter;

/// A chat of the SDK, or of the floor.
pub(crate) trait Chat: Send + 'static {
    /// Sends the next message, and reads the whole reply.
    fn turn(&mut self) -> impl Future<Output = Outcome> + Send;

    /// Returns the ages of the chunks when they were read, in microseconds.
    fn ages(&mut self) -> &mut Vec<f64>;
}

/// Runs the turns of the options, and prints the measurement. `base_kib` is the peak of memory before the chats were
/// created.
///
/// The first turn of each chat is not measured: it opens the connection and serializes the initial history.
pub(crate) async fn run(
    client: &str,
    mut chats: Vec<impl Chat>,
    options: &Options,
    base_kib: i64,
) -> Outcome {
    let meter = if options.concurrent {
        concurrent(&mut chats, options.turns, base_kib).await?
    } else {
        sequential(&mut chats, options.turns, base_kib).await?
    };
    let ages = chats.iter_mut().flat_map(|chat| chat.ages().drain(..));
    let mut ages: Vec<f64> = ages.collect();
    // The chats still exist: dropping them is not part of a turn.
    print(meter.line(client, options, &mut ages)?);
    Ok(())
}

/// Runs a turn of each chat, one after the other, then the next turn of each.
async fn sequential(chats: &mut [impl Chat], turns: usize, base_kib: i64) -> Outcome<Meter> {
    for chat in &mut *chats {
        chat.turn().await?;
        chat.ages().clear();
    }
    let meter = Meter::start(base_kib)?;
    for _ in 0..turns {
        for chat in &mut *chats {
            chat.turn().await?;
        }
    }
    Ok(meter)
}

/// Runs all chats at the same time, each in a task. The tasks return their chats, so that none is dropped before the
/// measurement ends.
async fn concurrent<C: Chat>(chats: &mut Vec<C>, turns: usize, base_kib: i64) -> Outcome<Meter> {
    let start = Arc::new(Barrier::new(chats.len() + 1));
    let begun = Arc::new(Barrier::new(chats.len()));
    let mut tasks = JoinSet::new();
    for mut chat in chats.drain(..) {
        let (start, begun) = (start.clone(), begun.clone());
        tasks.spawn(async move {
            first(&mut chat, &begun).await?;
            start.wait().await;
            for _ in 0..turns {
                chat.turn().await?;
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
/// some chats of the SDK would reuse the pooled connections of others, while each chat of the floor has a separate one.
async fn first(chat: &mut impl Chat, begun: &Barrier) -> Outcome {
    let mut turn = pin!(chat.turn());
    let polled = poll_fn(|cx| Poll::Ready(turn.as_mut().poll(cx))).await;
    begun.wait().await;
    match polled {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => turn.await,
    }
}
