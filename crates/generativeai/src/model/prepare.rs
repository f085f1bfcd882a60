//! Preparation of a request from the settings of a model and of a message, with checks before anything is sent.

use std::sync::Arc;

use super::generative_model::GenerativeModel;
use super::settings::{RequestTemplate, Settings, last_of_each_category};
use crate::backend::Backend;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{Content, Contents};
use crate::protocol::request::GenerateContentRequest;

impl GenerativeModel {
    /// Creates a request without contents from the settings of the model and of a message.
    ///
    /// # Errors
    /// The API would reject the settings, two functions have the same name, or there is no backend.
    pub(crate) fn prepare(&self, message: Option<&Settings>) -> Result<Box<RequestTemplate>> {
        let settings = match message {
            Some(message) => message.over(&self.settings),
            None => self.settings.clone(),
        };
        validate(&settings)?;
        let tools = settings.tools.unwrap_or_default();
        let mut request = settings.request;
        request.model = Some(self.name.clone());
        request.tools = tools.declarations()?;
        request.safety_settings = last_of_each_category(request.safety_settings);
        Ok(Box::new(RequestTemplate {
            backend: self.resolve_backend()?,
            request,
            tools,
            options: settings.options,
            accepted: settings.accepted.unwrap_or_default(),
            check: settings.check,
            continues: settings.continues.unwrap_or(true),
        }))
    }

    /// Returns the configured backend, otherwise the REST API with the settings of the environment.
    ///
    /// # Errors
    /// The environment has no valid settings, or the feature `remote` is disabled.
    pub(super) fn resolve_backend(&self) -> Result<Arc<dyn Backend>> {
        if let Some(backend) = self.backend.get() {
            return Ok(Arc::clone(backend));
        }
        // Created on first use and kept, so that all clones of the model share one client and its connections. An error
        // is not kept: the next request reads the environment again. If two threads get here at once, one client is
        // dropped.
        let backend = default_backend()?;
        Ok(Arc::clone(self.backend.get_or_init(|| backend)))
    }
}

/// Checks for combinations that the API rejects, but with a message that does not help.
///
/// # Errors
/// [`Request`](ErrorKind::Request) with the cause.
fn validate(Settings { request, tools, .. }: &Settings) -> Result<()> {
    // Such a member could be in the JSON twice, once from its setter.
    let mut members = request.unknown.iter();
    if let Some((name, _)) = members.find(|(name, _)| GenerateContentRequest::has_field(name)) {
        let message = format!("the request member `{name}` is not new: use its setter");
        return Err(Error::new(ErrorKind::Request, message));
    }
    let instruction = request.system_instruction.as_ref();
    let message = if instruction.is_some_and(|instruction| instruction.parts.is_empty()) {
        "the system instruction is empty: add a text, or remove the instruction"
    } else if request.cached_content.is_some()
        && (instruction.is_some() || tools.is_some() || request.tool_config.is_some())
    {
        "a model with cached content takes its system instruction and its tools from the cache: remove them \
         here"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Request, message))
}

/// Returns the contents of a request without empty parts, and without contents whose parts are all empty.
///
/// # Errors
/// A content is in the format of another API. The service would reject it with a message that does not help.
pub(super) fn without_empty(contents: Contents) -> Result<Vec<Content>> {
    let mut contents = Vec::from(contents);
    for (content, number) in contents.iter_mut().zip(1..) {
        if let Some(problem) = content.foreign_format() {
            let message = format!("content {number} {problem}");
            return Err(Error::new(ErrorKind::Request, message));
        }
        content.remove_empty_parts();
    }
    contents.retain(|content| !content.parts.is_empty());
    Ok(contents)
}

#[cfg(feature = "remote")]
fn default_backend() -> Result<Arc<dyn Backend>> {
    Ok(Arc::new(crate::remote::Remote::from_env()?))
}

#[cfg(not(feature = "remote"))]
fn default_backend() -> Result<Arc<dyn Backend>> {
    let message = "the model has no backend: set one, or enable the feature `remote`";
    Err(Error::new(ErrorKind::Configuration, message))
}
