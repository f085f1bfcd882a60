//! Settings that the model cannot follow, and without which a reply is still valid.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use generativeai::Result;
use generativeai::protocol::Unknown;

use crate::error::invalid_argument;

/// Policy for settings that the model cannot follow, such as a thinking budget for a model that does not think.
///
/// A program that is developed offline with the embedded model and deployed with Gemini should not need changes.
/// Therefore such a setting is ignored and reported once per model. In strict mode it is rejected.
#[derive(Debug)]
pub(crate) struct IgnoredSettings {
    strict: bool,
    on_ignored: OnIgnored,
    reported: Mutex<HashSet<String>>,
}

/// Function that receives the reason why a setting is ignored. By default it is logged.
#[derive(Clone)]
pub(crate) struct OnIgnored(pub(crate) Arc<dyn Fn(&str) + Send + Sync>);

impl Default for OnIgnored {
    fn default() -> Self {
        Self(Arc::new(|reason| {
            tracing::warn!(target: "generativeai_local", "ignored: {reason}");
        }))
    }
}

impl fmt::Debug for OnIgnored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnIgnored")
    }
}

impl IgnoredSettings {
    pub(crate) fn new(strict: bool) -> Self {
        Self {
            strict,
            on_ignored: OnIgnored::default(),
            reported: Mutex::default(),
        }
    }

    pub(crate) fn reported_to(self, on_ignored: OnIgnored) -> Self {
        Self { on_ignored, ..self }
    }

    /// Ignores a setting, and reports the reason unless it was reported before.
    ///
    /// # Errors
    ///
    /// 400 in strict mode.
    pub(crate) fn ignore(&self, reason: String) -> Result<()> {
        if self.strict {
            return Err(invalid_argument(reason));
        }
        // Clients choose the names in it.
        let printable = |char: char| if char.is_control() { ' ' } else { char };
        let reason: String = reason.chars().map(printable).take(MAX_REASON).collect();
        // The set stays valid if a thread panics while it holds the lock.
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.len() < MAX_REPORTED && !reported.contains(&reason) {
            (self.on_ignored.0)(&reason);
            reported.insert(reason);
        }
        Ok(())
    }

    /// Returns the path that reasons contain for a request of a batch. A report contains none: it is made once, not for
    /// each request.
    pub(crate) fn path<'a>(&self, path: &'a str) -> &'a str {
        if self.strict { path } else { "" }
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

/// Most characters of a reason that is reported.
const MAX_REASON: usize = 1_024;

/// Maximum number of reasons that are reported. Reasons contain names from requests, so a client could
/// otherwise let the set grow without bound.
const MAX_REPORTED: usize = 256;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_setting_is_ignored_or_rejected() {
        assert!(IgnoredSettings::new(false).ignore("a".to_owned()).is_ok());
        assert!(IgnoredSettings::new(true).ignore("a".to_owned()).is_err());
    }

    #[test]
    fn a_reason_is_reported_once() {
        let (sender, reasons) = mpsc::channel();
        let report = move |reason: &str| sender.send(reason.to_owned()).unwrap();
        let ignored = IgnoredSettings::new(false).reported_to(OnIgnored(Arc::new(report)));

        for reason in ["a", "b\nc", "a"] {
            ignored.ignore(reason.to_owned()).unwrap();
        }

        assert_eq!(reasons.try_iter().collect::<Vec<_>>(), ["a", "b c"]);
    }
}
