//! Servers on loopback that send prepared responses: [`Server`] in pieces of any size, [`raw`] with any end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use generativeai::{ChatSession, Function, GenerativeModel, RequestOptions, Retry};
use generativeai_openai::OpenAi;
use generativeai_test_support::tls::listen;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// API key of the clients. It must appear in no error and no `Debug` output.
pub(crate) const CANARY: &str = "canary-51b0c9";

/// A response, and the way in which it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
    /// Size of the pieces in which the body is sent.
    pub(crate) piece: usize,
    pub(crate) end: End,
}

/// End of the connection after the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The body is complete, and the connection serves the next request.
    Clean,
    /// The connection is closed before the body has its announced length.
    Cut,
    /// The connection stays open, and the rest of the body never arrives.
    Silence,
}

impl Answer {
    pub(crate) fn json(body: impl ToString) -> Self {
        Self::new(200, "content-type: application/json\r\n", body.to_string())
    }

    pub(crate) fn error(status: u16, body: impl ToString) -> Self {
        Self::new(
            status,
            "content-type: application/json\r\n",
            body.to_string(),
        )
    }

    pub(crate) fn stream(body: impl ToString) -> Self {
        Self::new(200, "content-type: text/event-stream\r\n", body.to_string())
    }

    fn new(status: u16, headers: &str, body: String) -> Self {
        let headers = headers.to_owned();
        Self {
            status,
            headers,
            body,
            piece: usize::MAX,
            end: End::Clean,
        }
    }
}

/// A server and the requests that it received.
pub(crate) struct Server {
    pub(crate) url: String,
    /// Request lines and bodies.
    pub(crate) received: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Server {
    /// Starts a server. `answer` gets the number and the body of each request and returns its response.
    pub(crate) async fn start(
        answer: impl Fn(usize, &Value) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (received.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (log, answer) = (log.clone(), answer.clone());
                tokio::spawn(async move { serve(connection, &log, &*answer).await });
            }
        });
        Self { url, received }
    }

    /// Starts a server that sends the answers in order, and repeats the last one.
    pub(crate) async fn play(answers: Vec<Answer>) -> Self {
        Self::start(move |at, _| answers[at.min(answers.len() - 1)].clone()).await
    }

    /// Returns a client without waits between its attempts.
    pub(crate) fn client(&self) -> OpenAi {
        let retry = Retry::default().initial(Duration::ZERO);
        OpenAi::builder()
            .base_url(&self.url)
            .api_key(CANARY)
            .request_options(RequestOptions::default().retry(retry))
            .build()
            .unwrap()
    }

    pub(crate) fn model(&self) -> GenerativeModel {
        GenerativeModel::new("m").backend(self.client())
    }

    /// Returns a chat that runs a function when the model calls it.
    pub(crate) fn calling_chat(&self, function: Function) -> ChatSession {
        let model = self.model().tools(function);
        model.start_chat().automatic_function_calling(true)
    }

    pub(crate) fn requests(&self) -> Vec<(String, Value)> {
        self.received.lock().unwrap().clone()
    }
}

async fn serve(
    connection: TcpStream,
    log: &Mutex<Vec<(String, Value)>>,
    answer: &(dyn Fn(usize, &Value) -> Answer + Send + Sync),
) -> Option<()> {
    let mut connection = BufReader::new(connection);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if connection.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        assert!(
            head.contains(&format!("authorization: Bearer {CANARY}\r\n")),
            "{head}"
        );
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        connection.read_exact(&mut body).await.ok()?;
        let body = serde_json::from_slice(&body).unwrap_or(json!(null));
        let line = head.lines().next().unwrap().to_owned();
        let at = {
            let mut log = log.lock().unwrap();
            log.push((line, body.clone()));
            log.len() - 1
        };
        send(&mut connection, &answer(at, &body)).await?;
    }
}

async fn send(connection: &mut BufReader<TcpStream>, answer: &Answer) -> Option<()> {
    let Answer {
        status,
        headers,
        body,
        piece,
        end,
    } = answer;
    // Nagle's algorithm would join the small pieces, and the client would not read them one by one.
    connection.get_ref().set_nodelay(true).ok()?;
    // One byte more than is sent, so that the client still waits for the rest.
    let length = body.len() + usize::from(*end != End::Clean);
    let head = format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {length}\r\n\r\n");
    connection.write_all(head.as_bytes()).await.ok()?;
    for piece in body.as_bytes().chunks(*piece) {
        connection.write_all(piece).await.ok()?;
        connection.flush().await.ok()?;
        tokio::task::yield_now().await;
    }
    match end {
        End::Clean => Some(()),
        End::Cut => None,
        End::Silence => std::future::pending().await,
    }
}

/// Returns a completion with this text.
pub(crate) fn completion(text: &str) -> Value {
    json!({"id": "c", "model": "m-1", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"},
    ], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}})
}

/// Returns an event with a delta and a finish reason.
pub(crate) fn event(delta: Value, finish: Option<&str>) -> String {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
    format!(
        "data: {}\n\n",
        json!({"id": "c", "model": "m-1", "choices": [choice]})
    )
}

/// Returns a stream with this text in two chunks, the finish reason, the usage and the end marker.
pub(crate) fn stream(text: &str) -> String {
    let (one, two) = text.split_at(text.len() / 2);
    let end = event(json!({}), Some("stop"));
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}});
    let one = event(json!({"role": "assistant", "content": one}), None);
    let two = event(json!({"content": two}), None);
    format!("{one}{two}{end}data: {usage}\n\ndata: [DONE]\n\n")
}

/// End of a connection of [`raw`].
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    Closed,
    Reset,
    /// A reset once the test has read the bytes before it.
    ResetOnce(Arc<Notify>),
    Silent,
    /// A byte of a comment every ten seconds.
    Trickling,
}

/// Starts a server that sends the n-th response on the n-th connection after its request, and repeats the last one.
/// Returns the base URL and the number of connections.
pub(crate) async fn raw(responses: Vec<(String, Ending)>) -> (String, Arc<AtomicUsize>) {
    let (listener, address) = listen().await;
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let at = count.fetch_add(1, Ordering::Relaxed);
            let (bytes, ending) = responses[at.min(responses.len() - 1)].clone();
            tokio::spawn(respond(connection, bytes, ending));
        }
    });
    (format!("http://{address}/v1"), connections)
}

async fn respond(mut connection: TcpStream, bytes: String, ending: Ending) {
    let mut request = Vec::new();
    // Reads the whole request, whose last byte closes a JSON object: a socket that is closed with unread data sends a
    // reset, also where the test wants a clean end.
    while !request.ends_with(b"}") {
        let mut piece = [0; 4096];
        let Ok(1..) = connection
            .read(&mut piece)
            .await
            .inspect(|read| request.extend(&piece[..*read]))
        else {
            return;
        };
    }
    // The client may be gone already.
    let _ = connection.write_all(bytes.as_bytes()).await;
    match ending {
        Ending::Closed => {}
        Ending::Reset => reset(&connection),
        Ending::ResetOnce(is_read) => {
            is_read.notified().await;
            reset(&connection);
        }
        Ending::Silent => std::future::pending().await,
        Ending::Trickling => loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            if connection.write_all(b":").await.is_err() {
                return;
            }
        },
    }
}

/// Makes a connection end with a TCP reset when it is dropped. With a linger time of zero the kernel discards unsent
/// data, and sends RST instead of FIN.
fn reset(connection: &TcpStream) {
    let socket = socket2::SockRef::from(connection);
    socket.set_linger(Some(Duration::ZERO)).expect("a socket");
}
