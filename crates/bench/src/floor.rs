//! The floor: a client that sends and reads the same bytes as the SDK, but serializes and parses nothing.

use std::io::IoSlice;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::drive::{self, Chat};
use crate::options::Options;
use crate::outcome::Outcome;
use crate::usage::peak_kib;
use crate::wire::{self, Answer, LAST_CHUNK, Requests};

/// A chat: one connection, and requests serialized in advance.
struct FloorChat {
    connection: TcpStream,
    requests: Requests,
    /// Index of the next turn.
    next: usize,
    buffer: Vec<u8>,
    is_paced: bool,
    ages: Vec<f64>,
}

/// Sends and reads the bytes that [`client`](crate::client) does, and prints the measurement.
pub(crate) async fn run(options: Options) -> Outcome {
    let base_kib = peak_kib()?;
    let address = options.base.trim_start_matches("http://").to_owned();
    let answer = options.answer();
    // A unary reply of about 1 KB fits. Larger buffers would count as memory of the 1,000 chats.
    let (method, buffer) = match answer {
        Answer::Reply => ("generateContent", 8 << 10),
        _ => ("streamGenerateContent?alt=sse", 64 << 10),
    };
    let mut chats = Vec::new();
    for _ in 0..options.sessions {
        let connection = TcpStream::connect(&address).await?;
        connection.set_nodelay(true)?;
        let turns = options.turns + 1;
        chats.push(FloorChat {
            connection,
            requests: Requests::new(&options.model, method, options.history, turns),
            next: 0,
            buffer: vec![0; buffer],
            is_paced: matches!(answer, Answer::Paced(_)),
            ages: Vec::new(),
        });
    }
    drive::run("floor", chats, &options, base_kib).await
}

impl Chat for FloorChat {
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

    fn ages(&mut self) -> &mut Vec<f64> {
        &mut self.ages
    }
}

impl FloorChat {
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
                if self.is_paced {
                    self.ages.extend(age(&self.buffer[..more]));
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
