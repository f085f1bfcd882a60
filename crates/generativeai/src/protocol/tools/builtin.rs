//! Built-in tools, which run on the service.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::protocol::time::{Duration, Timestamp};

message! {
    /// Tool that runs Python code of the model in a sandbox of the service.
    ///
    /// The code and its output are parts of the reply:
    /// [`ExecutableCode`](crate::protocol::content::ExecutableCode) and
    /// [`CodeExecutionResult`](crate::protocol::content::CodeExecutionResult).
    ///
    /// The tool is useful for arithmetic, tables and plots, where models make mistakes. The model decides whether to
    /// write code. The output of the code is counted as prompt tokens.
    ///
    /// ```
    /// use generativeai::protocol::tools::CodeExecution;
    /// use generativeai::{GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::always("The sum is 5117.");
    /// let model = GenerativeModel::new("gemini-flash-latest").tools(CodeExecution::default());
    /// # let model = model.backend(script.clone());
    /// let reply = model.generate_content("Add up the first 50 primes.").await?;
    /// println!("{}", reply.text()?);
    /// # assert!(script.requests()[0].tools[0].code_execution.is_some());
    /// # Ok(()) }
    /// ```
    ///
    /// API page: [Code execution](https://ai.google.dev/gemini-api/docs/code-execution).
    pub struct CodeExecution {
    }
}

message! {
    /// Tool that reads web pages whose URLs are in the conversation, at most 20 per request.
    ///
    /// The pages read are listed in
    /// [`url_context_metadata`](crate::protocol::response::Candidate::url_context_metadata).
    ///
    /// ```
    /// use generativeai::protocol::response::GenerateContentResponse;
    /// use generativeai::protocol::grounding::UrlRetrievalStatus;
    ///
    /// let response: GenerateContentResponse = serde_json::from_str(
    ///     r#"{"candidates":[{"urlContextMetadata":{"urlMetadata":[
    ///         {"retrievedUrl":"https://example.com","urlRetrievalStatus":"URL_RETRIEVAL_STATUS_PAYWALL"}]}}]}"#,
    /// )?;
    /// let read = response.candidates[0].url_context_metadata.as_ref().unwrap();
    /// // The reply was written without this page.
    /// assert_eq!(read.url_metadata[0].url_retrieval_status, Some(UrlRetrievalStatus::Paywall));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// API page: [URL context](https://ai.google.dev/gemini-api/docs/url-context).
    pub struct UrlContext {
    }
}

message! {
    /// Web search. The model decides whether to search, and with which queries.
    ///
    /// Queries and sources are in
    /// [`grounding_metadata`](crate::protocol::response::Candidate::grounding_metadata).
    ///
    /// Searches are billed in addition to tokens. Programs that show a grounded reply have to show the search
    /// suggestions with it, see [`GroundingMetadata`](crate::protocol::grounding::GroundingMetadata).
    ///
    /// ```
    /// use generativeai::GenerativeModel;
    /// use generativeai::protocol::tools::GoogleSearch;
    ///
    /// let search = GoogleSearch::default();
    /// let model = GenerativeModel::new("gemini-flash-latest").tools(search);
    /// ```
    ///
    /// API page: [Grounding with Google Search](https://ai.google.dev/gemini-api/docs/google-search).
    pub struct GoogleSearch {
        /// Kinds of search. Default: web pages.
        pub search_types: Option<SearchTypes> => into SearchTypes,
        /// Period in which the pages were published. Needs both a start and an end. Gemini API only.
        pub time_range_filter: Option<Interval> => into Interval,
        /// Domains to leave out of the results, such as `example.com`. At most 2,000. Vertex AI only.
        pub exclude_domains: Vec<String> => list String,
    }
}

message! {
    /// Web search that logs no data of the customer. Its index is smaller than that of [`GoogleSearch`]. Vertex AI only.
    ///
    /// API page: [Web Grounding for Enterprise](https://docs.cloud.google.com/vertex-ai/generative-ai/docs/grounding/web-grounding-enterprise).
    pub struct EnterpriseWebSearch {
        /// Domains to leave out of the results, such as `example.com`. At most 2,000.
        pub exclude_domains: Vec<String> => list String,
    }
}

