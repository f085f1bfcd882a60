//! Benchmarks of single steps of a turn: decoding, parsing and merging chunks, and serializing the next request.
use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use generativeai::protocol::content::Content;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
use generativeai::{Backend, BoxFuture, GenerativeModel, RequestOptions, Result};

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

/// Decodes a body that arrives in chunks of 16 KiB, and counts its events.
fn decode(body: &Bytes) -> usize {
    let mut count = 0;
    generativeai::__internals::decode(body, 16 << 10, |event| {
        black_box(event);
        count += 1;
    });
    count
}

fn parsing(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("parsing");
    group.throughput(Throughput::Bytes(CHUNK.len() as u64));
    group.bench_function("a chunk", |b| b.iter(|| chunk(black_box(CHUNK))));
    group.bench_function("a chunk with serde", |b| {
        b.iter(|| serde_json::from_str::<GenerateContentResponse>(black_box(CHUNK)))
    });
    group.finish();
}

fn chunk(json: &str) -> GenerateContentResponse {
    generativeai::protocol::read_json(json.as_bytes()).expect("a chunk")
}

fn merging(bench: &mut Criterion) {
    let chunk = chunk(CHUNK);
    bench.bench_function("merging 1,000 chunks", |b| {
        b.iter(|| {
            let mut reply = GenerateContentResponse::default();
            (0..1_000).for_each(|_| reply.merge_chunk(&chunk));
            reply
        });
    });
}

/// Backend that replies at once, so that only the work of the chat is measured. A reply has this number of hops before
/// its last one: requests that continue a reply with a continuation token.
#[derive(Debug)]
struct Immediate {
    hops: usize,
}

impl Backend for Immediate {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let token = request.continuation_token.as_deref();
        let hop: usize = token.map_or(0, |token| token.parse().expect("a token of this backend"));
        let mut reply = GenerateContentResponse::from(Content::model("Hello!"));
        if hop < self.hops {
            reply.candidates[0].finish_reason = Some(FinishReason::Continuation);
            reply.candidates[0].continuation_token = Some((hop + 1).to_string());
        }
        Box::pin(std::future::ready(Ok(reply)))
    }
}

fn requests(bench: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let text = "x".repeat(1_000);
    // The cost of a hop is a tenth of the difference.
    for (name, hops) in [
        ("a turn without a network", 0),
        ("a turn with ten more hops, without a network", 10),
    ] {
        let mut group = bench.benchmark_group(name);
        for messages in [0, 200, 2_000] {
            let roles = [Content::user, Content::model];
            let history = (0..messages).map(|at| roles[at % 2](text.as_str()));
            let model = GenerativeModel::new("m").backend(Immediate { hops });
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
    }
    let request = GenerateContentRequest::default().contents(text.as_str());
    bench.bench_function("serializing a request of 1 KB", |b| {
        b.iter(|| serde_json::to_vec(black_box(&request)));
    });
}

criterion_group!(steps, decoding, parsing, merging, requests);
criterion_main!(steps);
