//! The list of models, from `/models`.

use generativeai::protocol::models::{ListModelsResponse, Model, id_of};
use generativeai::remote::__http::Reply;
use generativeai::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::lenient;

/// Response of `/models`. Ollama and others send `null` for an empty list.
#[derive(Default, Deserialize)]
pub(crate) struct Models {
    #[serde(default)]
    data: Option<Vec<Entry>>,
    #[serde(default)]
    error: Option<Value>,
    /// One model. Together responds with a bare list, of which each element is read as a `Models`; see
    /// [`combine`](Reply::combine).
    #[serde(flatten)]
    model: Option<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    /// Size of the context in tokens, at OpenRouter and Together.
    #[serde(default, deserialize_with = "lenient::count")]
    context_length: Option<i32>,
    /// Size of the context at vLLM and SGLang.
    #[serde(default, deserialize_with = "lenient::count")]
    max_model_len: Option<i32>,
    /// Size of the context at Groq.
    #[serde(default, deserialize_with = "lenient::count")]
    context_window: Option<i32>,
    /// Size of the context at Mistral and LM Studio.
    #[serde(default, deserialize_with = "lenient::count")]
    max_context_length: Option<i32>,
    /// Metadata of the model file, at llama.cpp.
    #[serde(default)]
    meta: Option<Value>,
}

impl Reply for Models {
    fn read(&mut self, json: &[u8]) -> serde_json::Result<()> {
        *self = lenient::from_json(json)?;
        Ok(())
    }

    fn has_error(&self) -> bool {
        self.error.is_some()
    }

    fn combine(elements: Vec<Self>) -> Option<Self> {
        let lists = elements.into_iter().map(|element| {
            let model = element.model.map(|model| vec![model]);
            element.data.or(model)
        });
        let all: Vec<Entry> = lists.flatten().flatten().collect();
        Some(Self {
            data: Some(all),
            error: None,
            model: None,
        })
    }
}

impl Models {
    /// Converts the list.
    pub(crate) fn convert(self) -> ListModelsResponse {
        let mut list = ListModelsResponse::default();
        list.models = self
            .data
            .into_iter()
            .flatten()
            .map(Entry::convert)
            .collect();
        list
    }
}

impl Entry {
    fn convert(self) -> Model {
        // The context with which the model was trained: an upper limit, as the server may run with a smaller one.
        let trained = self.meta.as_ref().and_then(|meta| meta.get("n_ctx_train"));
        let trained = trained.and_then(Value::as_i64);
        let mut model = Model::default();
        model.name = Some(format!("models/{}", self.id));
        model.display_name = self.name;
        model.description = self.description.filter(|text| !text.is_empty());
        model.input_token_limit = self
            .context_length
            .or(self.max_model_len)
            .or(self.context_window)
            .or(self.max_context_length)
            .or_else(|| i32::try_from(trained?).ok());
        model.supported_generation_methods = vec!["generateContent".to_owned()];
        model
    }
}

/// Finds a model by its resource name.
pub(crate) fn find(list: ListModelsResponse, name: &str) -> Result<Model> {
    let wanted = id_of(name);
    let mut models = list.models.into_iter();
    models
        .find(|model| model.name.as_deref().map(id_of) == Some(wanted))
        .ok_or_else(|| {
            let message = format!("the server has no model `{wanted}`");
            Error::new(ErrorKind::NotFound, message)
        })
}