message! {
    /// Kinds of search. A kind that is present is enabled.
    pub struct SearchTypes {
        /// Search for web pages.
        pub web_search: Option<WebSearch> => into WebSearch,
        /// Search for images.
        pub image_search: Option<ImageSearch> => into ImageSearch,
    }
}

message! {
    /// Search for web pages. The results are text.
    pub struct WebSearch {
    }
}

message! {
    /// Search for images. The results are images.
    pub struct ImageSearch {
    }
}

message! {
    /// Period of time. Without a start or an end it is unlimited on that side.
    ///
    /// ```
    /// use generativeai::protocol::tools::{GoogleSearch, Interval};
    ///
    /// let year: Interval = serde_json::from_str(
    ///     r#"{"startTime":"2025-01-01T00:00:00Z","endTime":"2026-01-01T00:00:00Z"}"#,
    /// )?;
    /// let search = GoogleSearch::default().time_range_filter(year);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Interval {
        /// Start of the period, included.
        pub start_time: Option<Timestamp> => into Timestamp,
        /// End of the period, excluded.
        pub end_time: Option<Timestamp> => into Timestamp,
    }
}

message! {
    /// Web search of Gemini 1.5. Newer models use [`GoogleSearch`].
    pub struct GoogleSearchRetrieval {
        /// Condition under which the model searches.
        pub dynamic_retrieval_config: Option<DynamicRetrievalConfig> => into DynamicRetrievalConfig,
    }
}

message! {
    /// Condition under which a Gemini 1.5 model searches the web.
    pub struct DynamicRetrievalConfig {
        /// Mode. Default: search always.
        pub mode: Option<DynamicRetrievalMode> => into DynamicRetrievalMode,
        /// Lowest score, from 0 to 1, at which the model searches. The score is the probability that a
        /// search improves the reply.
        pub dynamic_threshold: Option<f64> => plain f64,
    }
}

open_enum! {
    /// Mode of the web search of Gemini 1.5: always, or when the model decides to.
    pub enum DynamicRetrievalMode {
        /// The model searches always.
        Unspecified = "MODE_UNSPECIFIED",
        /// The model searches if the score reaches the threshold.
        Dynamic = "MODE_DYNAMIC",
    }
}

message! {
    /// Tool that controls a browser, a phone or a desktop.
    ///
    /// The service declares functions such as `click_at`. In a loop, the model calls one, the program performs the
    /// action, and the response contains a new screenshot as
    /// [`FunctionResponsePart`](crate::protocol::content::FunctionResponsePart). Ask the user before each step that
    /// cannot be undone.
    ///
    /// ```
    /// use generativeai::protocol::content::FunctionCall;
    /// use generativeai::protocol::tools::{ComputerUse, Environment};
    ///
    /// let browser = ComputerUse::default()
    ///     .environment(Environment::Browser)
    ///     .excluded_predefined_functions(["drag_and_drop"]);
    /// // A click, at coordinates of a grid of 1,000 by 1,000.
    /// let click: FunctionCall = serde_json::from_str(r#"{"name":"click_at","args":{"x":500,"y":120}}"#)?;
    /// assert_eq!(click.arg("x").unwrap(), 500);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ComputerUse {
        /// Environment that is controlled. Required by the service.
        pub environment: Option<Environment> => into Environment,
        /// Names of predefined functions that the model must not call.
        pub excluded_predefined_functions: Vec<String> => list String,
        /// Whether the service checks screenshots for instructions hidden in them. Default: `false`.
        pub enable_prompt_injection_detection: Option<bool> => plain bool,
        /// Names of safety policies to turn off, such as `FINANCIAL_TRANSACTIONS`. Gemini API only.
        pub disabled_safety_policies: Vec<Value> => list Value,
    }
}

open_enum! {
    /// Environment that a model controls.
    pub enum Environment {
        /// The default of the service, which is a browser.
        Unspecified = "ENVIRONMENT_UNSPECIFIED",
        /// Web browser.
        Browser = "ENVIRONMENT_BROWSER",
        ;
        /// Phone.
        Mobile = "ENVIRONMENT_MOBILE",
        /// Desktop computer.
        Desktop = "ENVIRONMENT_DESKTOP",
    }
}

