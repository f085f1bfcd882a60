//! Settings that the model cannot follow, and without which a reply is still valid.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use generativeai::Result;
use generativeai::protocol::Unknown;

use crate::error::invalid_argument;

/// Policy for settings that the model cannot follow, such as a thinking budget for a model that does not think.
///
/// A program that is developed offline with the embedded model and deployed with Gemini should not need changes.
/// Therefore such a setting is ignored and logged once per model. In strict mode it is rejected.
#[derive(Debug)]
pub(crate) struct IgnoredSettings {
    strict: bool,
    logged: Mutex<HashSet<String>>,
}

impl IgnoredSettings {
    pub(crate) fn new(strict: bool) -> Self {
        Self {
            strict,
            logged: Mutex::default(),
        }
    }

    /// Ignores a setting, and logs the reason unless it was logged before.
    ///
    /// # Errors
    ///
    /// 400 in strict mode.
    pub(crate) fn ignore(&self, reason: String) -> Result<()> {
        if self.strict {
            return Err(invalid_argument(reason));
        }
        // The set stays valid if a thread panics while it holds the lock.
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() < MAX_LOGGED && !logged.contains(&reason) {
            tracing::warn!(target: "generativeai_local", "ignored: {reason}");
            logged.insert(reason);
        }
        Ok(())
    }

    /// Ignores members without a field in this version, such as misspelt ones. `path` precedes their names.
    ///
    /// # Errors
    ///
    /// 400 in strict mode.
    pub(crate) fn ignore_unknown(&self, path: &str, unknown: &Unknown) -> Result<()> {
        // Serializers write a member that is not set as `null`.
        for (name, _) in unknown.iter().filter(|(_, value)| !value.is_null()) {
            let name: String = name.escape_debug().take(MAX_NAME).collect();
            self.ignore(format!("{path}{name} is unknown"))?;
        }
        Ok(())
    }
}

/// Most characters of an unknown name that a message contains. Clients choose the names.
const MAX_NAME: usize = 64;

/// Maximum number of reasons that are logged. Reasons contain names from requests, so a client could
/// otherwise let the set grow without bound.
const MAX_LOGGED: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_ignored_or_rejected() {
        assert!(IgnoredSettings::new(false).ignore("a".to_owned()).is_ok());
        assert!(IgnoredSettings::new(true).ignore("a".to_owned()).is_err());
    }

    #[test]
    fn a_reason_is_logged_once() {
        let ignored = IgnoredSettings::new(false);

        for reason in ["a", "b", "a"] {
            ignored.ignore(reason.to_owned()).unwrap();
        }

        assert_eq!(ignored.logged.lock().unwrap().len(), 2);
    }
}
