//! Log probabilities of the tokens of a reply.

message! {
    /// Log probabilities of the tokens of a reply, as natural logarithms: 0 is certain, and lower values
    /// are less likely.
    ///
    /// Present if [`response_logprobs`](crate::protocol::config::GenerationConfig::response_logprobs) is
    /// set.
    ///
    /// ```
    /// use generativeai::protocol::response::LogprobsResult;
    ///
    /// let logprobs: LogprobsResult = serde_json::from_str(
    ///     r#"{"chosenCandidates":[{"token":"Yes","logProbability":-0.105},{"token":"."}]}"#,
    /// )?;
    /// let chosen = &logprobs.chosen_candidates[0];
    /// let probability = chosen.log_probability.unwrap_or(0.0).exp();
    /// assert!((probability - 0.9).abs() < 0.001); // the model was 90 % sure of `Yes`
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct LogprobsResult {
        /// Most likely tokens at each step, if
        /// [`logprobs`](crate::protocol::config::GenerationConfig::logprobs) is set.
        pub top_candidates: Vec<TopCandidates>,
        /// Token chosen at each step. It may be missing from `top_candidates`.
        pub chosen_candidates: Vec<LogprobsCandidate>,
        /// Sum of the log probabilities of all chosen tokens. Gemini API only.
        pub log_probability_sum: Option<f64>,
    }
}

message! {
    /// Most likely tokens at one step.
    pub struct TopCandidates {
        /// Tokens, the most likely first.
        pub candidates: Vec<LogprobsCandidate>,
    }
}

message! {
    /// Token with its log probability.
    pub struct LogprobsCandidate {
        /// Text of the token.
        pub token: Option<String>,
        /// Identifier of the token in the vocabulary of the model.
        pub token_id: Option<i32>,
        /// Natural logarithm of the probability. Absent means 0, a certain token.
        pub log_probability: Option<f64>,
    }
}
