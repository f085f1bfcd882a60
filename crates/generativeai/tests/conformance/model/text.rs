//! Text of a reply.

use serde_json::{Value, json};

use super::chat::has_data;
use crate::fault;
use crate::rows::{Row, Rows};

/// Returns the text, or an error if there is none: `{"ok"}` or `{"error"}`.
pub(super) fn text(response: &Value, rows: &Rows) -> Value {
    match read(response, rows) {
        Some(text) => json!({ "ok": text }),
        None => json!({"error": fault::kind("NoText")}),
    }
}

fn read(response: &Value, rows: &Rows) -> Option<String> {
    let candidates = response["candidates"].as_array()?;
    let [candidate] = candidates.as_slice() else {
        return None;
    };
    let parts = candidate["content"]["parts"]
        .as_array()
        .filter(|parts| !parts.is_empty())?;
    let here = rows.here(Row::D21);
    let is_shown = |part: &&Value| {
        let members = part.as_object().into_iter().flatten();
        let mut names = members.map(|(name, _)| name);
        let is_metadata = |name: &String| name == "thought" || name == "thoughtSignature";
        has_data(part) && !names.all(is_metadata)
    };
    let (filled, all): (Vec<_>, Vec<_>) = (
        parts.iter().filter(is_shown).collect(),
        parts.iter().collect(),
    );
    let parts = if here && !filled.is_empty() {
        filled
    } else {
        all
    };
    let pieces = parts
        .into_iter()
        .filter(|part| !(here && part["thought"] == true))
        .map(piece);
    let pieces = pieces.collect::<Option<Vec<_>>>()?;
    if here {
        return Some(concatenated(&pieces));
    }
    Some(
        pieces
            .iter()
            .map(|(_, piece)| piece.as_str())
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

/// Returns the text of a part, and whether it is a block of code or of its output.
fn piece(part: &Value) -> Option<(bool, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(text) = part["text"].as_str() {
        return Some((false, text.to_owned()));
    }
    if let Some(code) = part.get("executableCode") {
        let language = word(&code["language"]).to_lowercase();
        let lines = word(&code["code"]);
        return Some((
            true,
            block(
                &language,
                "language_unspecified",
                lines.trim_start_matches('\n'),
            ),
        ));
    }
    let result = part.get("codeExecutionResult")?;
    let outcome = word(&result["outcome"]).to_lowercase();
    let outcome = match outcome.strip_prefix("outcome_").unwrap_or(&outcome) {
        "ok" => String::new(),
        other => other.to_owned(),
    };
    Some((
        true,
        block(&outcome, "unspecified", &word(&result["output"])),
    ))
}

fn block(label: &str, unspecified: &str, lines: &str) -> String {
    let space = if label.is_empty() || label == unspecified {
        ""
    } else {
        " "
    };
    let label = if space.is_empty() { "" } else { label };
    format!("```{space}{label}\n{lines}\n```")
}

/// Concatenates texts, with blocks on separate lines.
fn concatenated(pieces: &[(bool, String)]) -> String {
    let mut whole = String::new();
    let mut after_block = false;
    for (is_block, piece) in pieces.iter().filter(|(_, piece)| !piece.is_empty()) {
        let new_line = if *is_block {
            !whole.is_empty() && !whole.ends_with('\n')
        } else {
            after_block && !piece.starts_with('\n')
        };
        if new_line {
            whole.push('\n');
        }
        whole.push_str(piece);
        after_block = *is_block;
    }
    whole
}
