//! Messages of the API: the members that the Python SDK knew, and their types.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::fault;
use crate::normal::TABLES;
use crate::rows::{Row, Rows};

/// Messages of responses and requests. `*` is a list, `%` a map; `s`, `n`, `i`, `b`, `e`, `x` are string, number, integer, boolean, enum, any JSON.
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
GenerationConfig candidateCount:i stopSequences:s* maxOutputTokens:i temperature:n topP:n topK:i responseMimeType:s responseSchema:Schema presencePenalty:n frequencyPenalty:n responseLogprobs:b logprobs:i enableEnhancedCivicAnswers:b responseModalities:e* speechConfig:x
Schema type:e format:s description:s nullable:b enum:s* items:Schema maxItems:x minItems:x properties:Schema% required:s*
Tool functionDeclarations:FunctionDeclaration* googleSearchRetrieval:x codeExecution:x
FunctionDeclaration name:s description:s parameters:Schema
ToolConfig functionCallingConfig:FunctionCallingConfig
FunctionCallingConfig mode:x allowedFunctionNames:s*
";

/// Finish reasons that the Python SDK did not know, in the order of their numbers, from 12.
const NEWER_FINISH_REASONS: [&str; 6] = [
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_OTHER",
    "NO_IMAGE",
    "IMAGE_RECITATION",
];

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
    for (given, value) in members {
        // JSON may also use the names of the fields in Protocol Buffers.
        let camel = camel_case(given);
        let name = if known.contains_key(camel.as_str()) {
            &camel
        } else {
            given
        };
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
        "s" if name == "role" && rows.here(Row::D11) => {
            let word = value.as_str().ok_or(WrongType)?;
            let roles = ["user", "model", "function", "system"];
            let known = roles
                .into_iter()
                .find(|known| known.eq_ignore_ascii_case(word));
            return Ok(Some(known.unwrap_or(word).into()));
        }
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
            let unknown = value.as_str().filter(|word| !is_known(name, word));
            if let Some(word) = unknown {
                let here = rows.here(Row::D11);
                return Ok(here.then(|| with_known_case(name, word).into()));
            }
            if let Some(number) = value.as_u64().filter(|_| name == "finishReason")
                && let Some(reason) = number.checked_sub(12)
                && rows.here(Row::D11)
            {
                let newer = NEWER_FINISH_REASONS.get(reason as usize);
                return Ok(Some(
                    newer.map_or_else(|| value.clone(), |name| (*name).into()),
                ));
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

/// Checks a message of a request. The Python SDK refuses unknown members and names, which are sent here (D16).
pub(super) fn check(message: &str, value: &Value, rows: &Rows) -> Result<(), Value> {
    if rows.here(Row::D16) || is_valid(message, value) {
        Ok(())
    } else {
        Err(fault::accident())
    }
}

/// Checks the names of the members of a message only.
pub(super) fn check_members(message: &str, value: &Value, rows: &Rows) -> Result<(), Value> {
    let known = &KNOWN[message];
    let mut names = value.as_object().into_iter().flat_map(Map::keys);
    if names.all(|name| known.contains_key(name.as_str())) || rows.here(Row::D16) {
        Ok(())
    } else {
        Err(fault::accident())
    }
}

fn is_valid(message: &str, value: &Value) -> bool {
    let known = &KNOWN[message];
    let Some(members) = value.as_object() else {
        return value.is_null();
    };
    members.iter().all(|(name, value)| {
        let kind = known.get(name.as_str());
        kind.is_some_and(|kind| value.is_null() || fits(name, kind, value))
    })
}

fn fits(name: &str, kind: &str, value: &Value) -> bool {
    if let Some(kind) = kind.strip_suffix('*') {
        // A string is a list of characters in Python.
        let elements = value.as_array();
        return elements.map_or(kind == "s" && value.is_string(), |elements| {
            elements.iter().all(|element| fits(name, kind, element))
        });
    }
    if let Some(kind) = kind.strip_suffix('%') {
        let members = value.as_object();
        return members.is_some_and(|members| members.values().all(|value| fits("", kind, value)));
    }
    match kind {
        "s" => value.is_string(),
        "i" => value.is_i64() || value.is_boolean(),
        "n" | "b" => value.is_number() || value.is_boolean(),
        "e" => value
            .as_str()
            .map_or(value.is_number(), |word| is_known(name, word)),
        "x" => true,
        message => is_valid(message, value),
    }
}

/// Returns the name of a field in JSON: `finishReason` for `finish_reason`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut chars = word.chars();
        name.extend(chars.next().into_iter().flat_map(char::to_uppercase));
        name.extend(chars);
        name
    })
}

/// Returns the known name that differs from a word in case only, or else the word.
pub(super) fn with_known_case<'n>(name: &str, word: &'n str) -> &'n str {
    let table = TABLES.enums.get(name).into_iter().flat_map(HashMap::values);
    let mut known = table.map(String::as_str);
    known
        .find(|known| known.eq_ignore_ascii_case(word))
        .unwrap_or(word)
}

fn is_known(name: &str, word: &str) -> bool {
    let table = TABLES.enums.get(name);
    table.is_none_or(|names| names.values().any(|known| known == word))
}
