//! Settings that the model cannot follow, but whose reply is allowed without them.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use generativeai::Result;

use crate::error::invalid_argument;

/// Policy for settings that ask for more than the model has, such as a thinking budget for a model that
/// does not think.
///
/// A program that is developed offline should not need changes, so such a setting is ignored and logged
/// once per model. In strict mode it is rejected.
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
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() < MAX_LOGGED && !logged.contains(&reason) {
            tracing::warn!(target: "generativeai_local", "ignored: {reason}");
            logged.insert(reason);
        }
        Ok(())
    }
}

/// Maximum number of reasons that are logged. Reasons name members of requests, so a client could
/// otherwise grow the set without bound.
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
