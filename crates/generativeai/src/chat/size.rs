//! How long a request is: counted by its backend, or estimated.

use std::sync::Arc;

use crate::error::{ErrorKind, Result};
use crate::model::Prepared;
use crate::protocol::content::{Content, Contents, Data, Part, Transcript};
use crate::protocol::tokens::CountTokensRequest;
use crate::trace;

/// How many bytes of text make a token where nobody counts.
const BYTES_A_TOKEN: u64 = 4;

/// How many tokens a picture has where nobody counts, and the like of it.
const TOKENS_OF_MEDIA: u64 = 258;

/// How many tokens a content has at most beside what it says.
const FRAME: u64 = 16;

/// What finds out how long the request of a message is, after one history or another.
pub(super) struct Scale<'turn> {
    pub(super) prepared: &'turn Prepared,
    /// What follows the history.
    pub(super) said: Vec<Content>,
}

impl Scale<'_> {
    /// Whether the request is so short that it need not be counted: no token is shorter than a byte.
    pub(super) fn is_short(&self, history: &Transcript, tokens: u32) -> bool {
        let size = self.size(history);
        size.media == 0 && size.bytes + FRAME * size.contents <= u64::from(tokens)
    }

    /// How many tokens the request has.
    pub(super) async fn weigh(&self, history: &Arc<Transcript>) -> Result<u32> {
        let mut request = self.prepared.request.clone();
        request.contents = Contents::new(Arc::clone(history), self.said.clone());
        let counting = CountTokensRequest::default().generate_content_request(request);
        let options = self.prepared.options.clone();
        match trace::count(&*self.prepared.backend, counting, options).await {
            Ok(counted) => {
                let counted = counted.total_tokens.map(u32::try_from).and_then(Result::ok);
                Ok(counted.unwrap_or_else(|| self.estimate(history)))
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(self.estimate(history)),
            Err(error) => Err(error.with_context("the tokens of the message could not be counted")),
        }
    }

    fn estimate(&self, history: &Transcript) -> u32 {
        let size = self.size(history);
        let tokens = size.bytes.div_ceil(BYTES_A_TOKEN) + TOKENS_OF_MEDIA * size.media;
        u32::try_from(tokens).unwrap_or(u32::MAX)
    }

    fn size(&self, history: &Transcript) -> Size {
        let request = &self.prepared.request;
        let mut size = Size::default();
        let before = request.system_instruction.iter().chain(history.contents());
        before
            .chain(&self.said)
            .for_each(|content| size.add(content));
        if !request.tools.is_empty() {
            size.bytes += json_length(&request.tools);
        }
        size
    }
}

#[derive(Default)]
struct Size {
    contents: u64,
    bytes: u64,
    media: u64,
}

impl Size {
    fn add(&mut self, content: &Content) {
        self.contents += 1;
        for part in &content.parts {
            match &part.data {
                Some(Data::Text(text)) => self.bytes += text.len() as u64,
                Some(Data::InlineData(_) | Data::FileData(_)) => self.media += 1,
                _ => self.bytes += json_length::<Part>(part),
            }
        }
    }
}

fn json_length<T: serde::Serialize + ?Sized>(value: &T) -> u64 {
    let json = serde_json::to_string(value);
    json.map_or(0, |json| json.len() as u64)
}
