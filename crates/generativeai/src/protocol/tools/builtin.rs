//! Tools of the service.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::protocol::time::{Duration, Timestamp};

message! {
    /// Running code the model writes.
    pub struct CodeExecution {
    }
}

message! {
    /// Reading pages whose addresses are given.
    pub struct UrlContext {
    }
}

message! {
    /// Searching the web.
    pub struct GoogleSearch {
        /// What to search for: pages, pictures.
        pub search_types: Option<SearchTypes>,
        /// From when the pages are to be.
        pub time_range_filter: Option<Interval>,
        /// Sites to leave out.
        pub exclude_domains: Vec<String>,
    }
}

setters!(GoogleSearch {
    into search_types: SearchTypes,
    into time_range_filter: Interval,
    list exclude_domains: String,
});

message! {
    /// What to search the web for.
    pub struct SearchTypes {
        /// Pages.
        pub web_search: Option<WebSearch>,
        /// Pictures.
        pub image_search: Option<ImageSearch>,
    }
}

setters!(SearchTypes {
    into web_search: WebSearch,
    into image_search: ImageSearch,
});

message! {
    /// Searching for pages.
    pub struct WebSearch {
    }
}

message! {
    /// Searching for pictures.
    pub struct ImageSearch {
    }
}

message! {
    /// A span between two points in time; open where one is absent.
    pub struct Interval {
        /// Where it begins.
        pub start_time: Option<Timestamp>,
        /// Where it ends.
        pub end_time: Option<Timestamp>,
    }
}

setters!(Interval {
    into start_time: Timestamp,
    into end_time: Timestamp,
});

message! {
    /// Searching the web, as older models do it.
    pub struct GoogleSearchRetrieval {
        /// When to search.
        pub dynamic_retrieval_config: Option<DynamicRetrievalConfig>,
    }
}

setters!(GoogleSearchRetrieval {
    into dynamic_retrieval_config: DynamicRetrievalConfig,
});

message! {
    /// When to search the web.
    pub struct DynamicRetrievalConfig {
        /// Who decides.
        pub mode: Option<DynamicRetrievalMode>,
        /// How useful a search must promise to be, from 0 to 1.
        pub dynamic_threshold: Option<f64>,
    }
}

setters!(DynamicRetrievalConfig {
    into mode: DynamicRetrievalMode,
    plain dynamic_threshold: f64,
});

open_enum! {
    /// Who decides whether to search the web.
    pub enum DynamicRetrievalMode {
        /// Always search.
        Unspecified = "MODE_UNSPECIFIED" | "unspecified",
        /// Search when the model thinks it useful.
        Dynamic = "MODE_DYNAMIC" | "dynamic",
    }
}

message! {
    /// Operating a computer.
    pub struct ComputerUse {
        /// What is operated.
        pub environment: Option<Environment>,
        /// Actions the model shall not take.
        pub excluded_predefined_functions: Vec<String>,
        /// Whether to look out for orders hidden in what is on the screen.
        pub enable_prompt_injection_detection: Option<bool>,
        /// Rules of safety that shall not hold.
        pub disabled_safety_policies: Vec<Value>,
    }
}

setters!(ComputerUse {
    into environment: Environment,
    list excluded_predefined_functions: String,
    plain enable_prompt_injection_detection: bool,
    list disabled_safety_policies: Value,
});

open_enum! {
    /// What is operated.
    pub enum Environment {
        /// Left to the service.
        Unspecified = "ENVIRONMENT_UNSPECIFIED",
        /// A browser.
        Browser = "ENVIRONMENT_BROWSER",
        ;
        /// A telephone.
        Mobile = "ENVIRONMENT_MOBILE",
        /// A whole desktop.
        Desktop = "ENVIRONMENT_DESKTOP",
    }
}

message! {
    /// Searching the caller's files.
    pub struct FileSearch {
        /// The stores to search.
        pub file_search_store_names: Vec<String>,
        /// How many pieces to find.
        pub top_k: Option<i32>,
        /// What must hold of the files.
        pub metadata_filter: Option<String>,
        /// The stores to search, in the older form.
        pub retrieval_resources: Vec<RetrievalResource>,
        /// How to search, in the older form.
        pub retrieval_config: Option<FileRetrievalConfig>,
    }
}

setters!(FileSearch {
    list file_search_store_names: String,
    plain top_k: i32,
    into metadata_filter: String,
    list retrieval_resources: RetrievalResource,
    into retrieval_config: FileRetrievalConfig,
});

message! {
    /// A store to search.
    pub struct RetrievalResource {
        /// Its name.
        pub rag_store_name: Option<String>,
    }
}

setters!(RetrievalResource {
    into rag_store_name: String,
});

message! {
    /// How to search the caller's files.
    pub struct FileRetrievalConfig {
        /// How many pieces to find.
        pub top_k: Option<i32>,
        /// What must hold of the files.
        pub metadata_filter: Option<String>,
    }
}

setters!(FileRetrievalConfig {
    plain top_k: i32,
    into metadata_filter: String,
});

message! {
    /// Searching the map.
    pub struct GoogleMaps {
        /// Who asks.
        pub auth_config: Option<Value>,
        /// Whether to give the token of a map to show.
        pub enable_widget: Option<bool>,
    }
}

setters!(GoogleMaps {
    into auth_config: Value,
    plain enable_widget: bool,
});

message! {
    /// A server of the Model Context Protocol, which the service calls.
    pub struct McpServer {
        /// What to call it.
        pub name: Option<String>,
        /// How to reach it.
        pub streamable_http_transport: Option<StreamableHttpTransport>,
    }
}

setters!(McpServer {
    into name: String,
    into streamable_http_transport: StreamableHttpTransport,
});

message! {
    /// How to reach a server over HTTP.
    pub struct StreamableHttpTransport {
        /// Its address.
        pub url: Option<String>,
        /// Headers to send it.
        pub headers: Option<BTreeMap<String, String>>,
        /// How long an answer may take.
        pub timeout: Option<Duration>,
        /// How long an event may take.
        pub sse_read_timeout: Option<Duration>,
        /// Whether to end the server's session at the end.
        pub terminate_on_close: Option<bool>,
    }
}

setters!(StreamableHttpTransport {
    into url: String,
    map headers: String,
    into timeout: Duration,
    into sse_read_timeout: Duration,
    plain terminate_on_close: bool,
});
