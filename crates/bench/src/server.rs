//! The server: skips request bodies, and sends responses prepared in advance. It shares the machine with the measured
//! client, so it does as little work as possible.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::outcome::{Outcome, print};
use crate::wire::{self, Answer};

/// Wait before each chunk of a paced response.
const PACE: Duration = Duration::from_millis(5);

/// Prepared responses by model.
#[derive(Clone, Default)]
struct Responses(Arc<Mutex<HashMap<String, Arc<Prepared>>>>);

/// A response and its bytes.
struct Prepared {
    answer: Answer,
    bytes: Vec<u8>,
}

impl Responses {
    fn of(&self, model: &str) -> Arc<Prepared> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = known.get(model) {
            return prepared.clone();
        }
        let answer = Answer::of(model);
        let bytes = answer.bytes();
        let prepared = Arc::new(Prepared { answer, bytes });
        known.insert(model.to_owned(), prepared.clone());
        prepared
    }
}

/// Prints the address, and serves until it is killed.
pub(crate) async fn run() -> Outcome {
    let socket = TcpSocket::new_v4()?;
    socket.bind("127.0.0.1:0".parse()?)?;
    // Long enough for 1,000 chats that connect at once.
    let listener = socket.listen(4_096)?;
    print(format_args!("http://{}", listener.local_addr()?));
    let responses = Responses::default();
    loop {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        let responses = responses.clone();
        tokio::spawn(async move {
            // An error means that the client has closed the connection.
            let _ = serve(connection, &responses).await;
        });
    }
}

/// Reads the requests of a connection and responds to each. Headers are read, the bytes of bodies are only counted.
async fn serve(mut connection: TcpStream, responses: &Responses) -> Outcome {
    let mut buffer = vec![0; 64 << 10];
    let mut filled = 0;
    loop {
        let head = loop {
            let end = buffer[..filled]
                .windows(4)
                .position(|bytes| bytes == b"\r\n\r\n");
            if let Some(end) = end {
                break end + 4;
            }
            match connection.read(&mut buffer[filled..]).await? {
                0 => return Ok(()),
                more => filled += more,
            }
        };
        let request = std::str::from_utf8(&buffer[..head])?.to_ascii_lowercase();
        let mut left = length(&request)?;
        let here = left.min(filled - head);
        buffer.copy_within(head + here..filled, 0);
        filled -= head + here;
        left -= here;
        while left > 0 {
            let room = left.min(buffer.len() - filled);
            match connection.read(&mut buffer[filled..filled + room]).await? {
                0 => return Ok(()),
                more => left -= more,
            }
        }
        respond(&mut connection, &responses.of(model(&request))).await?;
    }
}

async fn respond(connection: &mut TcpStream, prepared: &Prepared) -> Outcome {
    connection.write_all(&prepared.bytes).await?;
    if let Answer::Paced(count) = prepared.answer {
        for at in 1..=count {
            tokio::time::sleep(PACE).await;
            connection
                .write_all(&wire::timed_chunk(at == count))
                .await?;
        }
        connection.write_all(wire::LAST_CHUNK).await?;
    }
    Ok(())
}

fn length(request: &str) -> Outcome<usize> {
    let header = request
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    Ok(header
        .ok_or("the request has no content length")?
        .trim()
        .parse()?)
}

/// Returns the model in `post /v1beta/models/m:generatecontent http/1.1`.
fn model(request: &str) -> &str {
    let path = request.split("models/").nth(1).unwrap_or_default();
    path.split(':').next().unwrap_or_default()
}
