//! Options of a model that runs on this computer.

use clap::Args;
use generativeai_local::{Builder, Local};

/// Options of a model that runs on this computer. They do not affect models of the Gemini API.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Embedded models")]
pub(crate) struct EngineOptions {
    /// Maximum number of compute threads; by default the number of physical cores. Busy cores are left to other
    /// programs
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    /// Size of the context in tokens: prompt and reply together
    ///
    /// By default the size that the model was trained with, at most 32,768 and what a quarter of the free memory holds.
    /// It is rounded up to a multiple of 256.
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(256..))]
    context: Option<u32>,

    /// Always give the same reply to the same request (slower)
    #[arg(long)]
    deterministic: bool,

    /// Reject settings that the model cannot follow, such as safety settings, instead of ignoring them.
    /// Members that the API does not have are always ignored
    #[arg(long)]
    strict: bool,
}

impl EngineOptions {
    /// Makes replies to equal requests equal.
    pub(crate) fn make_deterministic(&mut self) {
        self.deterministic = true;
    }

    /// Returns a builder with these options.
    pub(crate) fn builder(&self) -> Builder {
        // Each field is named here and below, so that a new option cannot be forgotten.
        let Self {
            threads,
            context,
            deterministic,
            strict,
        } = *self;
        let mut builder = Local::builder().deterministic(deterministic).strict(strict);
        if let Some(threads) = threads {
            builder = builder.threads(threads.into());
        }
        if let Some(context) = context {
            builder = builder.context(context);
        }
        builder
    }

    /// Returns the options as arguments for the child process of `genai serve`.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let Self {
            threads,
            context,
            deterministic,
            strict,
        } = *self;
        let mut arguments = Vec::new();
        let values = [
            ("--threads", threads.map(u32::from)),
            ("--context", context),
        ];
        for (name, value) in values {
            if let Some(value) = value {
                arguments.extend([name.to_owned(), value.to_string()]);
            }
        }
        let switches = [("--deterministic", deterministic), ("--strict", strict)];
        let set = switches.into_iter().filter(|(_, is_set)| *is_set);
        arguments.extend(set.map(|(name, _)| name.to_owned()));
        arguments
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        options: EngineOptions,
    }

    #[test]
    fn the_arguments_of_options_are_parsed_as_the_same_options() {
        let arguments = [
            "--threads",
            "3",
            "--context",
            "512",
            "--deterministic",
            "--strict",
        ];
        let program = std::iter::once("genai").chain(arguments);

        let options = Program::parse_from(program).options;

        assert_eq!(options.arguments(), arguments);
        assert!(EngineOptions::default().arguments().is_empty());
    }
}
