//! Benchmark of a chunk of a streamed reply: one of the Gemini API, and one translated from the API of OpenAI.
use std::net::SocketAddr;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::StreamExt;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::{Backend, Remote, RequestOptions};
use generativeai_openai::OpenAi;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

const CHUNKS: usize = 10_000;

const GEMINI: &str = r#"{"candidates":[{"content":{"parts":[{"text":"twenty bytes of text"}],"role":"model"},"index":0}],"modelVersion":"gemini-3-flash","responseId":"Rm91bmRlcnMgYXQgd29yaw"}"#;
const OPENAI: &str = r#"{"id":"chatcmpl-7f0e6a","object":"chat.completion.chunk","created":1764400000,"model":"Qwen/Qwen3-4B","choices":[{"index":0,"delta":{"content":"twenty bytes of text"},"logprobs":null,"finish_reason":null}]}"#;

fn streamed_chunks(bench: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut group = bench.benchmark_group("a streamed chunk");
    group.throughput(Throughput::Elements(CHUNKS as u64));
    group.sample_size(20);
    let gemini = start(&runtime, GEMINI);
    let gemini = Remote::builder()
        .base_url(gemini)
        .build()
        .expect("a client");
    group.bench_function("Gemini", |b| b.iter(|| runtime.block_on(count(&gemini))));
    let openai = start(&runtime, OPENAI);
    let openai = OpenAi::builder()
        .base_url(openai)
        .build()
        .expect("a client");
    group.bench_function("OpenAI", |b| b.iter(|| runtime.block_on(count(&openai))));
    group.finish();
}

/// Reads a streamed reply, and checks the number of its chunks.
async fn count(backend: &dyn Backend) {
    let request = GenerateContentRequest::default()
        .model("models/m")
        .contents("Hello");
    let chunks = backend.stream_generate_content(request, RequestOptions::default());
    let chunks = chunks.filter(|chunk| std::future::ready(chunk.is_ok()));
    assert_eq!(chunks.count().await, CHUNKS);
}

/// Starts a server that streams an event many times. Returns its URL.
fn start(runtime: &Runtime, event: &str) -> String {
    let events = format!("data: {event}\n\n").repeat(CHUNKS);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n",
        events.len()
    );
    let response: Arc<str> = (head + &events).into();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
    let listener = listener.expect("a free port");
    let address: SocketAddr = listener.local_addr().expect("an address");
    runtime.spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection, response.clone()));
        }
    });
    format!("http://{address}")
}

/// Responds to each request of a connection.
async fn serve(mut connection: TcpStream, response: Arc<str>) {
    let mut request = [0; 4_096];
    // A request is small and arrives in one piece.
    while connection
        .read(&mut request)
        .await
        .is_ok_and(|read| read > 0)
    {
        if connection.write_all(response.as_bytes()).await.is_err() {
            return;
        }
    }
}

criterion_group!(openai, streamed_chunks);
criterion_main!(openai);
