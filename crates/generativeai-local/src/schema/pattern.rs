//! Checks whether a regular expression can be enforced.

use llguidance::derivre::{RegexAst, RegexBuilder};
use llguidance::regex_to_lark;

/// Returns whether the grammar engine supports a pattern. The engine has no lookaround, backreferences or word
/// boundaries, which the regular expressions of ECMA-262 in JSON Schema have.
pub(super) fn is_enforceable(pattern: &str) -> bool {
    let ast = RegexAst::SearchRegex(regex_to_lark(pattern, "dw"));
    RegexBuilder::new().mk(&ast).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookaround_and_backreferences_cannot_be_enforced() {
        for pattern in ["^[a-z]+$", "\\d{3}", "(a|b)*c", "^\\p{L}+$"] {
            assert!(is_enforceable(pattern), "{pattern}");
        }
        for pattern in ["^(?!\\.)a", "(?=a)b", "(?<=a)b", "(a)\\1", "["] {
            assert!(!is_enforceable(pattern), "{pattern}");
        }
    }
}
