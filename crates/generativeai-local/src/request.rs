//! A parsed request: every member is followed, rejected, or ignored and logged.

mod config;
mod format;
mod media;
mod messages;
mod thinking;
mod tools;
mod unsupported;

use generativeai::Result;
use generativeai::protocol::request::GenerateContentRequest;

use crate::conversation::Conversation;
use crate::ignored::IgnoredSettings;

pub(crate) use config::Settings;
pub(crate) use format::ResponseFormat;
pub(crate) use messages::text_of;
pub(crate) use thinking::{Effort, ThinkingSettings};
pub(crate) use tools::{CallingMode, Tools};

/// A request in the terms of the embedded model.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) conversation: Conversation,
    pub(crate) settings: Settings,
    pub(crate) tools: Tools,
}

impl Request {
    /// Parses a request.
    ///
    /// # Errors
    ///
    /// 400 for a member that is invalid, or that the embedded model does not support.
    pub(crate) fn parse(
        request: &GenerateContentRequest,
        ignored: &IgnoredSettings,
    ) -> Result<Self> {
        unsupported::check(request, ignored)?;
        let tools = Tools::parse(&request.tools, request.tool_config.as_ref(), ignored)?;
        let settings = Settings::parse(request.generation_config.as_deref(), &tools, ignored)?;
        let system = match &request.system_instruction {
            Some(content) => messages::text_of("systemInstruction", content)?,
            None => String::new(),
        };
        let functions = tools.functions.iter().map(|it| it.function.clone());
        let mut conversation = Conversation {
            system,
            messages: messages::parse(request.contents.iter())?,
            functions: functions.collect(),
        };
        if let Some(text) = settings
            .format
            .instructions(mentions_json(&mut conversation))
        {
            if !conversation.system.is_empty() {
                conversation.system.push_str("\n\n");
            }
            conversation.system.push_str(&text);
        }
        Ok(Self {
            conversation,
            settings,
            tools,
        })
    }
}

/// Returns whether a text of the request mentions JSON.
fn mentions_json(conversation: &mut Conversation) -> bool {
    let mut found = false;
    conversation.visit_texts(&mut |text| {
        found = found || text.to_ascii_lowercase().contains("json");
    });
    found
}
