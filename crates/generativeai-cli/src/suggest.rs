//! "Did you mean …?" suggestions for misspelled words.

/// Minimum Jaro-Winkler similarity of a misspelling and the word that was meant.
const SIMILAR: f64 = 0.7;

/// Returns the most similar word of a list, if one is similar enough.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(word, known), known))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

/// Returns whether a word equals a known one, or differs from it by one typing error, or two in longer words.
pub(crate) fn is_misspelling(word: &str, known: &str) -> bool {
    let tolerance = if known.len() < 6 { 1 } else { 2 };
    strsim::osa_distance(word, known) <= tolerance
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

/// Suggests a word of a list for a misspelled one. If none is similar, returns the whole list.
pub(crate) fn suggest(word: &str, known: &[String]) -> String {
    match nearest(word, known.iter().map(String::as_str)) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("known are: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_gets_a_suggestion_and_any_other_word_the_list() {
        let known = ["model", "temperature"].map(ToOwned::to_owned);

        assert_eq!(suggest("temprature", &known), "did you mean `temperature`?");
        assert_eq!(suggest("zzz", &known), "known are: model, temperature");
        assert_eq!(suggest("zzz", &[]), "known are: ");
        let several = did_you_mean(&["a", "b", "c"]).expect("a question");
        assert_eq!(several, "did you mean `a`, `b` or `c`?");
    }
}
