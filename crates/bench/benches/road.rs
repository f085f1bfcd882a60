//! The road of a reply step by step: bytes, events, chunks, the whole, and the next request.
#![allow(
    dead_code,
    unused_imports,
    reason = "of the decoder neither all it can do nor its tests are used here"
)]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use generativeai::protocol::content::Content;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{Backend, BoxFuture, GenerativeModel, RequestOptions, Result};

// The decoder is private, and knows nothing but bytes: so it can stand here as well.
#[path = "../../generativeai/src/remote/extent.rs"]
mod extent;
#[path = "../../generativeai/src/remote/gather.rs"]
mod gather;
#[path = "../../generativeai/src/remote/sse.rs"]
mod sse;

const CHUNK: &str = r#"{"candidates":[{"content":{"parts":[{"text":"twenty bytes of text"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":20,"totalTokenCount":30,"promptTokensDetails":[{"modality":"TEXT","tokenCount":10}]},"modelVersion":"gemini-3-flash","responseId":"Rm91bmRlcnMgYXQgd29yaw"}"#;

fn decoding(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("decoding");
    let small = format!("data: {CHUNK}\r\n\r\n").repeat(1_000);
    let big = format!("data: {}\r\n\r\n", "QUJD".repeat(500_000));
    for (name, body) in [("1,000 chunks", small), ("2 MB in one event", big)] {
        let body = Bytes::from(body);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |b| b.iter(|| decode(&body)));
    }
    group.finish();
}

/// Reads a body that comes in pieces of 16 KiB, and counts its events.
fn decode(body: &Bytes) -> usize {
    let mut events = sse::Decoder::new(64 << 20);
    let mut count = 0;
    for at in (0..body.len()).step_by(16 << 10) {
        events.push(body.slice(at..body.len().min(at + (16 << 10))));
        while let Ok(Some(event)) = events.next() {
            black_box(event);
            count += 1;
        }
    }
    count
}

fn parsing(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("parsing");
    group.throughput(Throughput::Bytes(CHUNK.len() as u64));
    group.bench_function("a chunk", |b| b.iter(|| chunk(black_box(CHUNK))));
    group.finish();
}

fn chunk(json: &str) -> GenerateContentResponse {
    serde_json::from_str(json).expect("a chunk")
}

fn joining(bench: &mut Criterion) {
    let chunk = chunk(CHUNK);
    bench.bench_function("joining 1,000 chunks", |b| {
        b.iter(|| {
            let mut reply = GenerateContentResponse::default();
            (0..1_000).for_each(|_| reply.merge_chunk(&chunk));
            reply
        });
    });
}

/// Answers at once, so that what is left is the chat's own work.
#[derive(Debug)]
struct AtOnce;

impl Backend for AtOnce {
    fn generate_content(
        &self,
        _: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let reply = Content::model("Hello!").into();
        Box::pin(std::future::ready(Ok(reply)))
    }
}

fn requests(bench: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let text = "x".repeat(1_000);
    let mut group = bench.benchmark_group("a turn without a network");
    for messages in [0, 200, 2_000] {
        let speakers = [Content::user, Content::model];
        let history = (0..messages).map(|at| speakers[at % 2](text.as_str()));
        let model = GenerativeModel::new("m").backend(AtOnce);
        let mut chat = model.start_chat().with_history(history);
        group.bench_function(BenchmarkId::from_parameter(messages), |b| {
            b.iter(|| {
                let reply = runtime.block_on(chat.send_message(text.as_str()).into_future());
                chat.rewind();
                reply.expect("a reply")
            });
        });
    }
    group.finish();
    let request = GenerateContentRequest::default().contents(text.as_str());
    bench.bench_function("writing a request of 1 KB", |b| {
        b.iter(|| serde_json::to_vec(black_box(&request)));
    });
}

criterion_group!(road, decoding, parsing, joining, requests);
criterion_main!(road);
