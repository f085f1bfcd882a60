//! The last response of a conversation, whose content may stand in the history alone.

use std::mem;
use std::sync::OnceLock;

use super::ChatSession;
use crate::protocol::{Content, GenerateContentResponse, Role, Transcript};

/// The response of the last turn, which is in the history.
#[derive(Clone)]
pub(super) struct Last {
    response: GenerateContentResponse,
    /// Where in the history the parts of its content are, if they are not here.
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
    /// Takes what was said out of a response, for the place in the history that it will have. So a
    /// picture is not kept twice; a text is, since the history may keep its JSON alone.
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
        let at = if reply.is_only_text() {
            content.parts.clone_from(&reply.parts);
            None
        } else {
            Some(at)
        };
        let this = Self {
            at,
            ..response.into()
        };
        (this, Some(reply))
    }

    fn get(&self, history: &Transcript) -> &GenerateContentResponse {
        match self.at {
            None => &self.response,
            Some(_) => self.whole.get_or_init(|| Box::new(self.cloned(history))),
        }
    }

    pub(super) fn cloned(&self, history: &Transcript) -> GenerateContentResponse {
        let mut response = self.response.clone();
        let there = self.at.and_then(|at| history.contents().get(at));
        if let (Some(content), Some(there)) = (content_of(&mut response), there) {
            content.parts.clone_from(&there.parts);
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

    /// A copy of the last response.
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
    use crate::protocol::{Blob, Part};

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

            assert_eq!(last.at, Some(1));
            assert_eq!(last.get(&history), &response);
            assert_eq!(last.cloned(&history), response);
        }
    }

    #[test]
    fn a_text_stays_where_it_is() {
        for said in [Content::from("a"), Content::model("a")] {
            let response = GenerateContentResponse::from(said);

            let (last, reply) = Last::split(response.clone(), 1);

            assert_eq!(last.get(&Transcript::default()), &response);
            assert_eq!(reply, Some(Content::model("a")));
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
        }
    }
}
