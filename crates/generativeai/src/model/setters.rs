//! Setters of the settings that a model, a message and other requests have.

use super::generative_model::GenerativeModel;
use super::settings::Settings;

/// Setters of a model, a message or another request. The type needs a method `with`, which applies a change to its
/// `Settings`.
///
/// A macro, since the same setters exist for each of these types: their docs are written once. An attribute in front
/// of the list is added to each setter.
macro_rules! request_setters {
    ($($name:ident)*) => {
        $($crate::model::request_setters!(@$name []);)*
    };
    (#[must_use] $($name:ident)*) => {
        $($crate::model::request_setters!(@$name [#[must_use]]);)*
    };
    (@generation_config [$($attribute:tt)*]) => {
        /// Sets how replies are generated: temperature, output limit, thinking, format and so on.
        ///
        /// The configuration replaces an earlier one. That of a message is merged over that of its model, field by
        /// field:
        ///
        /// ```
        /// use generativeai::protocol::config::GenerationConfig;
        /// # use generativeai::{GenerativeModel, testing::Scripted};
        ///
        /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
        /// # let script = Scripted::always("Hello!");
        /// let model = GenerativeModel::new("m")
        ///     .generation_config(GenerationConfig::default().temperature(0.2).max_output_tokens(64));
        /// # let model = model.backend(script.clone());
        /// // The temperature is still 0.2.
        /// let longer = GenerationConfig::default().max_output_tokens(1_024);
        /// let request = model.generate_content("Hi").generation_config(longer);
        /// # request.await?;
        /// # let sent = script.requests()[0].generation_config.clone().unwrap();
        /// # assert_eq!((sent.temperature, sent.max_output_tokens), (Some(0.2), Some(1_024)));
        /// # Ok(()) }
        /// ```
        $($attribute)*
        pub fn generation_config(self, config: $crate::protocol::config::GenerationConfig) -> Self {
            self.with(|settings| settings.request.generation_config = Some(Box::new(config)))
        }
    };
    (@safety_settings [$($attribute:tt)*]) => {
        /// Sets the probability of harm from which content is blocked, for each category. Categories that a message
        /// does not list keep the setting of its model, and others the default of the service.
        ///
        /// A blocked prompt is an error of the kind [`Blocked`](crate::ErrorKind::Blocked). A reply that is stopped
        /// has the finish reason [`Safety`](crate::protocol::response::FinishReason::Safety). The
        /// [ratings](crate::protocol::response::Candidate::safety_ratings) of a reply show the probabilities.
        ///
        /// API page: [Safety settings](https://ai.google.dev/gemini-api/docs/safety-settings).
        ///
        /// ```
        /// use generativeai::GenerativeModel;
        /// use generativeai::protocol::safety::{HarmBlockThreshold, HarmCategory, SafetySetting};
        ///
        /// // The same threshold for all categories, and another one for harassment: the last setting of a category
        /// // counts.
        /// let mut settings = SafetySetting::for_all(HarmBlockThreshold::BlockOnlyHigh);
        /// settings.push(SafetySetting::new(HarmCategory::Harassment, HarmBlockThreshold::BlockNone));
        /// let model = GenerativeModel::new("gemini-flash-latest").safety_settings(settings);
        /// ```
        $($attribute)*
        pub fn safety_settings(
            self,
            list: impl IntoIterator<Item = impl Into<$crate::protocol::safety::SafetySetting>>,
        ) -> Self {
            let list = list.into_iter().map(Into::into).collect();
            self.with(|settings| settings.request.safety_settings = list)
        }
    };
    (@tools [$($attribute:tt)*]) => {
        /// Sets the tools that the model may use: functions of this program, and tools of the service. Tools of a
        /// message replace those of its model, and an empty list removes them.
        ///
        /// [`generate_content`](crate::GenerativeModel::generate_content) declares functions without running them.
        /// Conversations run them with
        /// [`automatic_function_calling`](crate::ChatSession::automatic_function_calling).
        ///
        /// API page: [Function calling](https://ai.google.dev/gemini-api/docs/function-calling).
        ///
        /// ```
        /// use generativeai::protocol::tools::GoogleSearch;
        /// use generativeai::{Function, GenerativeModel};
        ///
        /// let now = Function::new("now", "Returns the time.", || "12:30");
        /// let model = GenerativeModel::new("gemini-flash-latest").tools((now, GoogleSearch::default()));
        /// assert_eq!(model.toolbox().unwrap().tools().len(), 2);
        /// ```
        $($attribute)*
        pub fn tools(self, tools: impl Into<$crate::tools::Toolbox>) -> Self {
            self.with(|settings| settings.tools = Some(tools.into()))
        }
    };
    (@tool_config [$($attribute:tt)*]) => {
        /// Sets whether the model may, must or must not use tools. By default it may. The setting of a message
        /// replaces that of its model.
        ///
        /// Within an automatic turn, a mode that forces calls applies to the first request only. Otherwise the model
        /// could never reply with text.
        ///
        /// ```
        /// use generativeai::GenerativeModel;
        /// use generativeai::protocol::tools::{FunctionCallingConfig, FunctionCallingMode};
        ///
        /// // Two spellings of one setting: no calls, although functions are declared.
        /// let model = GenerativeModel::new("gemini-flash-latest").tool_config(FunctionCallingConfig::none());
        /// let model = GenerativeModel::new("gemini-flash-latest").tool_config(FunctionCallingMode::None);
        /// ```
        $($attribute)*
        pub fn tool_config(self, config: impl Into<$crate::protocol::tools::ToolConfig>) -> Self {
            self.with(|settings| settings.request.tool_config = Some(config.into()))
        }
    };
    (@request_options [$($attribute:tt)*]) => {
        /// Sets time limits, retries and tracing. Options that a message does not set have the value of its model, and
        /// others that of the backend.
        ///
        /// The time limit covers one reply with its retries and continuations. A turn with function calls has several
        /// replies, each with its own limit.
        ///
        /// ```
        /// use std::time::Duration;
        /// use generativeai::{GenerativeModel, RequestOptions, Retry};
        ///
        /// // A service that is often busy: more attempts, and at most a minute in all.
        /// let options = RequestOptions::default()
        ///     .retry(Retry::default().max_attempts(8))
        ///     .timeout(Duration::from_secs(60));
        /// let model = GenerativeModel::new("gemini-flash-latest").request_options(options);
        /// ```
        $($attribute)*
        pub fn request_options(self, options: $crate::backend::RequestOptions) -> Self {
            self.with(|settings| settings.options = options)
        }
    };
    (@automatic_continuation [$($attribute:tt)*]) => {
        /// Sets whether a reply that ends at the token limit of a request is continued by further requests, so that it
        /// arrives whole. Enabled by default. The setting of a message replaces that of its model.
        ///
        /// Gemini 4 and newer models end a reply to a request at such a limit with the finish reason `CONTINUATION`
        /// and a continuation token. Each request that continues the reply is billed, and its token counts are added
        /// to those of the reply. A stream that breaks after such a token is resumed from it. If this is disabled, a
        /// turn of a chat fails with [`Stopped`](crate::ErrorKind::Stopped), and
        /// [`retry`](crate::ChatSession::retry) continues the reply.
        ///
        /// This limit belongs to the service. A reply that reaches the limit of the program,
        /// [`max_output_tokens`](crate::protocol::config::GenerationConfig::max_output_tokens), is not continued.
        ///
        /// ```
        /// use generativeai::GenerativeModel;
        ///
        /// // A reply that is too long for one request stops there.
        /// let model = GenerativeModel::new("gemini-flash-latest").automatic_continuation(false);
        /// ```
        $($attribute)*
        pub fn automatic_continuation(self, enabled: bool) -> Self {
            self.with(|settings| settings.continues = Some(enabled))
        }
    };
    (@members [$($attribute:tt)*]) => {
        /// Sets labels, by which a bill can be broken down. Names and values have at most 63 lower-case letters,
        /// digits, `_` and `-`. Labels of a message are added to those of its model. One with the same name replaces
        /// the label of the model.
        ///
        /// ```
        /// # use generativeai::{GenerativeModel, testing::Scripted};
        /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
        /// # let script = Scripted::always("Hello!");
        /// let model = GenerativeModel::new("m").labels([("team", "guides"), ("stage", "test")]);
        /// # let model = model.backend(script.clone());
        /// let request = model.generate_content("Hi").labels([("stage", "production")]);
        /// # request.await?;
        /// # let sent = script.requests()[0].labels.clone().unwrap();
        /// # assert_eq!((sent["team"].as_str(), sent["stage"].as_str()), ("guides", "production"));
        /// # Ok(()) }
        /// ```
        $($attribute)*
        pub fn labels(
            self,
            labels: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
        ) -> Self {
            self.with(|settings| {
                settings.request = ::std::mem::take(&mut settings.request).labels(labels);
            })
        }

        /// Sets the service tier, which determines price and priority. Gemini API only.
        ///
        /// ```
        /// use generativeai::GenerativeModel;
        /// use generativeai::protocol::request::ServiceTier;
        ///
        /// // Nobody waits for these replies.
        /// let batch = GenerativeModel::new("gemini-flash-latest").service_tier(ServiceTier::Flex);
        /// ```
        $($attribute)*
        pub fn service_tier(self, tier: impl Into<$crate::protocol::request::ServiceTier>) -> Self {
            self.with(|settings| settings.request.service_tier = Some(tier.into()))
        }

        /// Sets whether the service may store requests and replies. Gemini API only.
        $($attribute)*
        pub fn store(self, store: bool) -> Self {
            self.with(|settings| settings.request.store = Some(store))
        }

        /// Sets the templates of Model Armor, which screens prompts and replies. Vertex AI only.
        $($attribute)*
        pub fn model_armor_config(
            self,
            config: $crate::protocol::request::ModelArmorConfig,
        ) -> Self {
            self.with(|settings| settings.request.model_armor_config = Some(config))
        }

        /// Sets a member of a request that is newer than this version of the crate, by its name in the API.
        ///
        /// ```
        /// # use generativeai::{GenerativeModel, testing::Scripted};
        /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
        /// # let script = Scripted::always("Hello!");
        /// let model = GenerativeModel::new("m").request_member("brandNew", 1);
        /// # let model = model.backend(script.clone());
        /// # model.generate_content("Hi").await?;
        /// # assert_eq!(script.requests()[0].unknown.get("brandNew").unwrap(), 1);
        /// # Ok(()) }
        /// ```
        ///
        /// # Errors
        /// Requests fail with [`Request`](crate::ErrorKind::Request) if the member has a setter.
        $($attribute)*
        pub fn request_member(
            self,
            name: impl Into<String>,
            value: impl Into<::serde_json::Value>,
        ) -> Self {
            self.with(|settings| {
                settings.request.unknown.insert(name, value);
            })
        }
    };
    (@accept_finish_reasons [$($attribute:tt)*]) => {
        /// Sets the finish reasons that complete a turn in addition to `STOP` and `MAX_TOKENS`. By default there are
        /// none: a message whose reply stops for another reason fails with [`Stopped`](crate::ErrorKind::Stopped), and
        /// its turn is unfinished. The setting of a message replaces that of its model.
        ///
        /// ```
        /// use generativeai::protocol::response::FinishReason;
        /// # use generativeai::protocol::{content::Content, response::GenerateContentResponse};
        /// # use generativeai::{GenerativeModel, testing::Scripted};
        ///
        /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
        /// # let mut cut = GenerateContentResponse::from(Content::model("To be, or not to be"));
        /// # cut.candidates[0].finish_reason = Some(FinishReason::Recitation);
        /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_stream([cut]));
        /// // A beginning is better than nothing.
        /// let model = model.accept_finish_reasons([FinishReason::Recitation]);
        /// # let mut chat = model.start_chat();
        /// # let reply = chat.send_message("Recite Hamlet").await?;
        /// # assert_eq!(reply.finish_reason(), Some(&FinishReason::Recitation));
        /// # assert_eq!(chat.history().len(), 2);
        /// # Ok(()) }
        /// ```
        $($attribute)*
        pub fn accept_finish_reasons(
            self,
            reasons: impl IntoIterator<Item = $crate::protocol::response::FinishReason>,
        ) -> Self {
            let reasons = reasons.into_iter().collect();
            self.with(|settings| settings.accepted = Some(reasons))
        }
    };
}
pub(crate) use request_setters;

/// Setters of the model. Its settings are the defaults of all messages and other requests.
impl GenerativeModel {
    request_setters! {
        #[must_use]
        generation_config safety_settings tools tool_config request_options automatic_continuation members
        accept_finish_reasons
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }
}
