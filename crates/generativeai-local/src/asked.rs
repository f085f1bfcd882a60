//! Reading a request: all of it is honoured, or it is refused.

mod config;
mod conversation;
mod rest;
mod tools;

use generativeai::Result;
use generativeai::protocol::request::GenerateContentRequest;

use crate::template::Message;

pub(crate) use config::{Form, Settings};
pub(crate) use tools::{CALL_BEGIN, CALL_END, Function, Mode, Tools};

/// A request, understood.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What the system says, tools included.
    pub(crate) system: Option<String>,
    pub(crate) messages: Vec<Message>,
    pub(crate) settings: Settings,
    pub(crate) tools: Tools,
}

impl Asked {
    /// Understands a request.
    ///
    /// # Errors
    ///
    /// 400 for whatever the embedded model cannot do, or nobody can.
    pub(crate) fn read(request: &GenerateContentRequest) -> Result<Self> {
        rest::check(request)?;
        let tools = Tools::read(&request.tools, request.tool_config.as_ref())?;
        let settings = Settings::read(request.generation_config.as_deref(), &tools)?;
        let mut system = match &request.system_instruction {
            Some(content) => conversation::words("systemInstruction", content)?,
            None => String::new(),
        };
        for told in [tools.manual(), settings.form.manual()]
            .into_iter()
            .flatten()
        {
            if !system.is_empty() {
                system.push_str("\n\n");
            }
            system.push_str(&told);
        }
        let messages = conversation::messages(request.contents.iter())?;
        Ok(Self {
            system: (!system.is_empty()).then_some(system),
            messages,
            settings,
            tools,
        })
    }
}
