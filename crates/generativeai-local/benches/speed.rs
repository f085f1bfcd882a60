//! Measures the speed of the embedded model, compared with a bare llama.cpp loop, and in a chat that grows.
//!
//! `README.md` in this directory lists results and options.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::Content;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::{Backend, ChatSession, GenerativeModel, RequestOptions};
use generativeai_local::{Builder, Local, default_model};
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;

/// Size of the context in tokens.
const CONTEXT: u32 = 8_192;
/// Length of the long prompt in tokens.
const PROMPT: usize = 512;
/// Length of the long reply in tokens.
const REPLY: usize = 96;
/// Runs of each measurement; the best one counts.
const RUNS: usize = 2;
/// Message of each turn of the growing chat.
const TURN: &str = "And what happened then, when the ship had left the harbour and the storm came?";

/// A point in time on the wall clock, or with `CLOCK=cpu` in the CPU time of this process.
///
/// With one thread both agree on an idle machine, and CPU time is still meaningful on a busy one.
#[derive(Clone, Copy)]
struct Moment(Duration);

impl Moment {
    fn now() -> Self {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        match std::env::var("CLOCK").as_deref() {
            Ok("cpu") => Self(cpu_time()),
            _ => Self(START.elapsed()),
        }
    }

    fn elapsed(self) -> Duration {
        Self::now().0 - self.0
    }
}

/// Returns the CPU time of all threads of this process.
fn cpu_time() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux");
    // The first column is the CPU time in nanoseconds. `/proc/self/stat` counts in ticks of 10 ms.
    let spent = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

fn main() {
    let threads: i32 = std::env::var("THREADS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(2);
    if std::env::args().any(|argument| argument == "bare") {
        return bare(threads);
    }
    let path = default_model::fetch(|_| {}).expect("the default model");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("tokio");
    if std::env::args().any(|argument| argument == "turns") {
        let builder = Local::builder()
            .context(CONTEXT)
            .threads(threads.unsigned_abs() as usize);
        let turns = runtime.block_on(first_tokens(builder.model(&path), 32));
        for (number, turn) in (1..).zip(turns) {
            println!("{number:3} {turn:?}");
        }
        return;
    }
    runtime.block_on(async {
        let (bare_prefill, bare_decode) = bare_elsewhere();
        println!("bare loop      prefill {bare_prefill:7.1} t/s   decode {bare_decode:7.1} t/s");
        let local = || Local::builder().context(CONTEXT).threads(threads.unsigned_abs() as usize);
        let (prefill, decode) = engine(local().model(&path)).await;
        println!(
            "engine         prefill {prefill:7.1} t/s   decode {decode:7.1} t/s   ratio {:.2} {:.2}",
            prefill / bare_prefill,
            decode / bare_decode
        );
        let four = together(local().model(&path), 4).await;
        println!("four chats     decode {four:7.1} t/s together, {:.2} of one", four / decode);
        for (name, deterministic) in [("with reuse", false), ("without", true)] {
            let builder = local().model(&path).deterministic(deterministic);
            let turns = first_tokens(builder, if deterministic { 8 } else { 32 }).await;
            let at = |turn: usize| turns[turn - 1].took.as_secs_f64() * 1_000.0;
            let describe = |turn: usize| {
                let First { prompt, reused, .. } = turns[turn - 1];
                format!("{turn}: {:4.0} ms ({} new of {prompt})", at(turn), prompt - reused)
            };
            let last = turns.len();
            print!("{name:<14} first token of turn {}, {}", describe(2), describe(8));
            if last > 8 {
                print!(", {}", describe(last));
            }
            println!(", last to turn 2: {:.2}", at(last) / at(2));
        }
    });
}

/// Runs the bare loop in a separate process, because llama.cpp can be initialized once per process.
fn bare_elsewhere() -> (f64, f64) {
    let this = std::env::current_exe().expect("this program");
    let output = Command::new(this)
        .arg("bare")
        .output()
        .expect("the bare loop");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut figures = text.split_whitespace().filter_map(|word| word.parse().ok());
    (
        figures.next().expect("prefill"),
        figures.next().expect("decode"),
    )
}

/// Prints the tokens a second of llama.cpp alone: of a long prompt, and of a greedy reply to a short one.
fn bare(threads: i32) {
    let mut backend = LlamaBackend::init().expect("llama.cpp");
    backend.void_logs();
    let path: PathBuf = default_model::path().expect("the default model");
    let model = LlamaModel::load_from_file(&backend, path, &LlamaModelParams::default());
    let model = model.expect("the default model");
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(CONTEXT))
        .with_n_threads(threads)
        .with_n_threads_batch(threads);
    let mut context = model.new_context(&backend, params).expect("a context");
    let prompt = model.vocab().tokenize(long_text().as_bytes(), false, false);
    let mut batch = LlamaBatch::new(PROMPT, 1);
    let (mut prefill, mut decode) = (0f64, 0f64);
    for _ in 0..RUNS {
        context.clear_kv_cache();
        batch.clear();
        for (at, token) in (0..).zip(&prompt[..PROMPT]) {
            batch
                .add(*token, at, &[0], at as usize + 1 == PROMPT)
                .expect("room");
        }
        let start = Moment::now();
        context.decode(&mut batch).expect("the prompt");
        // `decode` may return before the computation has finished.
        context.synchronize();
        prefill = prefill.max(PROMPT as f64 / start.elapsed().as_secs_f64());
        context.clear_kv_cache();
        batch.clear();
        for (at, token) in (0..).zip(&prompt[..40]) {
            batch.add(*token, at, &[0], at == 39).expect("room");
        }
        context.decode(&mut batch).expect("a prompt");
        let mut place = 39;
        let start = Moment::now();
        for at in 0..REPLY {
            let logits = (0..).zip(context.get_logits_ith(place));
            let best = logits.max_by(|a, b| a.1.total_cmp(b.1)).expect("a token").0;
            batch.clear();
            batch
                .add(LlamaToken::new(best), 40 + at as i32, &[0], true)
                .expect("room");
            context.decode(&mut batch).expect("a token");
            place = 0;
        }
        context.synchronize();
        decode = decode.max(REPLY as f64 / start.elapsed().as_secs_f64());
    }
    println!("{prefill} {decode}");
}

