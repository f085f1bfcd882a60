//! Code that the model wrote and the service ran, and its output.

message! {
    /// Code that the model wrote, and that the service runs.
    ///
    /// The model writes code only if the request has the tool
    /// [`CodeExecution`](crate::protocol::tools::CodeExecution). The part after it is a
    /// [`CodeExecutionResult`].
    ///
    /// ```
    /// use generativeai::protocol::content::{Content, Data};
    ///
    /// let reply: Content = serde_json::from_str(
    ///     r#"{"role":"model","parts":[
    ///         {"executableCode":{"language":"PYTHON","code":"print(6 * 7)"}},
    ///         {"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"42\n"}},
    ///         {"text":"The product is 42."}]}"#,
    /// )?;
    /// let outputs = reply.parts.iter().filter_map(|part| match &part.data {
    ///     Some(Data::CodeExecutionResult(result)) => result.output.as_deref(),
    ///     _ => None,
    /// });
    /// assert!(outputs.eq(["42\n"]));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// [`GenerateContentResponse::text`](crate::protocol::response::GenerateContentResponse::text) contains both as
    /// fenced blocks. Keep the parts in the history: in later turns the model refers to them.
    pub struct ExecutableCode {
        /// Identifier of this code; its result has the same. Absent from older models.
        pub id: Option<String> => into String,
        /// Programming language of the code.
        pub language: Option<Language> => into Language,
        /// Source code to run.
        pub code: Option<String> => into String,
    }
}

open_enum! {
    /// Programming language of code that the model wrote.
    pub enum Language {
        /// Zero value of the enum. The service does not send it.
        Unspecified = "LANGUAGE_UNSPECIFIED",
        /// Python 3.10 or newer, with numpy and sympy installed.
        Python = "PYTHON",
    }
}

message! {
    /// Output of code that the service ran.
    ///
    /// The code runs in a sandbox without network access. It cannot read files of the program; the service passes it
    /// the media of the conversation.
    pub struct CodeExecutionResult {
        /// Identifier of the [code](ExecutableCode::id) that ran, if the code has one.
        pub id: Option<String> => into String,
        /// Outcome of the run.
        pub outcome: Option<Outcome> => into Outcome,
        /// Standard output of the code. If the run failed, its standard error or a description of the
        /// problem.
        pub output: Option<String> => into String,
    }
}

open_enum! {
    /// Outcome of running the model's code.
    pub enum Outcome {
        /// Zero value of the enum. The service does not send it.
        Unspecified = "OUTCOME_UNSPECIFIED",
        /// The code ran to completion.
        Ok = "OUTCOME_OK",
        /// The code failed. `output` contains the error.
        Failed = "OUTCOME_FAILED",
        /// The code ran longer than the service allows (30 seconds) and was stopped. `output` may
        /// contain a part of its output.
        DeadlineExceeded = "OUTCOME_DEADLINE_EXCEEDED",
    }
}
