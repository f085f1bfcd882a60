//! Counts how many of twenty simple questions (`questions.tsv`) a model answers correctly.
//!
//! ```text
//! cargo bench -p generativeai-local --bench questions                       the default model
//! cargo bench -p generativeai-local --bench questions -- FILE.gguf          another one
//! cargo bench -p generativeai-local --bench questions -- FILE.gguf 0.7 0.8 20
//! ```
//!
//! The numbers are `temperature`, `topP` and `topK` of the sampled replies.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use generativeai::GenerativeModel;
use generativeai::protocol::config::GenerationConfig;
use generativeai_local::{Local, default_model};

/// Questions, each with its accepted answers.
const QUESTIONS: &str = include_str!("questions.tsv");
/// Seeds of the sampled replies. The score varies with the seed.
const SEEDS: [i32; 5] = [1, 2, 3, 4, 5];
/// Maximum length of a reply in tokens.
const MAX_TOKENS: i32 = 96;

fn main() {
    let arguments: Vec<_> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let path = match arguments.first() {
        Some(path) => path.into(),
        None => default_model::fetch(|_| {}).expect("the default model"),
    };
    let number = |at: usize| -> Option<f64> { arguments.get(at)?.parse().ok() };
    let mut sampling = GenerationConfig::default();
    sampling.temperature = number(1);
    sampling.top_p = number(2);
    sampling.top_k = number(3).map(|top_k| top_k as i32);
    let local = Local::builder()
        .model(path)
        .context(2_048)
        .sampling(&sampling);
    let local = local.build().expect("a model");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");

    let greedy = GenerationConfig::default().temperature(0.0);
    let (greedy, wrong) = runtime.block_on(score(&local, greedy));
    println!(
        "{}: {greedy} of {} greedily",
        local.name(),
        QUESTIONS.lines().count()
    );
    for (question, reply) in wrong {
        println!("  {question}\n    {}", reply.replace('\n', "\n    "));
    }
    let scores = SEEDS.map(|seed| {
        let config = GenerationConfig::default().seed(seed);
        runtime.block_on(score(&local, config)).0
    });
    println!(
        "{}: {scores:?} with its sampling and seeds {SEEDS:?}",
        local.name()
    );
}

/// Returns the number of correct replies, and the questions with wrong ones.
async fn score(local: &Local, config: GenerationConfig) -> (usize, Vec<(&'static str, String)>) {
    let model = GenerativeModel::new("local")
        .backend(local.clone())
        .generation_config(config.max_output_tokens(MAX_TOKENS));
    let mut wrong = Vec::new();
    for line in QUESTIONS.lines() {
        let (question, answers) = line.split_once('\t').expect("a question and its answers");
        let reply = model.generate_content(question).await.expect("a reply");
        let reply = reply.text_lossy();
        if !is_correct(&reply, answers) {
            wrong.push((question, reply));
        }
    }
    (QUESTIONS.lines().count() - wrong.len(), wrong)
}

/// Returns whether a reply contains one of the answers as whole words. `answers` are separated by `|`.
fn is_correct(reply: &str, answers: &str) -> bool {
    // One question asks for a chemical formula.
    let reply = reply.to_lowercase().replace('₂', "2");
    let words: Vec<_> = reply
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let reply = format!(" {} ", words.join(" "));
    answers
        .split('|')
        .any(|answer| reply.contains(&format!(" {answer} ")))
}
