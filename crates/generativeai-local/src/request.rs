//! A parsed request: every member is honoured, or the request is rejected.

mod config;
mod messages;
mod tools;
mod unsupported;

use generativeai::Result;
use generativeai::protocol::request::GenerateContentRequest;

use crate::template::Message;

pub(crate) use config::{ResponseFormat, Settings};
pub(crate) use tools::{CALL_BEGIN, CALL_END, CallingMode, Function, Tools};

/// A request in the terms of the embedded model.
#[derive(Debug)]
pub(crate) struct Request {
    /// System instruction, followed by instructions for tools and the response format.
    pub(crate) system: Option<String>,
    pub(crate) messages: Vec<Message>,
    pub(crate) settings: Settings,
    pub(crate) tools: Tools,
}

impl Request {
    /// Parses a request.
    ///
    /// # Errors
    ///
    /// 400 for a member that is invalid, or that the embedded model does not support.
    pub(crate) fn parse(request: &GenerateContentRequest) -> Result<Self> {
        unsupported::check(request)?;
        let tools = Tools::parse(&request.tools, request.tool_config.as_ref())?;
        let settings = Settings::parse(request.generation_config.as_deref(), &tools)?;
        let mut system = match &request.system_instruction {
            Some(content) => messages::text_of("systemInstruction", content)?,
            None => String::new(),
        };
        let instructions = [tools.instructions(), settings.format.instructions()];
        for text in instructions.into_iter().flatten() {
            if !system.is_empty() {
                system.push_str("\n\n");
            }
            system.push_str(&text);
        }
        let messages = messages::parse(request.contents.iter())?;
        Ok(Self {
            system: (!system.is_empty()).then_some(system),
            messages,
            settings,
            tools,
        })
    }
}
