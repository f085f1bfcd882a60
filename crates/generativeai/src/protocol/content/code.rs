//! Code the model wrote, and what it printed.

message! {
    /// Code the model wrote and the service runs.
    pub struct ExecutableCode {
        /// Tells one piece of code from another.
        pub id: Option<String>,
        /// What it is written in.
        pub language: Option<Language>,
        /// The code.
        pub code: Option<String>,
    }
}

setters!(ExecutableCode {
    into id: String,
    into language: Language,
    into code: String,
});

open_enum! {
    /// What code is written in.
    pub enum Language {
        /// Not said.
        Unspecified = "LANGUAGE_UNSPECIFIED",
        /// Python 3.10 or later, with numpy and sympy.
        Python = "PYTHON",
    }
}

message! {
    /// What code of the model printed.
    pub struct CodeExecutionResult {
        /// The id of the code that ran.
        pub id: Option<String>,
        /// How it ended.
        pub outcome: Option<Outcome>,
        /// What it printed; what went wrong, if it failed.
        pub output: Option<String>,
    }
}

setters!(CodeExecutionResult {
    into id: String,
    into outcome: Outcome,
    into output: String,
});

open_enum! {
    /// How the model's code ended.
    pub enum Outcome {
        /// Not said.
        Unspecified = "OUTCOME_UNSPECIFIED",
        /// It ran to its end.
        Ok = "OUTCOME_OK",
        /// It failed.
        Failed = "OUTCOME_FAILED",
        /// It took too long.
        DeadlineExceeded = "OUTCOME_DEADLINE_EXCEEDED",
    }
}
