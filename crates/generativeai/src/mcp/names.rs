//! Function names for the tools of a server.

use std::collections::HashSet;

/// Maximum length of a function name, as the service allows.
const MAX_LENGTH: usize = 128;

/// Returns a valid and unique function name for each tool, in order.
///
/// The API allows fewer characters than the Model Context Protocol. A valid name stays unchanged. In other names `_`
/// replaces each character that is not allowed, and a number is added where two names would be equal.
///
/// | Tool | Function |
/// | --- | --- |
/// | `read_file` | `read_file` |
/// | `read file` | `read_file_2` |
/// | `1st/entry` | `_1st_entry` |
pub(super) fn unique_names(prefix: &str, tools: &[&str]) -> Vec<String> {
    let wanted: Vec<String> = tools.iter().map(|tool| format!("{prefix}{tool}")).collect();
    let mut taken = HashSet::new();
    // Valid names first, so that such a tool keeps its name in any order of the server's list.
    let valid: Vec<bool> = wanted
        .iter()
        .map(|name| fit(name) == *name && taken.insert(name.clone()))
        .collect();
    let name_of = |(name, is_valid): (String, bool)| match is_valid {
        true => name,
        false => number(&fit(&name), &mut taken),
    };
    wanted.into_iter().zip(valid).map(name_of).collect()
}

/// Adds the lowest number that makes a name unique, unless it already is.
fn number(name: &str, taken: &mut HashSet<String>) -> String {
    let mut unique = name.to_owned();
    let mut next = 2;
    while !taken.insert(unique.clone()) {
        let suffix = format!("_{next}");
        let end = name.len().min(MAX_LENGTH - suffix.len());
        unique = format!("{}{suffix}", &name[..end]);
        next += 1;
    }
    unique
}

/// Replaces the characters that the API does not allow. The result is ASCII.
fn fit(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    let name: String = name
        .chars()
        .map(|c| if allowed(c) { c } else { '_' })
        .take(MAX_LENGTH)
        .collect();
    match name.chars().next() {
        Some(first) if first.is_ascii_alphabetic() || first == '_' => name,
        _ => format!("_{name}").chars().take(MAX_LENGTH).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gets_the_characters_that_the_api_allows() {
        let long = "a".repeat(200);
        let names = unique_names("", &["read.file-1", "3d", "", &long]);
        assert_eq!(names, ["read.file-1", "_3d", "_", &long[..128]]);

        let names = unique_names("web_", &["files/read me"]);
        assert_eq!(names, ["web_files_read_me"]);
    }

    /// Row 15 of tests/field.md.
    #[test]
    fn names_that_would_become_equal_get_different_numbers() {
        assert_eq!(unique_names("", &["a/b", "a_b"]), ["a_b_2", "a_b"]);
        assert_eq!(
            unique_names("", &["a/b", "a b", "a_b_2", "a?b"]),
            ["a_b", "a_b_3", "a_b_2", "a_b_4"]
        );
        assert_eq!(unique_names("", &["größe", "grüße"]), ["gr__e", "gr__e_2"]);
        assert_eq!(unique_names("", &["same", "same"]), ["same", "same_2"]);
        assert_eq!(unique_names("", &["1", "_1"]), ["_1_2", "_1"]);
        assert_eq!(unique_names("", &["", "", "🔍"]), ["_", "__2", "__3"]);
        assert_eq!(unique_names("", &["a", "a", "a_2"]), ["a", "a_3", "a_2"]);
        assert_eq!(unique_names("", &["Read", "read"]), ["Read", "read"]);
        assert_eq!(
            unique_names("my server/", &["a", "a/", "a b"]),
            ["my_server_a", "my_server_a_", "my_server_a_b"]
        );
        assert_eq!(
            unique_names("x/", &["a_b", "a/b", "a b"]),
            ["x_a_b", "x_a_b_2", "x_a_b_3"]
        );

        let [one, other] = ["x", "y"].map(|end| "a".repeat(128) + end);
        let names = unique_names("", &[&one, &other]);
        assert_eq!(names, ["a".repeat(128), "a".repeat(126) + "_2"]);
    }
}
