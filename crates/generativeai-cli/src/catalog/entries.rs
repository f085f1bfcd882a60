//! The known models.

/// The name of the embedded model.
pub(crate) const LOCAL: &str = "local";
/// Size of the embedded model, in megabytes.
pub(crate) const LOCAL_MEGABYTES: u64 = 98;

/// A model that can be downloaded by name from the Hugging Face hub.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name in this program.
    pub(crate) name: &'static str,
    /// Its repository on the hub.
    pub(crate) repo: &'static str,
    /// Name of its file, in the repository and in the cache.
    pub(crate) file: &'static str,
    /// Approximate size in megabytes. The hub reports the exact size.
    pub(crate) megabytes: u64,
    /// SPDX identifier of its licence.
    pub(crate) licence: &'static str,
}

/// The known models, smallest first. Each is an instruct model in a single file, published by its makers
/// under a free licence, and can be downloaded without an account.
pub(crate) const CATALOG: [Entry; 8] = [
    Entry {
        name: "smollm2-360m",
        repo: "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF",
        file: "smollm2-360m-instruct-q8_0.gguf",
        megabytes: 386,
        licence: "Apache-2.0",
    },
    Entry {
        name: "qwen2.5-0.5b",
        repo: "Qwen/Qwen2.5-0.5B-Instruct-GGUF",
        file: "qwen2.5-0.5b-instruct-q4_k_m.gguf",
        megabytes: 491,
        licence: "Apache-2.0",
    },
    Entry {
        name: "qwen3-0.6b",
        repo: "Qwen/Qwen3-0.6B-GGUF",
        file: "Qwen3-0.6B-Q8_0.gguf",
        megabytes: 639,
        licence: "Apache-2.0",
    },
    Entry {
        name: "smollm2-1.7b",
        repo: "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF",
        file: "smollm2-1.7b-instruct-q4_k_m.gguf",
        megabytes: 1_056,
        licence: "Apache-2.0",
    },
    Entry {
        name: "qwen2.5-1.5b",
        repo: "Qwen/Qwen2.5-1.5B-Instruct-GGUF",
        file: "qwen2.5-1.5b-instruct-q4_k_m.gguf",
        megabytes: 1_117,
        licence: "Apache-2.0",
    },
    Entry {
        name: "qwen3-1.7b",
        repo: "Qwen/Qwen3-1.7B-GGUF",
        file: "Qwen3-1.7B-Q8_0.gguf",
        megabytes: 1_834,
        licence: "Apache-2.0",
    },
    Entry {
        name: "qwen3-4b",
        repo: "Qwen/Qwen3-4B-GGUF",
        file: "Qwen3-4B-Q4_K_M.gguf",
        megabytes: 2_497,
        licence: "Apache-2.0",
    },
    Entry {
        name: "qwen3-8b",
        repo: "Qwen/Qwen3-8B-GGUF",
        file: "Qwen3-8B-Q4_K_M.gguf",
        megabytes: 5_028,
        licence: "Apache-2.0",
    },
];

/// Finds a model by its name.
pub(crate) fn entry(name: &str) -> Option<&'static Entry> {
    CATALOG.iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_files_are_unique() {
        let mut names: Vec<_> = CATALOG.iter().map(|entry| entry.name).collect();
        let mut files: Vec<_> = CATALOG.iter().map(|entry| entry.file).collect();
        for list in [&mut names, &mut files] {
            list.sort_unstable();
            list.dedup();
            assert_eq!(list.len(), CATALOG.len());
        }
    }

    #[test]
    fn no_name_looks_like_a_path_or_a_gemini_model() {
        for entry in &CATALOG {
            assert!(!entry.name.contains(['/', '\\', ' ']), "{entry:?}");
            assert!(!entry.name.starts_with("gemini"), "{entry:?}");
            assert!(entry.file.ends_with(".gguf"), "{entry:?}");
        }
    }
}
