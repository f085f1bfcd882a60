//! The API without `async`: the same types and methods, with `send()` instead of `.await`.
//!
//! ```
//! use generativeai::{blocking::GenerativeModel, testing::Scripted};
//!
//! let model = GenerativeModel::new("gemini-flash-latest")
//!     .backend(Scripted::default().then_text("Hello!").then_chunks(["Good", "bye!"]));
//! let mut chat = model.start_chat();
//!
//! assert_eq!(chat.send_message("Hello").send()?.text()?, "Hello!");
//! for chunk in chat.send_message("Goodbye").stream() {
//!     // Empty for a chunk without text, such as one with token counts alone.
//!     print!("{}", chunk?.text_lossy());
//! }
//! assert_eq!(chat.history().len(), 4);
//! # Ok::<_, generativeai::Error>(())
//! ```
//!
//! All calls share one tokio runtime with one thread, which also keeps connections alive between calls.
//!
//! Calls work on every thread that does not run a tokio task, including the threads of
//! `tokio::task::spawn_blocking`. In a task every call that waits fails with
//! [`Configuration`](crate::ErrorKind::Configuration), since blocking would stall the runtime.

mod chat;
mod delegate;
#[cfg(feature = "remote")]
mod files;
mod model;
mod runtime;

pub use chat::{ChatSession, ReplyStream, SendJson, SendMessage};
#[cfg(feature = "remote")]
pub use files::{AttachFile, FileList, Remote, UploadFile};
pub use model::{CountTokens, GenerateContent, GenerateJson, GenerateStream, GenerativeModel};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// Returns the text of all source files in a folder, without those in the folder `skipped`.
    fn sources(folder: &Path, skipped: Option<&Path>) -> String {
        let mut text = String::new();
        for entry in fs::read_dir(folder).expect("the sources of the crate") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                text += &fs::read_to_string(path).expect("a source file");
            } else if Some(&*path) != skipped {
                text += &sources(&path, skipped);
            }
        }
        text
    }

    /// Returns the names of the public methods of a type, and of the items of the macros that define methods.
    fn methods(sources: &str, name: &str) -> BTreeSet<String> {
        let mut methods = BTreeSet::new();
        for block in sources.split("\nimpl").skip(1) {
            let (header, rest) = block.split_once(" {\n").unwrap_or_default();
            let is_named = header.ends_with(&format!(" {name}"));
            let is_generic = header.contains(&format!(" {name}<"));
            if header.contains(" for ") || !(is_named || is_generic) {
                continue;
            }
            let body = rest.split("\n}").next().unwrap_or_default();
            let functions = body.lines().filter_map(|line| {
                let function = line.strip_prefix("    pub ")?;
                let function = function.trim_start_matches("async ").strip_prefix("fn ")?;
                function.split(['(', '<']).next()
            });
            let macros = ["delegate! {", "request_setters! {"]
                .into_iter()
                .filter_map(|start| body.split(start).nth(1)?.split("\n    }").next());
            let items = macros.flat_map(str::lines).flat_map(|line| {
                let line = line.split_once("] ").map_or(line, |(_receiver, rest)| rest);
                let name = line.split_once('(').map(|(name, _)| name);
                name.unwrap_or(line).split_whitespace()
            });
            methods.extend(functions.chain(items).map(str::to_owned));
        }
        methods
    }

    #[test]
    fn the_blocking_types_have_the_methods_of_the_asynchronous_ones() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
        let asynchronous = sources(folder, Some(&folder.join("blocking")));
        let blocking = sources(&folder.join("blocking"), None);
        for (name, exceptions) in [
            ("GenerativeModel", &[][..]),
            ("ChatSession", &[]),
            ("GenerateContent", &[]),
            ("CountTokens", &[]),
            // For a chat that the message owns, such as one behind an asynchronous lock.
            ("SendMessage", &["decide", "new", "retry"]),
        ] {
            let known = methods(&blocking, name);
            let expected = methods(&asynchronous, name);
            assert!(expected.len() > 5, "{name}: {expected:?}");
            let missing = expected.difference(&known);
            let missing: Vec<_> = missing
                .filter(|name| !exceptions.contains(&name.as_str()))
                .collect();
            assert!(missing.is_empty(), "blocking::{name} lacks {missing:?}");
        }
    }
}
