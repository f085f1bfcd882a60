//! How tools are used.

message! {
    /// How tools are used.
    pub struct ToolConfig {
        /// Whether and which functions are called.
        pub function_calling_config: Option<FunctionCallingConfig>,
        /// Where the user is, and what language they speak.
        pub retrieval_config: Option<Box<RetrievalConfig>>,
        /// Whether the reply shows the calls of the service's own tools. Needed to use those together
        /// with functions.
        pub include_server_side_tool_invocations: Option<bool>,
    }
}

setters!(ToolConfig {
    into function_calling_config: FunctionCallingConfig,
    boxed retrieval_config: RetrievalConfig,
    plain include_server_side_tool_invocations: bool,
});

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
    /// Whether and which functions are called.
    ///
    /// ```
    /// use generativeai::{GenerativeModel, protocol::tools::FunctionCallingConfig};
    ///
    /// let model = GenerativeModel::new("gemini-flash-latest")
    ///     .tool_config(FunctionCallingConfig::any_of(["height"]));
    /// ```
    pub struct FunctionCallingConfig {
        /// Whether.
        pub mode: Option<FunctionCallingMode>,
        /// Which, if not all; with the modes `ANY` and `VALIDATED`.
        pub allowed_function_names: Vec<String>,
    }
}

setters!(FunctionCallingConfig {
    into mode: FunctionCallingMode,
    list allowed_function_names: String,
});

impl FunctionCallingConfig {
    /// Functions are called if the model thinks it useful.
    pub fn auto() -> Self {
        FunctionCallingMode::Auto.into()
    }

    /// A function is always called; automatic calling asks for that in the first round only.
    pub fn any() -> Self {
        FunctionCallingMode::Any.into()
    }

    /// One of these functions is always called; automatic calling asks for that in the first round
    /// only.
    pub fn any_of(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::any().allowed_function_names(names)
    }

    /// No function is called.
    pub fn none() -> Self {
        FunctionCallingMode::None.into()
    }

    /// Functions are called if the model thinks it useful, with arguments that keep to the
    /// declaration.
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
    /// Whether functions are called.
    pub enum FunctionCallingMode {
        /// Left to the service.
        Unspecified = "MODE_UNSPECIFIED",
        /// If the model thinks it useful.
        Auto = "AUTO",
        /// Always.
        Any = "ANY",
        /// Never.
        None = "NONE",
        /// If the model thinks it useful, and then with arguments that keep to the declaration.
        Validated = "VALIDATED",
    }
}

message! {
    /// Where the user is, and what language they speak.
    pub struct RetrievalConfig {
        /// Where.
        pub lat_lng: Option<LatLng>,
        /// The language, such as `en-GB`.
        pub language_code: Option<String>,
    }
}

setters!(RetrievalConfig {
    into lat_lng: LatLng,
    into language_code: String,
});

message! {
    /// A place on earth, in degrees.
    pub struct LatLng {
        /// North of the equator; from -90 to 90.
        pub latitude: Option<f64>,
        /// East of Greenwich; from -180 to 180.
        pub longitude: Option<f64>,
    }
}

impl LatLng {
    /// The place that far north and east.
    pub fn new(latitude: f64, longitude: f64) -> Self {
        Self {
            latitude: Some(latitude),
            longitude: Some(longitude),
            ..Self::default()
        }
    }
}
