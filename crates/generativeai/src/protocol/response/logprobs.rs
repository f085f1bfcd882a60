//! How likely the tokens of a reply were.

message! {
    /// How likely the tokens of a reply were; all numbers are natural logarithms.
    pub struct LogprobsResult {
        /// The likeliest tokens at each step.
        pub top_candidates: Vec<TopCandidates>,
        /// The token that was chosen at each step.
        pub chosen_candidates: Vec<LogprobsCandidate>,
        /// The sum over all tokens that were chosen.
        pub log_probability_sum: Option<f64>,
    }
}

message! {
    /// The likeliest tokens at one step, the likeliest first.
    pub struct TopCandidates {
        /// The tokens.
        pub candidates: Vec<LogprobsCandidate>,
    }
}

message! {
    /// A token, and how likely it was.
    pub struct LogprobsCandidate {
        /// Its text.
        pub token: Option<String>,
        /// Its number.
        pub token_id: Option<i32>,
        /// How likely it was, as a natural logarithm.
        pub log_probability: Option<f64>,
    }
}
