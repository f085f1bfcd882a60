//! Settings of tools: which functions the model may or must call.

message! {
    /// Settings that apply to all tools of a request.
    ///
    /// ```
    /// use generativeai::GenerativeModel;
    /// use generativeai::protocol::tools::{FunctionCallingConfig, LatLng, RetrievalConfig, ToolConfig};
    ///
    /// let config = ToolConfig::default()
    ///     .function_calling_config(FunctionCallingConfig::validated())
    ///     .retrieval_config(RetrievalConfig::default().lat_lng(LatLng::new(55.95, -3.19)))
    ///     .include_server_side_tool_invocations(true);
    /// let model = GenerativeModel::new("gemini-flash-latest").tool_config(config);
    /// ```
    pub struct ToolConfig {
        /// Whether the model may or must call functions.
        pub function_calling_config: Option<FunctionCallingConfig> => into FunctionCallingConfig,
        /// Location and language of the user, for search tools.
        pub retrieval_config: Option<Box<RetrievalConfig>> => into RetrievalConfig,
        /// Whether the reply contains the calls of built-in tools and their results, as
        /// [`ToolCall`](crate::protocol::content::ToolCall) and
        /// [`ToolResponse`](crate::protocol::content::ToolResponse) parts. Default: `false`. The Gemini
        /// API requires `true` for a request with both functions and built-in tools.
        pub include_server_side_tool_invocations: Option<bool> => plain bool,
    }
}

impl From<FunctionCallingConfig> for ToolConfig {
    fn from(config: FunctionCallingConfig) -> Self {
        Self::default().function_calling_config(config)
    }
}

impl From<FunctionCallingMode> for ToolConfig {
    fn from(mode: FunctionCallingMode) -> Self {
        FunctionCallingConfig::from(mode).into()
    }
}

message! {
    /// Setting of function calling: whether the model may or must call functions, and which.
    ///
    /// ```
    /// use generativeai::{GenerativeModel, protocol::tools::FunctionCallingConfig};
    ///
    /// let model = GenerativeModel::new("gemini-flash-latest")
    ///     .tool_config(FunctionCallingConfig::any_of(["height"]));
    /// ```
    pub struct FunctionCallingConfig {
        /// Mode. Default: [`Auto`](FunctionCallingMode::Auto).
        pub mode: Option<FunctionCallingMode> => into FunctionCallingMode,
        /// Names of the functions that the model may call, with the modes
        /// [`Any`](FunctionCallingMode::Any) and [`Validated`](FunctionCallingMode::Validated). Default:
        /// all that are declared.
        pub allowed_function_names: Vec<String> => list String,
        /// Whether the arguments of a call are streamed in
        /// [pieces](crate::protocol::content::FunctionCall::partial_args). Default: `false`. Vertex AI
        /// only.
        pub stream_function_call_arguments: Option<bool> => plain bool,
    }
}

impl FunctionCallingConfig {
    /// Lets the model decide between function calls and text.
    pub fn auto() -> Self {
        FunctionCallingMode::Auto.into()
    }

    /// Forces a function call. With automatic function calling this applies to the first round of a
    /// turn; then the mode is `AUTO`, so that the model can answer.
    pub fn any() -> Self {
        FunctionCallingMode::Any.into()
    }

    /// Forces a call of one of these functions, like [`any`](Self::any).
    pub fn any_of(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::any().allowed_function_names(names)
    }

    /// Prevents function calls.
    pub fn none() -> Self {
        FunctionCallingMode::None.into()
    }

    /// Lets the model decide, like [`auto`](Self::auto), and makes calls match their declarations.
    pub fn validated() -> Self {
        FunctionCallingMode::Validated.into()
    }
}

impl From<FunctionCallingMode> for FunctionCallingConfig {
    fn from(mode: FunctionCallingMode) -> Self {
        Self::default().mode(mode)
    }
}

open_enum! {
    /// Mode of function calling.
    ///
    /// | Mode | Calls | Text | Arguments match the declaration |
    /// | --- | --- | --- | --- |
    /// | [`Auto`](Self::Auto) | yes | yes | usually |
    /// | [`Any`](Self::Any) | always | no | yes |
    /// | [`None`](Self::None) | no | yes | |
    /// | [`Validated`](Self::Validated) | yes | yes | yes |
    pub enum FunctionCallingMode {
        /// The default of the service, which is [`Auto`](Self::Auto).
        Unspecified = "MODE_UNSPECIFIED",
        /// The model decides between function calls and text.
        Auto = "AUTO",
        /// The model always calls a function.
        /// A program that always sends this mode never receives a final text.
        Any = "ANY",
        /// The model never calls a function, as if none were declared.
        None = "NONE",
        /// The model decides between function calls and text; the arguments of calls always match the
        /// declaration.
        Validated = "VALIDATED",
    }
}

message! {
    /// Location and language of the user, for search tools.
    pub struct RetrievalConfig {
        /// Location of the user, for results nearby.
        pub lat_lng: Option<LatLng> => into LatLng,
        /// Language of the user as a BCP 47 code, such as `en-GB`.
        pub language_code: Option<String> => into String,
    }
}

message! {
    /// Geographic coordinates in degrees (WGS 84).
    ///
    /// ```
    /// use generativeai::protocol::tools::{LatLng, RetrievalConfig, ToolConfig};
    ///
    /// let edinburgh = LatLng::new(55.95, -3.19);
    /// let config = ToolConfig::default()
    ///     .retrieval_config(RetrievalConfig::default().lat_lng(edinburgh).language_code("en-GB"));
    /// ```
    pub struct LatLng {
        /// Latitude, from -90 to 90. Positive values are north of the equator.
        pub latitude: Option<f64>,
        /// Longitude, from -180 to 180. Positive values are east of Greenwich.
        pub longitude: Option<f64>,
    }
}

impl LatLng {
    /// Creates coordinates from a latitude and a longitude.
    pub fn new(latitude: f64, longitude: f64) -> Self {
        Self {
            latitude: Some(latitude),
            longitude: Some(longitude),
            ..Self::default()
        }
    }
}