/// Returns a text that is longer than all prompts here.
fn long_text() -> String {
    (0..400)
        .map(|number| format!("{number} ships sailed over the sea. "))
        .collect()
}

/// Returns a config for the most probable reply of a fixed length.
fn config() -> GenerationConfig {
    GenerationConfig::default()
        .temperature(0.0)
        .max_output_tokens(REPLY as i32)
}

fn request(text: &str) -> GenerateContentRequest {
    GenerateContentRequest::default()
        .contents(Content::user(text))
        .generation_config(config())
}

/// Returns the tokens a second of a long prompt, and of a long reply.
async fn engine(builder: Builder) -> (f64, f64) {
    let local = builder.build().expect("the default model");
    let words = long_text();
    let (mut prefill, mut decode) = (0f64, 0f64);
    for run in 0..RUNS {
        // The number makes the prompts differ from the beginning, so that the second one is not cached.
        let text = format!("{run}. {}", &words[..1_800]);
        let mut request = request(&text);
        request
            .generation_config
            .get_or_insert_default()
            .max_output_tokens = Some(1);
        let start = Moment::now();
        let reply = local
            .generate_content(request, RequestOptions::default())
            .await
            .expect("a reply");
        let usage = reply.usage_metadata.expect("usage");
        let read = usage.prompt_token_count.unwrap_or_default()
            - usage.cached_content_token_count.unwrap_or_default();
        prefill = prefill.max(f64::from(read) / start.elapsed().as_secs_f64());
        decode = decode.max(
            pace(
                &local,
                &format!("{run}: tell me a long story about the sea."),
            )
            .await,
        );
    }
    (prefill, decode)
}

/// Returns the tokens a second of a reply, from its first to its last chunk.
async fn pace(local: &Local, text: &str) -> f64 {
    let mut chunks = local.stream_generate_content(request(text), RequestOptions::default());
    let mut first: Option<(Moment, i32)> = None;
    let mut last = (Moment::now(), 0);
    while let Some(chunk) = std::future::poll_fn(|cx| Pin::as_mut(&mut chunks).poll_next(cx)).await
    {
        let usage = chunk.expect("a chunk").usage_metadata.expect("usage");
        last = (
            Moment::now(),
            usage.candidates_token_count.unwrap_or_default(),
        );
        first.get_or_insert(last);
    }
    let first = first.expect("a chunk");
    f64::from(last.1 - first.1) / (last.0.0 - first.0.0).as_secs_f64()
}

/// Returns the tokens a second of several concurrent replies.
async fn together(builder: Builder, chats: usize) -> f64 {
    let local = builder.chats(chats).build().expect("the default model");
    let mut best = 0f64;
    for run in 0..RUNS {
        let replies: Vec<_> = (0..chats)
            .map(|chat| {
                let local = local.clone();
                let text = format!("{run}.{chat}: tell me a long story about the sea.");
                tokio::spawn(async move {
                    let reply = local
                        .generate_content(request(&text), RequestOptions::default())
                        .await;
                    let usage = reply.expect("a reply").usage_metadata.expect("usage");
                    usage.candidates_token_count.unwrap_or_default()
                })
            })
            .collect();
        let start = Moment::now();
        let mut tokens = 0;
        for reply in replies {
            tokens += reply.await.expect("a reply");
        }
        best = best.max(f64::from(tokens) / start.elapsed().as_secs_f64());
    }
    best
}

/// Measurement of the first token of a turn.
#[derive(Clone, Copy, Debug)]
struct First {
    took: Duration,
    /// Number of tokens in the prompt.
    prompt: i32,
    /// Number of prompt tokens that were cached.
    reused: i32,
}

/// Measures the time to the first token of each turn of a growing chat. Each reply has only one token,
/// because CPU time would include the tokens decoded after the first one.
async fn first_tokens(builder: Builder, turns: usize) -> Vec<First> {
    let local = builder.build().expect("the default model");
    let model = GenerativeModel::new("local").backend(local);
    let config = GenerationConfig::default()
        .temperature(0.0)
        .max_output_tokens(1);
    let mut chat: ChatSession = model.generation_config(config).start_chat();
    let mut times = Vec::new();
    for _ in 0..turns {
        let start = Moment::now();
        let reply = chat.send_message(TURN).await.expect("a token");
        let took = start.elapsed();
        let usage = reply.usage_metadata.expect("usage");
        times.push(First {
            took,
            prompt: usage.prompt_token_count.unwrap_or_default(),
            reused: usage.cached_content_token_count.unwrap_or_default(),
        });
    }
    times
}
