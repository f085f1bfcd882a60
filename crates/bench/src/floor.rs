//! The floor: a client that sends and reads the same bytes as the SDK, but serializes and parses nothing.

use std::io::IoSlice;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::options::{Options, Scenario};
use crate::outcome::{Outcome, print};
use crate::usage::{Meter, peak_kib};
use crate::wire::{self, LAST_CHUNK, Requests};

/// A chat: one connection, and requests serialized in advance.
struct Chat {
    connection: TcpStream,
    requests: Requests,
    /// Index of the next turn.
    next: usize,
    buffer: Vec<u8>,
    ages: Option<Vec<f64>>,
}

/// Sends and reads the bytes that [`client`](crate::client) does, and prints the measurement.
pub(crate) async fn run(options: Options) -> Outcome {
    let base_kib = peak_kib()?;
    let address = options.base.trim_start_matches("http://").to_owned();
    let streamed = options.is_streamed();
    let method = ["generateContent", "streamGenerateContent?alt=sse"][usize::from(streamed)];
    let mut chats = Vec::new();
    for _ in 0..options.sessions {
        let connection = TcpStream::connect(&address).await?;
        connection.set_nodelay(true)?;
        let turns = options.turns + 1;
        chats.push(Chat {
            connection,
            requests: Requests::new(&options.model, method, options.history, turns),
            next: 0,
            // A unary reply of about 1 KB fits. Larger buffers would count as memory of the 1,000 chats.
            buffer: vec![0; if streamed { 64 << 10 } else { 8 << 10 }],
            ages: (options.scenario == Scenario::Paced).then(Vec::new),
        });
    }
    let (meter, mut ages) = if options.scenario == Scenario::Concurrent {
        (
            concurrent(&mut chats, options.turns, base_kib).await?,
            Vec::new(),
        )
    } else {
        sequential(&mut chats, options.turns, base_kib).await?
    };
    print(meter.line("floor", &options, &mut ages)?);
    Ok(())
}

/// Runs turn after turn, chat by chat. The first turn of each chat is not measured, as in `client`.
async fn sequential(chats: &mut [Chat], turns: usize, base_kib: i64) -> Outcome<(Meter, Vec<f64>)> {
    for chat in &mut *chats {
        chat.turn().await?;
        chat.ages.as_mut().map(Vec::clear);
    }
    let meter = Meter::start(base_kib)?;
    for _ in 0..turns {
        for chat in &mut *chats {
            chat.turn().await?;
        }
    }
    let ages = chats.iter_mut().filter_map(|chat| chat.ages.take());
    Ok((meter, ages.flatten().collect()))
}

/// Runs all chats at the same time. The first turn of each is not measured.
async fn concurrent(chats: &mut Vec<Chat>, turns: usize, base_kib: i64) -> Outcome<Meter> {
    let start = Arc::new(Barrier::new(chats.len() + 1));
    let mut tasks = JoinSet::new();
    for mut chat in chats.drain(..) {
        let start = start.clone();
        tasks.spawn(async move {
            chat.turn().await?;
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

impl Chat {
    /// Sends the next request and reads the response.
    async fn turn(&mut self) -> Outcome {
        let request = self.requests.turn(self.next)?;
        self.next += 1;
        // A vectored write, which needs no copy of the contents into one buffer.
        let mut slices = request.map(IoSlice::new);
        let mut left = &mut slices[..];
        while !left.is_empty() {
            let sent = self.connection.write_vectored(left).await?;
            IoSlice::advance_slices(&mut left, sent);
        }
        self.read().await
    }

    /// Reads a complete response: its content length or its last chunk.
    async fn read(&mut self) -> Outcome {
        let mut filled = 0;
        let mut left = None;
        let mut tail = [0; 5];
        loop {
            let more = self.connection.read(&mut self.buffer[filled..]).await?;
            if more == 0 {
                return Err("the response ended early".into());
            }
            // After the head, each read overwrites the buffer: the bytes of a body are only counted.
            if let Some(left) = &mut left {
                if let Some(ages) = &mut self.ages {
                    ages.extend(age(&self.buffer[..more]));
                }
                match left {
                    Left::Bytes(left) => *left -= more,
                    Left::Chunks => keep_tail(&mut tail, &self.buffer[..more]),
                }
            } else {
                filled += more;
                let Some((head, length)) = head(&self.buffer[..filled])? else {
                    continue;
                };
                let body = &self.buffer[head..filled];
                left = Some(match length {
                    Some(length) => Left::Bytes(length - body.len()),
                    None => {
                        keep_tail(&mut tail, body);
                        Left::Chunks
                    }
                });
                filled = 0;
            }
            match left {
                Some(Left::Bytes(0)) => return Ok(()),
                Some(Left::Chunks) if tail == LAST_CHUNK => return Ok(()),
                _ => {}
            }
        }
    }
}

/// Unread rest of a body.
enum Left {
    Bytes(usize),
    Chunks,
}

/// Returns the length of the head of a response, if it is complete, and the content length, if any.
fn head(bytes: &[u8]) -> Outcome<Option<(usize, Option<usize>)>> {
    let end = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let Some(end) = end else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end])?;
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map(str::parse)
        .transpose()?;
    Ok(Some((end + 4, length)))
}

/// Appends a piece to the last bytes of a body. The end marker may be split between two reads, so each read alone would
/// not show it.
fn keep_tail(tail: &mut [u8; 5], piece: &[u8]) {
    let kept = tail.len().min(piece.len());
    tail.copy_within(kept.., 0);
    let at = tail.len() - kept;
    tail[at..].copy_from_slice(&piece[piece.len() - kept..]);
}

/// Returns the age of the chunk at the beginning of a piece. The time at which it was sent is in the first `"text"`.
fn age(piece: &[u8]) -> Option<f64> {
    const TEXT: &[u8] = b"\"text\":\"";
    let at = piece.windows(TEXT.len()).position(|bytes| bytes == TEXT)?;
    wire::age(&piece[at + TEXT.len()..])
}
