//! A sketch of an ideal client on hyper: little more than what a chat must cost that is sent with it.
//!
//! It writes JSON once and shares it with requests, reads of a reply what it says, and has a connection
//! for each chat, which goes on while somebody waits; it knows no errors, no limits, nothing but texts.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use hyper::Request;
use hyper::body::{Body, Frame, SizeHint};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use crate::floor::{Turns, at_once};
use crate::options::{Options, Scenario};
use crate::usage::peak_kib;
use crate::{Outcome, say, wire};

/// Holds the chats that the options ask for, all at once, and says what they cost.
pub(crate) async fn run(options: Options) -> Outcome {
    if options.scenario != Scenario::Concurrent {
        return Err("the sketch knows `--scenario concurrent` only".into());
    }
    let base_kib = peak_kib()?;
    let mut chats = Vec::new();
    for _ in 0..options.sessions {
        chats.push(Chat::new(&options).await?);
    }
    let meter = at_once(&mut chats, options.turns, base_kib).await?;
    say(meter.line("sketch", &options, &mut [])?);
    Ok(())
}

/// A conversation, and a connection of its own.
struct Chat {
    sender: SendRequest<Pieces>,
    /// `None` once the connection has ended.
    driver: Option<Connection<TokioIo<TcpStream>, Pieces>>,
    path: String,
    said: Arc<Vec<Bytes>>,
}

#[derive(Deserialize)]
struct Reply {
    candidates: [Candidate; 1],
}

#[derive(Deserialize)]
struct Candidate {
    content: Content,
}

#[derive(Deserialize, Serialize)]
struct Content {
    role: String,
    parts: [Text; 1],
}

#[derive(Deserialize, Serialize)]
struct Text {
    text: String,
}

impl Content {
    fn new(role: &str) -> Self {
        let text = wire::message().to_owned();
        Self {
            role: role.to_owned(),
            parts: [Text { text }],
        }
    }
}

impl Chat {
    async fn new(options: &Options) -> Outcome<Self> {
        let connection = TcpStream::connect(options.base.trim_start_matches("http://")).await?;
        connection.set_nodelay(true)?;
        let (sender, driver) = http1::handshake(TokioIo::new(connection)).await?;
        let mut json = br#"{"contents":["#.to_vec();
        for at in 0..options.history {
            serde_json::to_writer(&mut json, &Content::new(["user", "model"][at % 2]))?;
            json.push(b',');
        }
        Ok(Self {
            sender,
            driver: Some(driver),
            path: format!("/v1beta/models/{}:generateContent", options.model),
            said: Arc::new(vec![json.into()]),
        })
    }

    /// Adds a content, behind a comma unless it is the first after the history.
    fn say(&mut self, content: &Content) -> Outcome {
        let mut json = Vec::with_capacity(content.parts[0].text.len() + 64);
        if self.said.len() > 1 {
            json.push(b',');
        }
        serde_json::to_writer(&mut json, content)?;
        Arc::make_mut(&mut self.said).push(json.into());
        Ok(())
    }
}

impl Turns for Chat {
    async fn turn(&mut self) -> Outcome {
        self.say(&Content::new("user"))?;
        let request = Request::post(&self.path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("x-goog-api-key", "not-a-key")
            .body(Pieces(Some(Unsent::new(&self.said))))?;
        let Self { sender, driver, .. } = self;
        let mut drive = |cx: &mut Context<'_>| {
            let ended = driver.as_mut().map(|driver| Pin::new(driver).poll(cx));
            if ended.is_some_and(|ended| ended.is_ready()) {
                *driver = None;
            }
        };
        poll_fn(|cx| {
            drive(cx);
            sender.poll_ready(cx)
        })
        .await?;
        let mut answer = pin!(sender.send_request(request));
        let mut body = poll_fn(|cx| {
            drive(cx);
            answer.as_mut().poll(cx)
        })
        .await?
        .into_body();
        let mut read = Vec::new();
        while let Some(frame) = poll_fn(|cx| {
            if let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(cx) {
                return Poll::Ready(frame);
            }
            drive(cx);
            Pin::new(&mut body).poll_frame(cx)
        })
        .await
        {
            read.extend(frame?.into_data());
        }
        let reply: Reply = match &read[..] {
            [whole] => serde_json::from_slice(whole)?,
            pieces => serde_json::from_slice(&pieces.concat())?,
        };
        drop(read);
        let [candidate] = reply.candidates;
        self.say(&candidate.content)
    }
}

/// A body, in one frame.
struct Pieces(Option<Unsent>);

impl Body for Pieces {
    type Data = Unsent;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Unsent>, Infallible>>> {
        Poll::Ready(self.0.take().map(|unsent| Ok(Frame::data(unsent))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |unsent| unsent.left as u64))
    }
}

/// What is not sent yet: the pieces from the `at`th on, without the first bytes, and the end.
struct Unsent {
    pieces: Arc<Vec<Bytes>>,
    at: usize,
    sent: usize,
    left: usize,
}

impl Unsent {
    const END: &[u8] = b"]}";

    fn new(pieces: &Arc<Vec<Bytes>>) -> Self {
        Self {
            pieces: Arc::clone(pieces),
            at: 0,
            sent: 0,
            left: pieces.iter().map(Bytes::len).sum::<usize>() + Self::END.len(),
        }
    }

    fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut sent = self.sent;
        let all = self.pieces.iter().map(|piece| &piece[..]);
        let all = all.chain([Self::END]).skip(self.at);
        all.map(move |piece| &piece[std::mem::take(&mut sent)..])
    }
}

impl Buf for Unsent {
    fn remaining(&self) -> usize {
        self.left
    }

    fn chunk(&self) -> &[u8] {
        self.chunks().next().unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = slices.iter_mut().zip(self.chunks());
        filled
            .map(|(slice, chunk)| *slice = IoSlice::new(chunk))
            .count()
    }

    fn advance(&mut self, mut count: usize) {
        self.left -= count;
        while count > 0 {
            let here = self.chunk().len();
            if count < here {
                self.sent += count;
                return;
            }
            count -= here;
            self.at += 1;
            self.sent = 0;
        }
    }
}
