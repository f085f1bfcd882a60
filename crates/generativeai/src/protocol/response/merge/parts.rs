//! Merging of the parts of a content: which pieces become one part.

use super::set;
use crate::protocol::content::{
    CodeExecutionResult, Content, Data, ExecutableCode, Language, Outcome, Part,
};

impl Content {
    /// Appends the parts of a chunk. Pieces of parts are merged into the last part, or into an incomplete call.
    pub(super) fn merge_chunk(&mut self, chunk: &Content) {
        let Content {
            role,
            parts,
            unknown,
        } = chunk;
        if !self.has_role() {
            self.role.clone_from(role);
        }
        for part in parts {
            let is_merged = match self.parts.last_mut() {
                Some(last) => last.merge_next(part) || self.merge_piece(part),
                None => false,
            };
            if !is_merged {
                let mut part = part.clone();
                if let Some(Data::FunctionCall(call)) = &mut part.data {
                    call.merge_partial_args();
                }
                self.parts.push(part);
            }
        }
        self.unknown.extend(unknown);
    }

    /// Merges a piece of a streamed call that is not the last part, and returns whether the part was merged.
    ///
    /// A service may stream several calls at the same time. Then a piece has the id or the name of its call. An empty
    /// text between the pieces of a call is dropped, since it would separate them.
    fn merge_piece(&mut self, part: &Part) -> bool {
        if let Some(Data::Text(text)) = &part.data {
            let last = self.parts.last().and_then(Part::as_function_call);
            return text.is_empty()
                && part.is_plain()
                && last.is_some_and(|call| call.will_continue == Some(true));
        }
        let Some(Data::FunctionCall(piece)) = &part.data else {
            return false;
        };
        let is_continued = |known: &Part| {
            let call = known.as_function_call();
            let names_a_call = piece.id.is_some() || !piece.name().is_empty();
            names_a_call && call.is_some_and(|call| call.is_continued_by(piece))
        };
        let mut open = self.parts.iter_mut().rev();
        open.find(|known| is_continued(known))
            .is_some_and(|known| known.merge_next(part))
    }
}

impl Part {
    /// Merges the next part if both are pieces of the same part. Returns whether they are.
    fn merge_next(&mut self, next: &Part) -> bool {
        if let (Some(Data::FunctionCall(call)), Some(Data::FunctionCall(more))) =
            (&mut self.data, &next.data)
        {
            return call.is_continued_by(more) && {
                call.merge_piece(more);
                if self.thought_signature.is_none() {
                    self.thought_signature.clone_from(&next.thought_signature);
                }
                self.unknown.extend(&next.unknown);
                true
            };
        }
        // A thought signature must be sent back in the part that it came with, so such a part stays separate.
        if !(self.is_plain() && next.is_plain() && self.is_thought() == next.is_thought()) {
            return false;
        }
        match (&mut self.data, &next.data) {
            (Some(Data::Text(text)), Some(Data::Text(more))) => text.push_str(more),
            (Some(Data::ExecutableCode(code)), Some(Data::ExecutableCode(more)))
                if code.id == more.id =>
            {
                let ExecutableCode {
                    id: _,
                    language,
                    code: text,
                    unknown,
                } = more;
                append(&mut code.code, text);
                // Later pieces may have the zero value, which must not replace a known language or outcome.
                if matches!(code.language, None | Some(Language::Unspecified)) {
                    set(&mut code.language, language);
                }
                code.unknown.extend(unknown);
            }
            (Some(Data::CodeExecutionResult(result)), Some(Data::CodeExecutionResult(more)))
                if result.id == more.id =>
            {
                let CodeExecutionResult {
                    id: _,
                    outcome,
                    output,
                    unknown,
                } = more;
                append(&mut result.output, output);
                if *outcome != Some(Outcome::Unspecified) {
                    set(&mut result.outcome, outcome);
                }
                result.unknown.extend(unknown);
            }
            _ => return false,
        }
        true
    }
}

fn append(text: &mut Option<String>, more: &Option<String>) {
    if let Some(more) = more {
        text.get_or_insert_default().push_str(more);
    }
}
