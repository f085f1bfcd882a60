//! Every member and value that the REST API has beyond the inventory has a type.

use std::fmt::Debug;

use generativeai::protocol::{
    config::*, content::*, embeddings::*, grounding::*, request::*, response::*, safety::*,
    schema::*, tokens::*, tools::*,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::roundtrip;

#[track_caller]
fn assert_typed<T: DeserializeOwned + Serialize + Debug>(bodies: &[Value]) {
    for body in bodies {
        let echo = roundtrip::<T>(body).unwrap_or_else(|error| panic!("{error} in {body}"));
        assert_eq!(&echo.written, body);
        assert!(echo.knows_members() && echo.knows_values(), "{}", echo.read);
    }
}

#[track_caller]
fn assert_values<T: for<'a> From<&'a str> + Debug>(names: &[&str]) {
    for name in names {
        let value = format!("{:?}", T::from(name));
        assert!(!value.contains("Unknown"), "{name} is not typed");
    }
}

#[test]
fn fields_of_requests_are_read_and_written() {
    assert_typed::<GenerateContentRequest>(&[
        json!({"labels": {"team": "maps"}, "continuationToken": "t", "store": false}),
        json!({"serviceTier": "flex"}),
        json!({"serviceTier": "standard"}),
        json!({"serviceTier": "priority"}),
    ]);
    assert_typed::<GenerationConfig>(&[
        json!({"responseModalities": ["VIDEO"]}),
        json!({"audioTranscriptionConfig": {"languageCodes": ["en"], "diarization": true,
            "customVocabulary": ["Nevis"], "wordTimestamp": true}}),
        json!({"responseFormat": [{"text": {}}], "translationConfig": {"to": "en"}}),
        json!({"thinkingConfig": {"thinkingLevel": "MINIMAL"}}),
        json!({"imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"}}),
        json!({"speechConfig": {"voiceConfig": {"replicatedVoiceConfig": {}, "voice": "x"}}}),
    ]);
    assert_values::<ThinkingLevel>(&["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"]);
}

#[test]
fn fields_of_parts_are_read_and_written() {
    assert_typed::<Part>(&[
        json!({"inlineData": {"mimeType": "a/b", "data": "", "displayName": "n"}}),
        json!({"fileData": {"mimeType": "a/b", "fileUri": "u", "displayName": "n"}}),
        json!({"functionCall": {"id": "1", "name": "f", "willContinue": true,
            "partialArgs": [{"jsonPath": "$.x", "stringValue": "a", "willContinue": true},
                {"jsonPath": "$.y", "numberValue": 1.0}, {"jsonPath": "$.z", "boolValue": true},
                {"jsonPath": "$.n", "nullValue": "NULL_VALUE"}]}}),
        json!({"functionResponse": {"id": "1", "name": "f", "response": {},
            "parts": [{"inlineData": {"mimeType": "a/b", "data": "", "displayName": "n"}},
                {"fileData": {"fileUri": "u"}}],
            "willContinue": true, "scheduling": "WHEN_IDLE"}}),
        json!({"executableCode": {"id": "1", "language": "PYTHON", "code": "x"}}),
        json!({"codeExecutionResult": {"id": "1", "outcome": "OUTCOME_OK", "output": "x"}}),
        json!({"toolCall": {"id": "1", "toolType": "GOOGLE_SEARCH_WEB", "args": {"q": "x"}}}),
        json!({"toolResponse": {"id": "1", "toolType": "URL_CONTEXT", "response": {"a": 1}}}),
        json!({"partMetadata": {"a": 1}, "thought": true, "thoughtSignature": "c2ln"}),
        json!({"videoMetadata": {"startOffset": "1s", "endOffset": "2.5s", "fps": 0.5,
            "contentLayers": ["VISUAL"]}}),
        json!({"mediaResolution": {"level": "MEDIA_RESOLUTION_ULTRA_HIGH", "numTokens": 64}}),
        json!({"mediaProcessing": "STATIC"}),
        json!({"mediaProcessing": "AGENTIC"}),
        json!({"audioTranscription": {"text": "Hi", "finished": true, "languageCode": "en",
            "speakerLabel": "spk_1", "words": [{"word": "Hi"}]}}),
        json!({"speechMetadata": {"speaker": "Ann", "style": "calm"}}),
        json!({"documentMetadata": {"startPage": 1, "endPage": 2, "contentLayers": ["DATA"]}}),
        json!({"spreadsheetMetadata": {"visibleCells": "A1:B2", "sheetIndex": 1,
            "contentLayers": ["DATA", "FORMULAS"]}}),
        json!({"audioMetadata": {"startOffset": "1s", "endOffset": "2s"}}),
    ]);
    assert_values::<ToolType>(&[
        "GOOGLE_SEARCH_WEB",
        "GOOGLE_SEARCH_IMAGE",
        "URL_CONTEXT",
        "GOOGLE_MAPS",
        "FILE_SEARCH",
        "MEDIA_PROCESSING",
    ]);
    assert_values::<PartMediaResolutionLevel>(&[
        "MEDIA_RESOLUTION_LOW",
        "MEDIA_RESOLUTION_MEDIUM",
        "MEDIA_RESOLUTION_HIGH",
        "MEDIA_RESOLUTION_ULTRA_HIGH",
    ]);
}

