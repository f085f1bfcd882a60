//! What a backend tells of its models.

message! {
    /// What a backend tells of a model.
    pub struct Model {
        /// Its name, such as `models/gemini-3-flash`.
        pub name: Option<String>,
        /// The name without its version.
        pub base_model_id: Option<String>,
        /// Its version.
        pub version: Option<String>,
        /// What people call it.
        pub display_name: Option<String>,
        /// What it can do.
        pub description: Option<String>,
        /// How many tokens it takes at most.
        pub input_token_limit: Option<i32>,
        /// How many tokens it answers at most.
        pub output_token_limit: Option<i32>,
        /// What can be asked of it, such as `generateContent`.
        pub supported_generation_methods: Vec<String>,
        /// Whether it thinks.
        pub thinking: Option<bool>,
        /// The temperature, if none is asked for.
        pub temperature: Option<f64>,
        /// The highest temperature.
        pub max_temperature: Option<f64>,
        /// `top_p`, if none is asked for.
        pub top_p: Option<f64>,
        /// `top_k`, if none is asked for.
        pub top_k: Option<i32>,
    }
}

message! {
    /// Some of the models of a backend.
    pub struct ListModelsResponse {
        /// The models.
        pub models: Vec<Model>,
        /// Where the next ones begin; absent if there are no more.
        pub next_page_token: Option<String>,
    }
}
