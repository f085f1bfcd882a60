//! Parses a response: the members that the Python SDK knew, and their types.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::normal::TABLES;
use crate::rows::{Row, Rows};

/// Messages of a response. `*` is a list; `s`, `n`, `b`, `e`, `x` are string, number, boolean, enum, any JSON.
const MESSAGES: &str = "
GenerateContentResponse candidates:Candidate* promptFeedback:PromptFeedback usageMetadata:UsageMetadata modelVersion:s
PromptFeedback blockReason:e safetyRatings:SafetyRating*
UsageMetadata promptTokenCount:n cachedContentTokenCount:n candidatesTokenCount:n totalTokenCount:n
Candidate index:n content:Content finishReason:e safetyRatings:SafetyRating* citationMetadata:CitationMetadata tokenCount:n groundingAttributions:GroundingAttribution* groundingMetadata:GroundingMetadata avgLogprobs:n logprobsResult:LogprobsResult
SafetyRating category:e probability:e blocked:b
CitationMetadata citationSources:CitationSource*
CitationSource startIndex:n endIndex:n uri:s license:s
Content role:s parts:Part*
Part text:s inlineData:Blob functionCall:FunctionCall functionResponse:FunctionResponse fileData:FileData executableCode:ExecutableCode codeExecutionResult:CodeExecutionResult
Blob mimeType:s data:s
FileData mimeType:s fileUri:s
FunctionCall name:s args:x
FunctionResponse name:s response:x
ExecutableCode language:e code:s
CodeExecutionResult outcome:e output:s
GroundingAttribution sourceId:x content:Content
GroundingMetadata searchEntryPoint:SearchEntryPoint groundingChunks:GroundingChunk* groundingSupports:GroundingSupport* retrievalMetadata:RetrievalMetadata webSearchQueries:s*
SearchEntryPoint renderedContent:s sdkBlob:s
GroundingChunk web:Web
Web uri:s title:s
GroundingSupport segment:Segment groundingChunkIndices:n* confidenceScores:n*
Segment partIndex:n startIndex:n endIndex:n text:s
RetrievalMetadata googleSearchDynamicRetrievalScore:n
LogprobsResult topCandidates:TopCandidates* chosenCandidates:Logprob*
TopCandidates candidates:Logprob*
Logprob token:s tokenId:n logProbability:n
CountTokensResponse totalTokens:n cachedContentTokenCount:n
CachedContent name:s model:s displayName:s usageMetadata:x createTime:s updateTime:s expireTime:s ttl:s
";

type Fields = HashMap<&'static str, &'static str>;

static KNOWN: LazyLock<HashMap<&'static str, Fields>> = LazyLock::new(|| {
    let line = |line: &'static str| {
        let mut words = line.split(' ');
        let fields = words
            .clone()
            .skip(1)
            .filter_map(|field| field.split_once(':'))
            .collect();
        (words.next().unwrap_or_default(), fields)
    };
    MESSAGES.trim().lines().map(line).collect()
});

/// A value has the wrong type.
pub(super) struct WrongType;

/// Parses a message. Unknown members are dropped, or kept (D11).
pub(super) fn read(message: &str, value: &Value, rows: &Rows) -> Result<Value, WrongType> {
    let members = value.as_object().ok_or(WrongType)?;
    let known = &KNOWN[message];
    let mut kept = Map::new();
    for (name, value) in members {
        match known.get(name.as_str()) {
            Some(_) if value.is_null() => {}
            Some(kind) => {
                if let Some(value) = field(name, kind, value, rows)? {
                    kept.insert(name.clone(), value);
                }
            }
            None if rows.here(Row::D11) => {
                kept.insert(name.clone(), value.clone());
            }
            None => {}
        }
    }
    Ok(Value::Object(kept))
}

fn field(name: &str, kind: &str, value: &Value, rows: &Rows) -> Result<Option<Value>, WrongType> {
    if let Some(kind) = kind.strip_suffix('*') {
        let elements = value.as_array().ok_or(WrongType)?;
        let read = |element| field(name, kind, element, rows);
        let elements: Result<Vec<_>, _> = elements.iter().map(read).collect();
        return Ok(Some(elements?.into_iter().flatten().collect()));
    }
    let fits = match kind {
        "s" => value.is_string(),
        "n" => {
            value.is_number()
                || value
                    .as_str()
                    .is_some_and(|text| text.parse::<f64>().is_ok())
        }
        "b" => value.is_boolean(),
        "x" => true,
        "e" => {
            let unknown = value.as_str().is_some_and(|word| !is_known(name, word));
            if unknown && !rows.here(Row::D11) {
                return Ok(None);
            }
            value.is_string() || value.is_number()
        }
        message => return read(message, value, rows).map(Some),
    };
    if fits {
        Ok(Some(value.clone()))
    } else {
        Err(WrongType)
    }
}

fn is_known(name: &str, word: &str) -> bool {
    let table = TABLES.enums.get(name);
    table.is_none_or(|names| names.values().any(|known| known == word))
}
