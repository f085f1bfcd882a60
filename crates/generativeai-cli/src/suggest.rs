//! "Did you mean …?" suggestions for misspelled words.

/// Minimum length of a word that is compared with the beginning of another, in bytes.
const MIN_BEGINNING: usize = 3;

/// Returns the most similar word of a list: of those that may be misspelled, or begin alike.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .filter(|known| {
            is_misspelling(word, known) || is_beginning(word, known) || is_beginning(known, word)
        })
        // The metric of whole words decides between those with the same number of typing errors. A missing ending is not
        // an error.
        .min_by(|one, other| {
            let errors = |known| match is_beginning(word, known) {
                true => 0,
                false => strsim::osa_distance(word, known),
            };
            let similarity = |known| strsim::jaro_winkler(word, known);
            let by_errors = errors(one).cmp(&errors(other));
            by_errors.then(similarity(other).total_cmp(&similarity(one)))
        })
}

/// Returns whether a word equals a known one, or differs from it by one typing error, or two in longer words. Very
/// short words must be equal: with an error, they could be any other.
pub(crate) fn is_misspelling(word: &str, known: &str) -> bool {
    let tolerance = (known.len() / 3).min(2);
    strsim::osa_distance(word, known) <= tolerance
}

/// Returns whether a word is the beginning of another.
fn is_beginning(word: &str, other: &str) -> bool {
    word.len() >= MIN_BEGINNING && other.starts_with(word)
}

/// Formats the question whether one of these words was meant. Returns `None` without words.
pub(crate) fn did_you_mean(words: &[&str]) -> Option<String> {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    let (last, others) = quoted.split_last()?;
    Some(match others {
        [] => format!("did you mean {last}?"),
        _ => format!("did you mean {} or {last}?", others.join(", ")),
    })
}

/// Suggests a word of a list for a misspelled one. If none is similar, lists all. The list is empty if it could not be
/// read.
pub(crate) fn suggest(word: &str, known: &[String]) -> String {
    match nearest(word, known.iter().map(String::as_str)) {
        Some(known) => format!("did you mean `{known}`?"),
        None if known.is_empty() => "check its spelling".to_owned(),
        None => format!("available: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_gets_a_suggestion_and_any_other_word_the_list() {
        let known = ["model", "temperature"].map(ToOwned::to_owned);

        assert_eq!(suggest("temprature", &known), "did you mean `temperature`?");
        assert_eq!(suggest("zzz", &known), "available: model, temperature");
        assert_eq!(suggest("zzz", &[]), "check its spelling");
        let several = did_you_mean(&["a", "b", "c"]).expect("a question");
        assert_eq!(several, "did you mean `a`, `b` or `c`?");
    }

    #[test]
    fn only_a_similar_word_is_suggested() {
        let known = [
            "undo",
            "new",
            "maps",
            "history",
            "notes.txt",
            "votes",
            "?",
            "session",
            "sessions",
        ];
        for (word, meant) in [
            ("unod", Some("undo")),
            ("nwe", Some("new")),
            ("sesions", Some("sessions")),
            ("sesion", Some("session")),
            ("hist", Some("history")),
            ("histroy", Some("history")),
            ("notes", Some("notes.txt")),
            ("notes.txt.bak", Some("notes.txt")),
            ("math", None),
            ("hi", None),
            ("under", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }
}
