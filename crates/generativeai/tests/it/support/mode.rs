//! The two ways of receiving a reply.

use generativeai::protocol::content::Content;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{ChatSession, Result};

/// Way in which a message is sent and its reply received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Awaited,
    Streamed,
}

pub(crate) const MODES: [Mode; 2] = [Mode::Awaited, Mode::Streamed];

impl Mode {
    pub(crate) async fn send(
        self,
        chat: &mut ChatSession,
        message: impl Into<Content>,
    ) -> Result<GenerateContentResponse> {
        match self {
            Self::Awaited => chat.send_message(message).await,
            Self::Streamed => chat.send_message(message).stream().finish().await,
        }
    }
}
