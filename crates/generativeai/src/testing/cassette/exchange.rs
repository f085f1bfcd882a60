//! A line of a cassette: what was asked, what came, and how it ended.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::Failure;
use crate::error::{Error, ErrorKind, Result};

/// What a backend can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::testing) enum Method {
    GenerateContent,
    StreamGenerateContent,
    CountTokens,
    ListModels,
    GetModel,
    GetCachedContent,
    EmbedContent,
    BatchEmbedContents,
}

impl Method {
    /// Whether what answers `other` could answer this: a reply may be awaited or streamed.
    pub(super) fn is_like(self, other: Self) -> bool {
        let is_reply =
            |method| matches!(method, Self::GenerateContent | Self::StreamGenerateContent);
        self == other || is_reply(self) && is_reply(other)
    }
}

/// One request, and all that came of it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::testing) struct Exchange {
    /// Its place in the order in which the exchanges began; they are written as they end.
    pub(super) number: u64,
    pub(super) method: Method,
    pub(super) request: Value,
    /// The chunks of a stream, else the one answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) answers: Vec<Value>,
    pub(super) end: End,
}

/// How an exchange ended.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum End {
    /// All came.
    Whole,
    /// An error came, or came next.
    Failed(Box<Failure>),
    /// Nobody waited for the rest.
    Dropped,
}

impl Exchange {
    /// An exchange of which nothing has come; dropped unless it is said otherwise.
    pub(in crate::testing) fn new(number: u64, method: Method, request: Value) -> Self {
        Self {
            number,
            method,
            request,
            answers: Vec::new(),
            end: End::Dropped,
        }
    }

    /// Adds what came.
    pub(in crate::testing) fn came<A: Serialize>(&mut self, answer: &Result<A>) -> Result<()> {
        match answer {
            Ok(answer) => self.answers.push(json(answer)?),
            Err(error) => self.end = End::Failed(Box::new(Failure::from(error))),
        }
        Ok(())
    }

    /// Nothing more comes.
    pub(in crate::testing) fn is_over(&mut self) {
        if matches!(self.end, End::Dropped) {
            self.end = End::Whole;
        }
    }

    /// What came, and the error that came after it, if one did.
    pub(super) fn replay<A: DeserializeOwned>(self) -> Result<(Vec<A>, Option<Error>)> {
        let answers = self.answers.into_iter().map(serde_json::from_value);
        let answers = answers.collect::<Result<_, _>>().map_err(|error| {
            let message = format!("exchange {} of the cassette is no answer", self.number);
            Error::new(ErrorKind::Configuration, message).with_source(error)
        })?;
        let error = match self.end {
            End::Whole => None,
            End::Failed(failure) => Some((*failure).into()),
            End::Dropped => {
                let message = "the recording ends here: nobody waited for the rest of the answer";
                Some(Error::new(ErrorKind::Truncated, message))
            }
        };
        Ok((answers, error))
    }
}

/// A value as it stands in a cassette.
pub(in crate::testing) fn json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| {
        let message = "what was said cannot be written as JSON";
        Error::new(ErrorKind::Request, message).with_source(error)
    })
}