#[test]
fn fields_of_tools_are_read_and_written() {
    assert_typed::<Tool>(&[
        json!({"googleSearch": {"searchTypes": {"webSearch": {}, "imageSearch": {}},
            "timeRangeFilter": {"startTime": "2026-01-01T00:00:00Z"}, "excludeDomains": ["x"]}}),
        json!({"enterpriseWebSearch": {"excludeDomains": ["x"]}}),
        json!({"googleMaps": {"authConfig": {"apiKeyConfig": {}}, "enableWidget": true}}),
        json!({"fileSearch": {"fileSearchStoreNames": ["s"], "topK": 3, "metadataFilter": "a=1"}}),
        json!({"computerUse": {"environment": "ENVIRONMENT_MOBILE",
            "excludedPredefinedFunctions": ["drag"], "enablePromptInjectionDetection": true,
            "disabledSafetyPolicies": ["X"]}}),
        json!({"computerUse": {"environment": "ENVIRONMENT_DESKTOP"}}),
        json!({"mcpServers": [{"name": "m", "streamableHttpTransport": {"url": "u",
            "headers": {"a": "b"}, "timeout": "5s", "sseReadTimeout": "60s",
            "terminateOnClose": true}}]}),
    ]);
    assert_typed::<ToolConfig>(&[json!({"includeServerSideToolInvocations": true})]);
    assert_typed::<Schema>(&[json!({"additionalProperties": false, "ref": "#/defs/a",
        "defs": {"a": {"type": "STRING"}}})]);
}

/// Row 31 of tests/field.md.
#[test]
fn fields_of_recorded_exchanges() {
    assert_typed::<GenerateContentResponse>(&[
        json!({"usageMetadata": {"serviceTier": "standard", "trafficType": "ON_DEMAND_FLEX",
            "billablePromptUsage": {"textCount": 131, "imageCount": 1, "videoDurationSeconds": 2,
                "audioDurationSeconds": 3}}}),
        json!({"turnToken": "v1_ChdQ", "candidates": [{"score": -92.5}]}),
        json!({"candidates": [{"citationMetadata": {"citations": [{"uri": "u"}]}}]}),
    ]);
    assert_values::<TrafficType>(&[
        "ON_DEMAND",
        "ON_DEMAND_PRIORITY",
        "ON_DEMAND_FLEX",
        "ON_DEMAND_OFFPEAK",
        "PROVISIONED_THROUGHPUT",
    ]);
    let usage = json!({"promptTokenCount": 4,
        "promptTokenDetails": [{"modality": "TEXT", "tokenCount": 4}]});
    assert_typed::<EmbedContentResponse>(&[json!({ "usageMetadata": usage })]);
    assert_typed::<BatchEmbedContentsResponse>(&[json!({ "usageMetadata": usage })]);
    assert_typed::<CountTokensResponse>(&[json!({"totalBillableCharacters": 47})]);
    assert_typed::<GenerationConfig>(&[json!({"imageConfig": {
        "imageOutputOptions": {"mimeType": "image/jpeg", "compressionQuality": 85}}})]);
    assert_typed::<ToolConfig>(&[
        json!({"functionCallingConfig": {"streamFunctionCallArguments": true}}),
    ]);
}

#[test]
fn fields_of_responses_are_read_and_written() {
    assert_typed::<GenerateContentResponse>(&[
        json!({"createTime": "2026-11-23T12:00:00Z", "promptFeedback": {"blockReasonMessage": "m"}}),
        json!({"modelStatus": {"modelStage": "PREVIEW", "message": "m",
            "retirementTime": "2027-01-01T00:00:00Z"}}),
        json!({"candidates": [{"continuationToken": "t", "finishMessage": "m"}]}),
    ]);
    assert_typed::<GroundingMetadata>(&[json!({
        "imageSearchQueries": ["a"],
        "retrievalQueries": ["b"],
        "groundingChunks": [
            {"image": {"sourceUri": "s", "imageUri": "i", "title": "t", "domain": "d"}},
            {"web": {"uri": "u", "title": "t", "domain": "d"}},
            {"retrievedContext": {"documentName": "n", "fileSearchStore": "s", "mediaId": "m",
                "pageNumber": 3, "ragChunk": {}, "customMetadata": [{"key": "k"}]}},
            {"maps": {"route": {}}},
        ],
        "groundingSupports": [{"renderedParts": [0]}],
    })]);
    assert_typed::<CitationMetadata>(&[json!({
        "citationSources": [{"title": "t", "publicationDate": {"year": 2026}}],
    })]);
    assert_values::<FinishReason>(&[
        "CONTINUATION",
        "MALFORMED_RESPONSE",
        "MODEL_ARMOR",
        "MISSING_THOUGHT_SIGNATURE",
        "ESCALATION",
        "PUP_LIMITED_DISABLED",
    ]);
    assert_values::<BlockReason>(&["MODEL_ARMOR", "JAILBREAK", "BLOCKED_REASON_UNSPECIFIED"]);
    assert_values::<HarmCategory>(&[
        "HARM_CATEGORY_JAILBREAK",
        "HARM_CATEGORY_IMAGE_HATE",
        "HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT",
        "HARM_CATEGORY_IMAGE_HARASSMENT",
        "HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT",
    ]);
}
