//! Exchange of a cassette: a request, its response, and its outcome.
//!
//! An exchange is a line of JSON:
//!
//! ```json
//! {"number":0,"method":"countTokens","request":{…},"answers":[{"totalTokens":7}],"end":"whole"}
//! ```
//!
//! | member | value |
//! | --- | --- |
//! | `number` | position in the order of the requests, from 0 |
//! | `method` | the method, by its name in the REST API |
//! | `request` | the JSON of the request, or its parameters if it has none |
//! | `answers` | the chunks of a stream, or the one response; absent if nothing was received |
//! | `end` | `"whole"`, `"dropped"`, or `{"failed": error}` |

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::recorded_error::RecordedError;
use crate::error::{Error, ErrorKind, Result};

/// Method of a [`Backend`](crate::Backend), by its name in the REST API.
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
    /// Returns the JSON of a request, as cassettes contain it. Parameters that are not an object become a member of one.
    pub(in crate::testing) fn recorded(self, request: &impl Serialize) -> Value {
        let request = to_json(request);
        match self {
            Self::ListModels => json!({ "pageToken": request }),
            Self::GetModel | Self::GetCachedContent => json!({ "name": request }),
            _ => request,
        }
    }

    /// Returns whether the response of one method can be converted into a response of the other: a reply can be
    /// merged or sent as a stream.
    pub(super) fn is_interchangeable_with(self, other: Self) -> bool {
        let is_reply =
            |method| matches!(method, Self::GenerateContent | Self::StreamGenerateContent);
        self == other || is_reply(self) && is_reply(other)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`")?;
        // A formatter is a serializer for unit variants, and writes the name that serde uses.
        self.serialize(&mut *f)?;
        f.write_str("`")
    }
}

/// One request, and everything received for it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::testing) struct Exchange {
    /// Position in the order of the requests. In the file, exchanges are in the order they ended.
    pub(super) number: u64,
    pub(super) method: Method,
    pub(super) request: Value,
    /// Chunks of a stream, or the one response.
    #[serde(rename = "answers", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) responses: Vec<Value>,
    end: End,
}

/// Outcome of an exchange.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum End {
    /// The response is complete.
    #[serde(rename = "whole")]
    Complete,
    /// An error was received instead of, or after, a part of the response.
    Failed(Box<RecordedError>),
    /// The caller dropped the request before its end.
    Dropped,
}

impl Exchange {
    /// Creates an exchange without a response. Until [`complete`](Self::complete) its end is `Dropped`, so nothing has
    /// to be set when a request is dropped.
    pub(in crate::testing) fn new(number: u64, method: Method, request: Value) -> Self {
        Self {
            number,
            method,
            request,
            responses: Vec::new(),
            end: End::Dropped,
        }
    }

    /// Adds a received chunk, response or error.
    pub(in crate::testing) fn add<A: Serialize>(&mut self, received: &Result<A>) {
        match received {
            Ok(response) => self.responses.push(to_json(response)),
            Err(error) => self.end = End::Failed(Box::new(RecordedError::from(error))),
        }
    }

    /// Marks the response as complete, unless an error ended it.
    pub(in crate::testing) fn complete(&mut self) {
        if matches!(self.end, End::Dropped) {
            self.end = End::Complete;
        }
    }

    /// Returns the chunks or the response, and the error that followed, if any.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the recorded JSON is not a response of this method.
    pub(super) fn replay<A: DeserializeOwned>(self) -> Result<(Vec<A>, Option<Error>)> {
        let responses = self.responses.into_iter().map(serde_json::from_value);
        let responses = responses.collect::<Result<_, _>>().map_err(|error| {
            let message = format!(
                "exchange {} of the cassette is not a response to {}",
                self.number, self.method
            );
            Error::new(ErrorKind::Configuration, message).with_source(error)
        })?;
        let error = match self.end {
            End::Complete => None,
            End::Failed(error) => Some((*error).into()),
            End::Dropped => {
                let message =
                    "the recording ends here: the response was dropped when it was recorded";
                Some(Error::new(ErrorKind::Truncated, message))
            }
        };
        Ok((responses, error))
    }
}

/// Converts a request or a response into the JSON of a cassette.
pub(in crate::testing) fn to_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value)
        .expect("messages have only string keys, and no serializer that fails")
}