message! {
    /// Search in documents uploaded to file search stores. Gemini API only.
    ///
    /// The passages found are in [`grounding_metadata`](crate::protocol::response::Candidate::grounding_metadata).
    ///
    /// ```
    /// use generativeai::GenerativeModel;
    /// use generativeai::protocol::tools::FileSearch;
    ///
    /// let manuals = FileSearch::default()
    ///     .file_search_store_names(["fileSearchStores/manuals-123"])
    ///     .metadata_filter(r#"language = "en""#)
    ///     .top_k(5);
    /// let model = GenerativeModel::new("gemini-flash-latest").tools(manuals);
    /// ```
    ///
    /// API page: [File search](https://ai.google.dev/gemini-api/docs/file-search).
    pub struct FileSearch {
        /// Names of the stores to search, such as `fileSearchStores/my-store-123`.
        pub file_search_store_names: Vec<String> => list String,
        /// Maximum number of passages to find.
        pub top_k: Option<i32> => plain i32,
        /// Condition on the metadata of the documents, such as `author = "Ann"`.
        pub metadata_filter: Option<String> => into String,
        /// Stores to search, as the gRPC API names them.
        pub retrieval_resources: Vec<RetrievalResource> => list RetrievalResource,
        /// Search settings, as the gRPC API names them.
        pub retrieval_config: Option<FileRetrievalConfig> => into FileRetrievalConfig,
    }
}

message! {
    /// Store to search, as the gRPC API names it.
    pub struct RetrievalResource {
        /// Name of the store, such as `ragStores/my-store-123`.
        pub rag_store_name: Option<String> => into String,
    }
}

message! {
    /// Search settings, as the gRPC API names them.
    pub struct FileRetrievalConfig {
        /// Maximum number of passages to find.
        pub top_k: Option<i32> => plain i32,
        /// Condition on the metadata of the documents, such as `author = "Ann"`.
        pub metadata_filter: Option<String> => into String,
    }
}

message! {
    /// Search for places on Google Maps.
    ///
    /// The places found are in [`grounding_metadata`](crate::protocol::response::Candidate::grounding_metadata).
    ///
    /// The location of the user, for places nearby, is in
    /// [`RetrievalConfig`](crate::protocol::tools::RetrievalConfig).
    ///
    /// ```
    /// use generativeai::GenerativeModel;
    /// use generativeai::protocol::tools::{GoogleMaps, LatLng, RetrievalConfig, ToolConfig};
    ///
    /// let here = RetrievalConfig::default().lat_lng(LatLng::new(56.82, -5.11));
    /// let model = GenerativeModel::new("gemini-flash-latest")
    ///     .tools(GoogleMaps::default())
    ///     .tool_config(ToolConfig::default().retrieval_config(here));
    /// ```
    pub struct GoogleMaps {
        /// Credentials for Google Maps. Vertex AI only.
        pub auth_config: Option<Value> => into Value,
        /// Whether the reply contains a token for a map widget. Default: `false`. Deprecated.
        pub enable_widget: Option<bool> => plain bool,
    }
}

message! {
    /// Server of the Model Context Protocol that the service calls. Gemini API only.
    ///
    /// To use the tools of a server from the program itself, see the feature `mcp` of this crate.
    pub struct McpServer {
        /// Name of the server, for the model.
        pub name: Option<String> => into String,
        /// Address of the server, with headers and time limits.
        pub streamable_http_transport: Option<StreamableHttpTransport> => into StreamableHttpTransport,
    }
}

message! {
    /// Address of an MCP server, with headers and time limits.
    ///
    /// ```
    /// use generativeai::protocol::tools::{McpServer, StreamableHttpTransport};
    ///
    /// let transport = StreamableHttpTransport::default().url("https://api.example.com/mcp");
    /// let server = McpServer::default().name("weather").streamable_http_transport(transport);
    /// ```
    pub struct StreamableHttpTransport {
        /// URL of the server, such as `https://api.example.com/mcp`.
        pub url: Option<String> => into String,
        /// Headers to send, such as `Authorization`.
        pub headers: Option<BTreeMap<String, String>> => map String,
        /// Time limit of a request.
        pub timeout: Option<Duration> => into Duration,
        /// Time limit of the wait for an event.
        pub sse_read_timeout: Option<Duration> => into Duration,
        /// Whether to end the session on the server when the connection closes.
        pub terminate_on_close: Option<bool> => plain bool,
    }
}
