//! Tiny GGUF files with random weights and a vocabulary of bytes, in several architectures.
//!
//! A token is a byte, so the tests know the number of tokens of any text. [`gguf.md`] describes the format.
//!
//! [`gguf.md`]: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

use std::path::{Path, PathBuf};

const WIDTH: u64 = 64;
const HEADS: u32 = 2;
const INNER: u64 = 96;
const LAYERS: u32 = 2;
/// Sizes of the recurrent state, for the architecture that has one.
const KERNEL: u64 = 4;
const STATE: u64 = 8;
const RANK: u64 = 4;
/// Alignment of the weights in a file, the default of the format.
const ALIGNMENT: usize = 32;

/// Chat template with a system role.
pub(crate) const WITH_SYSTEM: &str = "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}\n{% endfor %}\
     {% if add_generation_prompt %}[assistant]{% endif %}";
/// Chat template that rejects a system role.
pub(crate) const WITHOUT_SYSTEM: &str = "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}\
     {{ raise_exception('no system role') }}{% endif %}({{ m.role }}){{ m.content | trim }};{% endfor %}";

/// A model file.
pub(crate) struct Tiny {
    pub(crate) architecture: &'static str,
    pub(crate) template: Option<&'static str>,
    /// Further entries with the prefix of the architecture: name, type and value.
    pub(crate) more: &'static [(&'static str, u32, &'static [u8])],
}

impl Default for Tiny {
    fn default() -> Self {
        Self {
            architecture: "qwen2",
            template: Some(WITH_SYSTEM),
            more: &[],
        }
    }
}

impl Tiny {
    /// Writes the file to the temporary directory, and returns its path.
    pub(crate) fn write(&self, name: &str) -> PathBuf {
        file(&format!("{name}.gguf"), &self.bytes())
    }

    /// Returns the content of the file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (entries, count) = self.entries();
        let tensors = tensors(self.architecture);
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3u32.to_le_bytes());
        bytes.extend((tensors.len() as u64).to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(entries);
        let mut offset = 0u64;
        for (name, shape) in &tensors {
            bytes.extend(text(name));
            bytes.extend((shape.len() as u32).to_le_bytes());
            shape
                .iter()
                .for_each(|size| bytes.extend(size.to_le_bytes()));
            bytes.extend(0u32.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            offset += (shape.iter().product::<u64>() * 4).next_multiple_of(ALIGNMENT as u64);
        }
        pad(&mut bytes);
        // A linear congruential generator that always starts with 1, so that the files of all runs are equal.
        let mut random = 1u64;
        for (name, shape) in &tensors {
            for _ in 0..shape.iter().product::<u64>() {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let weight = (random >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
                let weight = match name {
                    _ if name.contains("norm") => 1.0,
                    // Negative, so that the recurrent state decays.
                    _ if name.ends_with("ssm_a") => weight - 1.5,
                    _ => weight * 0.3,
                };
                bytes.extend(weight.to_le_bytes());
            }
            pad(&mut bytes);
        }
        bytes
    }

    fn entries(&self) -> (Vec<u8>, u64) {
        let mut entries = Entries::default();
        let named = |name: &str| format!("{}.{name}", self.architecture);
        entries.add("general.architecture", 8, text(self.architecture));
        for (name, value) in [
            ("context_length", 1_024),
            ("embedding_length", WIDTH as u32),
            ("block_count", LAYERS),
            ("feed_forward_length", INNER as u32),
            ("attention.head_count", HEADS),
            ("attention.head_count_kv", HEADS),
            ("ssm.conv_kernel", KERNEL as u32),
            ("ssm.inner_size", 2 * WIDTH as u32),
            ("ssm.state_size", STATE as u32),
            ("ssm.time_step_rank", RANK as u32),
        ] {
            entries.add(&named(name), 4, value.to_le_bytes());
        }
        entries.add(
            &named("attention.layer_norm_rms_epsilon"),
            6,
            1e-5f32.to_le_bytes(),
        );
        let words = words();
        entries.add("tokenizer.ggml.model", 8, text("llama"));
        entries.add("tokenizer.ggml.add_space_prefix", 7, [0]);
        entries.list(
            "tokenizer.ggml.tokens",
            8,
            words.iter().map(|(word, _)| text(word)),
        );
        entries.list(
            "tokenizer.ggml.scores",
            6,
            words.iter().map(|_| 0f32.to_le_bytes()),
        );
        entries.list(
            "tokenizer.ggml.token_type",
            5,
            words.iter().map(|(_, kind)| kind.to_le_bytes()),
        );
        entries.add("tokenizer.ggml.bos_token_id", 4, 1u32.to_le_bytes());
        entries.add("tokenizer.ggml.eos_token_id", 4, 2u32.to_le_bytes());
        for (name, kind, value) in self.more {
            entries.add(&named(name), *kind, value);
        }
        if let Some(template) = self.template {
            entries.add("tokenizer.chat_template", 8, text(template));
        }
        (entries.bytes, entries.count)
    }
}

/// Metadata entries of a file.
#[derive(Default)]
struct Entries {
    bytes: Vec<u8>,
    count: u64,
}

impl Entries {
    /// Adds an entry. `kind` is a type of the format: 4 is `u32`, 5 is `i32`, 6 is `f32`, 7 is `bool`, 8 is a string.
    fn add(&mut self, name: &str, kind: u32, value: impl AsRef<[u8]>) {
        self.bytes.extend(text(name));
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend(value.as_ref());
        self.count += 1;
    }

    /// Adds an entry of the type array (9) with elements of one kind.
    fn list<V: AsRef<[u8]>>(
        &mut self,
        name: &str,
        kind: u32,
        values: impl ExactSizeIterator<Item = V>,
    ) {
        let mut list = kind.to_le_bytes().to_vec();
        list.extend((values.len() as u64).to_le_bytes());
        values.for_each(|value| list.extend(value.as_ref()));
        self.add(name, 9, list);
    }
}

/// Returns a string of the format: its length and its bytes.
fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
}

