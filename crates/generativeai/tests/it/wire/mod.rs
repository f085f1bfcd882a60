//! The wire format: every member and value of the API has a type, and nothing is lost.

mod beyond;
mod chunks;
mod inventory;
mod lossless;
mod merging;
mod setters;
mod typed;

use std::fmt::Debug;

use generativeai::protocol::{
    caches::*, config::*, content::*, embeddings::*, files::*, grounding::*, models::*, request::*,
    response::*, safety::*, schema::*, status::*, tokens::*, tools::*,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a message and writes it.
type Roundtrip = fn(&Value) -> Result<Echo, String>;

/// Message after reading and writing.
struct Echo {
    /// `Debug` of the read message.
    read: String,
    /// Written JSON.
    written: Value,
}

impl Echo {
    /// Returns whether all members have fields, at every depth.
    fn knows_members(&self) -> bool {
        !self.read.contains("unknown: {\"")
    }

    /// Returns whether all enum values have variants, at every depth.
    fn knows_values(&self) -> bool {
        !self.read.contains("Unknown(\"")
    }
}

fn roundtrip<T: DeserializeOwned + Serialize + Debug>(value: &Value) -> Result<Echo, String> {
    let message: T = serde_json::from_str(&value.to_string()).map_err(|e| e.to_string())?;
    let again: T = serde_json::from_value(value.clone()).map_err(|e| e.to_string())?;
    let read = format!("{message:?}");
    assert_eq!(
        read,
        format!("{again:?}"),
        "a text and a `Value` are read alike"
    );
    let written = serde_json::to_string(&message).map_err(|e| e.to_string())?;
    let written = serde_json::from_str(&written).map_err(|e| e.to_string())?;
    Ok(Echo { read, written })
}

macro_rules! messages {
    ($($name:literal => $type:ty,)*) => {
        /// Every message of the inventory, by its name.
        const MESSAGES: &[(&str, Roundtrip)] = &[$(($name, roundtrip::<$type>),)*];
    };
}

messages! {
    "AttributionSourceId" => AttributionSourceId,
    "AttributionSourceId.GroundingPassageId" => GroundingPassageId,
    "AttributionSourceId.SemanticRetrieverChunk" => SemanticRetrieverChunk,
    "BatchEmbedContentsRequest" => BatchEmbedContentsRequest,
    "BatchEmbedContentsResponse" => BatchEmbedContentsResponse,
    "Blob" => Blob,
    "CachedContent" => CachedContent,
    "CachedContent.UsageMetadata" => CachedContentUsage,
    "Candidate" => Candidate,
    "CitationMetadata" => CitationMetadata,
    "CitationSource" => CitationSource,
    "CodeExecution" => CodeExecution,
    "CodeExecutionResult" => CodeExecutionResult,
    "Content" => Content,
    "ContentEmbedding" => ContentEmbedding,
    "CountTokensRequest" => CountTokensRequest,
    "CountTokensResponse" => CountTokensResponse,
    "DynamicRetrievalConfig" => DynamicRetrievalConfig,
    "EmbedContentRequest" => EmbedContentRequest,
    "EmbedContentResponse" => EmbedContentResponse,
    "ExecutableCode" => ExecutableCode,
    "File" => File,
    "FileData" => FileData,
    "FileSearch" => FileSearch,
    "FileSearch.RetrievalConfig" => FileRetrievalConfig,
    "FileSearch.RetrievalResource" => RetrievalResource,
    "FunctionCall" => FunctionCall,
    "FunctionCallingConfig" => FunctionCallingConfig,
    "FunctionDeclaration" => FunctionDeclaration,
    "FunctionResponse" => FunctionResponse,
    "FunctionResponseBlob" => Blob,
    "FunctionResponsePart" => FunctionResponsePart,
    "GenerateContentRequest" => GenerateContentRequest,
    "GenerateContentResponse" => GenerateContentResponse,
    "GenerateContentResponse.PromptFeedback" => PromptFeedback,
    "GenerateContentResponse.UsageMetadata" => UsageMetadata,
    "GenerationConfig" => GenerationConfig,
    "GoogleMaps" => GoogleMaps,
    "GoogleSearchRetrieval" => GoogleSearchRetrieval,
    "GroundingAttribution" => GroundingAttribution,
    "GroundingChunk" => GroundingChunk,
    "GroundingChunk.Maps" => MapsChunk,
    "GroundingChunk.Maps.PlaceAnswerSources" => PlaceAnswerSources,
    "GroundingChunk.Maps.PlaceAnswerSources.ReviewSnippet" => ReviewSnippet,
    "GroundingChunk.RetrievedContext" => RetrievedContext,
    "GroundingChunk.Web" => WebChunk,
    "GroundingMetadata" => GroundingMetadata,
    "GroundingSupport" => GroundingSupport,
    "ImageConfig" => ImageConfig,
    "ListModelsResponse" => ListModelsResponse,
    "LogprobsResult" => LogprobsResult,
    "LogprobsResult.Candidate" => LogprobsCandidate,
    "LogprobsResult.TopCandidates" => TopCandidates,
    "ModalityTokenCount" => ModalityTokenCount,
    "Model" => Model,
    "MultiSpeakerVoiceConfig" => MultiSpeakerVoiceConfig,
    "Part" => Part,
    "PrebuiltVoiceConfig" => PrebuiltVoiceConfig,
    "RetrievalConfig" => RetrievalConfig,
    "RetrievalMetadata" => RetrievalMetadata,
    "SafetyRating" => SafetyRating,
    "SafetySetting" => SafetySetting,
    "Schema" => Schema,
    "SearchEntryPoint" => SearchEntryPoint,
    "Segment" => Segment,
    "SpeakerVoiceConfig" => SpeakerVoiceConfig,
    "SpeechConfig" => SpeechConfig,
    "ThinkingConfig" => ThinkingConfig,
    "Tool" => Tool,
    "Tool.ComputerUse" => ComputerUse,
    "Tool.GoogleSearch" => GoogleSearch,
    "ToolConfig" => ToolConfig,
    "UrlContext" => UrlContext,
    "UrlContextMetadata" => UrlContextMetadata,
    "UrlMetadata" => UrlMetadata,
    "VideoFileMetadata" => VideoFileMetadata,
    "VideoMetadata" => VideoMetadata,
    "VoiceConfig" => VoiceConfig,
    "google.rpc.Status" => Status,
    "google.type.Interval" => Interval,
    "google.type.LatLng" => LatLng,
}

fn message(name: &str) -> Roundtrip {
    let found = MESSAGES.iter().find(|(known, _)| *known == name);
    found
        .unwrap_or_else(|| panic!("message {name} is not typed"))
        .1
}
