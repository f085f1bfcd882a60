//! The last response of a conversation, whose content may stand in the history alone.

use std::mem;
use std::sync::OnceLock;

use super::ChatSession;
use crate::protocol::content::{Content, Role, Transcript};
use crate::protocol::response::GenerateContentResponse;

/// The response of the last turn. What it says is in the history alone, unless it came whole from elsewhere.
#[derive(Clone)]
pub(super) struct Last {
    response: GenerateContentResponse,
    /// Where in the history the parts of its content are, if it has any.
    at: Option<usize>,
    /// With its parts, once somebody looked.
    whole: OnceLock<Box<GenerateContentResponse>>,
}

impl From<GenerateContentResponse> for Last {
    fn from(response: GenerateContentResponse) -> Self {
        Self {
            response,
            at: None,
            whole: OnceLock::new(),
        }
    }
}

impl Last {
    /// Takes what was said out of a response, for the place in the history that it will have.
    pub(super) fn split(
        mut response: GenerateContentResponse,
        at: usize,
    ) -> (Self, Option<Content>) {
        let said = content_of(&mut response).filter(|content| !content.parts.is_empty());
        let Some(content) = said else {
            return (response.into(), None);
        };
        let parts = mem::take(&mut content.parts);
        let mut reply = content.clone();
        reply.parts = parts;
        reply.fill_role(Role::Model);
        let this = Self {
            at: Some(at),
            ..response.into()
        };
        (this, Some(reply))
    }

    /// The same of a response that stays whole.
    pub(super) fn of(response: &mut GenerateContentResponse, at: usize) -> Self {
        let said = content_of(response).filter(|content| !content.parts.is_empty());
        let parts = said.map(|content| mem::take(&mut content.parts));
        let this = Self {
            at: parts.as_ref().map(|_| at),
            ..response.clone().into()
        };
        if let (Some(content), Some(parts)) = (content_of(response), parts) {
            content.parts = parts;
        }
        this
    }

    fn get(&self, history: &Transcript) -> &GenerateContentResponse {
        match self.at {
            None => &self.response,
            Some(_) => self.whole.get_or_init(|| Box::new(self.cloned(history))),
        }
    }

    pub(super) fn cloned(&self, history: &Transcript) -> GenerateContentResponse {
        let mut response = self.response.clone();
        let there = self.at.and_then(|at| history.content(at));
        if let (Some(content), Some(there)) = (content_of(&mut response), there) {
            content.parts = there.into_owned().parts;
        }
        response
    }
}

fn content_of(response: &mut GenerateContentResponse) -> Option<&mut Content> {
    response.candidates.first_mut()?.content.as_mut()
}

impl ChatSession {
    /// The last response that came, complete or not, until the next message is sent, the turn is
    /// [taken back](Self::rewind), or the history [set](Self::set_history).
    pub fn last(&self) -> Option<&GenerateContentResponse> {
        match &self.unfinished {
            Some(unfinished) => unfinished.received.as_ref(),
            None => Some(self.last.as_ref()?.get(&self.history)),
        }
    }

    /// A copy of the same, that leaves none behind.
    pub(super) fn last_cloned(&self) -> Option<GenerateContentResponse> {
        match &self.unfinished {
            Some(unfinished) => unfinished.received.clone(),
            None => Some(self.last.as_ref()?.cloned(&self.history)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::content::{Blob, Part};

    #[test]
    fn a_response_is_put_together_again() {
        let picture = Blob::new("image/png", [1, 2, 3]);
        let mut said = Content::from([Part::text("Look:"), picture.into()]);
        for role in [None, Some(Role::Model)] {
            said.role = role;
            let response = GenerateContentResponse::from(said.clone());

            let (last, reply) = Last::split(response.clone(), 1);
            assert_eq!(reply, Some(said.clone().role(Role::Model)));
            let history = Transcript::from(vec![Content::user("a"), reply.expect("a reply")]);

            let mut whole = response.clone();
            for last in [last, Last::of(&mut whole, 1)] {
                assert!(last.response.candidates[0].parts().is_empty());
                assert_eq!(last.get(&history), &response);
                assert_eq!(last.cloned(&history), response);
            }
            assert_eq!(whole, response);
        }
    }

    #[test]
    fn a_response_without_parts_says_nothing() {
        for response in [
            GenerateContentResponse::default(),
            Content::model(Vec::<Part>::new()).into(),
        ] {
            let (last, reply) = Last::split(response.clone(), 1);

            assert_eq!((last.get(&Transcript::default()), reply), (&response, None));
            assert_eq!(
                (last.at, Last::of(&mut response.clone(), 1).at),
                (None, None)
            );
        }
    }
}