/// Returns the vocabulary: three special tokens, then every byte. The number is the type of a token in llama.cpp: 2 is
/// unknown, 3 is control, 6 is a byte.
fn words() -> Vec<(String, i32)> {
    let special =
        [("<unk>", 2), ("<s>", 3), ("</s>", 3)].map(|(word, kind)| (word.to_owned(), kind));
    special
        .into_iter()
        .chain((0..=255).map(|byte: u8| (format!("<0x{byte:02X}>"), 6)))
        .collect()
}

/// Returns the names and shapes of the weights of `mamba`, which is recurrent, `qwen2`, which has
/// biases, or `llama`.
fn tensors(architecture: &str) -> Vec<(String, Vec<u64>)> {
    let vocabulary = words().len() as u64;
    let mut tensors = vec![
        ("token_embd.weight".to_owned(), vec![WIDTH, vocabulary]),
        ("output_norm.weight".to_owned(), vec![WIDTH]),
        ("output.weight".to_owned(), vec![WIDTH, vocabulary]),
    ];
    let mut layer = match architecture {
        "mamba" => state_layer(),
        _ => attention_layer(),
    };
    layer.retain(|(name, _)| {
        architecture == "qwen2" || !name.ends_with("bias") || name.contains("ssm")
    });
    for number in 0..LAYERS {
        let named =
            |(name, shape): &(&str, Vec<u64>)| (format!("blk.{number}.{name}"), shape.clone());
        tensors.extend(layer.iter().map(named));
    }
    tensors
}

/// Returns the weights of a layer with attention.
fn attention_layer() -> Vec<(&'static str, Vec<u64>)> {
    vec![
        ("attn_norm.weight", vec![WIDTH]),
        ("attn_q.weight", vec![WIDTH, WIDTH]),
        ("attn_q.bias", vec![WIDTH]),
        ("attn_k.weight", vec![WIDTH, WIDTH]),
        ("attn_k.bias", vec![WIDTH]),
        ("attn_v.weight", vec![WIDTH, WIDTH]),
        ("attn_v.bias", vec![WIDTH]),
        ("attn_output.weight", vec![WIDTH, WIDTH]),
        ("ffn_norm.weight", vec![WIDTH]),
        ("ffn_gate.weight", vec![WIDTH, INNER]),
        ("ffn_up.weight", vec![WIDTH, INNER]),
        ("ffn_down.weight", vec![INNER, WIDTH]),
    ]
}

/// Returns the weights of a layer with a recurrent state.
fn state_layer() -> Vec<(&'static str, Vec<u64>)> {
    let inner = 2 * WIDTH;
    vec![
        ("attn_norm.weight", vec![WIDTH]),
        ("ssm_in.weight", vec![WIDTH, 2 * inner]),
        ("ssm_conv1d.weight", vec![KERNEL, inner]),
        ("ssm_conv1d.bias", vec![inner]),
        ("ssm_x.weight", vec![inner, RANK + 2 * STATE]),
        ("ssm_dt.weight", vec![RANK, inner]),
        ("ssm_dt.bias", vec![inner]),
        ("ssm_a", vec![STATE, inner]),
        ("ssm_d", vec![inner]),
        ("ssm_out.weight", vec![inner, WIDTH]),
    ]
}

/// Writes a file to the temporary directory, and returns its path.
pub(crate) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("generativeai-{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).expect("written");
    path
}

/// Removes a file. A loaded model can still read it, because Unix keeps the data of a file that is mapped into memory.
pub(crate) fn remove(path: &Path) {
    std::fs::remove_file(path).expect("the file");
}
