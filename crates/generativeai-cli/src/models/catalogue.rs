//! The models that can be had by name.

/// A model that can be had by name from the Hugging Face hub.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What it is called here.
    pub(crate) name: &'static str,
    /// The repository on the hub.
    pub(crate) repo: &'static str,
    /// The file in the repository, and here.
    pub(crate) file: &'static str,
    /// About how large it is, in megabytes; the hub tells the bytes.
    pub(crate) megabytes: u64,
    /// Its licence, by its SPDX name.
    pub(crate) licence: &'static str,
}

/// The models, smallest first: each an instruct model in one file, from those who made it, free to use,
/// and served without an account.
pub(crate) const CATALOGUE: [Entry; 8] = [
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

/// The model of that name.
pub(crate) fn entry(name: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_and_each_file_stands_for_one_model() {
        let mut names: Vec<_> = CATALOGUE.iter().map(|entry| entry.name).collect();
        let mut files: Vec<_> = CATALOGUE.iter().map(|entry| entry.file).collect();
        for list in [&mut names, &mut files] {
            list.sort_unstable();
            list.dedup();
            assert_eq!(list.len(), CATALOGUE.len());
        }
    }

    #[test]
    fn a_name_is_no_path_and_no_model_of_the_service() {
        for entry in &CATALOGUE {
            assert!(!entry.name.contains(['/', '\\', ' ']), "{entry:?}");
            assert!(!entry.name.starts_with("gemini"), "{entry:?}");
            assert!(entry.file.ends_with(".gguf"), "{entry:?}");
        }
    }
}
