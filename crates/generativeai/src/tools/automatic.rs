//! How functions that the model calls are run within a turn.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::content::{FunctionCall, FunctionResponse};

/// How functions that the model calls are run within a turn.
///
/// All calls of one reply run at once; their answers go back together, in the order of the calls.
/// That is a round. A chat takes `true` for the defaults and `false` for none.
///
/// ```
/// use std::time::Duration;
/// use generativeai::{AtLimit, AutomaticFunctionCalling};
///
/// let careful = AutomaticFunctionCalling::default()
///     .max_rounds(3)
///     .at_limit(AtLimit::ForceText)
///     .time_limit(Duration::from_secs(10));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct AutomaticFunctionCalling {
    /// How many rounds a turn may have; by default 10.
    pub max_rounds: u32,
    /// What happens if the model calls functions after the last round.
    pub at_limit: AtLimit,
    /// What happens if a function fails.
    pub on_failure: OnFailure,
    /// The longest time one call may take; none by default. Needs a tokio runtime.
    pub time_limit: Option<Duration>,
    enabled: bool,
    observer: Option<Arc<Observer>>,
}

type Observer = dyn Fn(FunctionEvent<'_>) + Send + Sync;

/// What happens if the model calls functions after the last round a turn may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtLimit {
    /// The calls are handed to the caller. The turn stays unfinished; a message that answers all
    /// [pending calls](crate::ChatSession::pending_calls) goes on with it.
    #[default]
    ReturnCalls,
    /// The request after the last round forbids calls, so that the model answers with what it has.
    ForceText,
    /// The turn fails.
    Fail,
}

/// What happens if a function that the model calls fails.
///
/// A function fails when it gives an error, panics, takes too long, gets arguments it cannot read,
/// or does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// The model is answered `{"error": "…"}`, and the turn goes on.
    #[default]
    Answer,
    /// The turn fails with that error.
    Fail,
}

/// What an observer sees of the calls within a turn, as it happens.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum FunctionEvent<'turn> {
    /// The model called a function, which is about to run.
    Called(&'turn FunctionCall),
    /// A call was answered.
    Answered(&'turn FunctionCall, &'turn FunctionResponse),
}

impl AutomaticFunctionCalling {
    /// Sets how many rounds a turn may have; 0 hands the first calls to the limit.
    #[must_use]
    pub fn max_rounds(mut self, rounds: u32) -> Self {
        self.max_rounds = rounds;
        self
    }

    /// Sets what happens if the model calls functions after the last round.
    #[must_use]
    pub fn at_limit(mut self, at_limit: AtLimit) -> Self {
        self.at_limit = at_limit;
        self
    }

    /// Sets what happens if a function fails.
    #[must_use]
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Sets the longest time one call may take.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Sets who sees each call and each answer as it happens.
    #[must_use]
    pub fn observer(mut self, see: impl Fn(FunctionEvent<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(see));
        self
    }

    pub(crate) fn enabled(self) -> Option<Self> {
        self.enabled.then_some(self)
    }

    pub(crate) fn observe(&self, event: FunctionEvent<'_>) {
        if let Some(see) = &self.observer {
            see(event);
        }
    }
}

impl Default for AutomaticFunctionCalling {
    fn default() -> Self {
        Self {
            max_rounds: 10,
            at_limit: AtLimit::default(),
            on_failure: OnFailure::default(),
            time_limit: None,
            enabled: true,
            observer: None,
        }
    }
}

impl From<bool> for AutomaticFunctionCalling {
    fn from(enabled: bool) -> Self {
        Self {
            enabled,
            ..Self::default()
        }
    }
}

impl fmt::Debug for AutomaticFunctionCalling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AutomaticFunctionCalling")
            .field("max_rounds", &self.max_rounds)
            .field("at_limit", &self.at_limit)
            .field("on_failure", &self.on_failure)
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}
