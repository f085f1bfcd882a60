//! What somebody may have meant who wrote something else.

/// Words that are less alike than this are no misspelling of each other.
const ALIKE: f64 = 0.7;

/// Says what of a list may have been meant by a word, or what the list is.
pub(super) fn advice(word: &str, list: &[String]) -> String {
    let by_likeness = |one: &&String, other: &&String| {
        let likeness = |known: &str| strsim::jaro_winkler(word, known);
        likeness(one).total_cmp(&likeness(other))
    };
    match list.iter().max_by(by_likeness) {
        Some(known) if strsim::jaro_winkler(word, known) >= ALIKE => {
            format!("did you mean `{known}`?")
        }
        _ => format!("there are: {}", list.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_is_recognised_and_anything_else_gets_the_list() {
        let list = ["model", "temperature"].map(ToOwned::to_owned);

        assert_eq!(advice("temprature", &list), "did you mean `temperature`?");
        assert_eq!(advice("zzz", &list), "there are: model, temperature");
        assert_eq!(advice("zzz", &[]), "there are: ");
    }
}
