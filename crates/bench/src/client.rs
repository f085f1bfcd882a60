//! The measured client: chats of the SDK over `Remote`, used as in a program.

use generativeai::protocol::content::{Content, Part};
use generativeai::{ChatSession, GenerativeModel, Remote};

use crate::drive::{self, Chat};
use crate::options::Options;
use crate::outcome::Outcome;
use crate::usage::peak_kib;
use crate::wire::{self, Answer};

/// A chat of the SDK.
struct SdkChat {
    session: ChatSession,
    /// What the server sends.
    answer: Answer,
    ages: Vec<f64>,
}

/// Runs the chats of the options, and prints the measurement.
pub(crate) async fn run(options: Options) -> Outcome {
    let remote = Remote::builder().base_url(&options.base).build()?;
    let model = GenerativeModel::new(&options.model).backend(remote);
    // Before the chats exist: the growth since then is their memory.
    let base_kib = peak_kib()?;
    let mut chats = Vec::new();
    for _ in 0..options.sessions {
        chats.push(SdkChat {
            session: model.start_chat().with_history(history(options.history)),
            answer: options.answer(),
            ages: Vec::new(),
        });
    }
    drive::run("generativeai", chats, &options, base_kib).await
}

fn history(messages: usize) -> impl Iterator<Item = Content> {
    let roles = [Content::user, Content::model];
    (0..messages).map(move |at| roles[at % 2](wire::message()))
}

impl Chat for SdkChat {
    /// A streamed reply goes to a clone of the chat, because otherwise replies of megabytes would be part of the next
    /// request.
    async fn turn(&mut self) -> Outcome {
        if self.answer == Answer::Reply {
            let reply = self.session.send_message(wire::message()).await?;
            return check_not_empty(reply.text()?.len());
        }
        let mut chat = self.session.clone();
        let mut length = 0;
        let mut reply = chat.send_message(wire::message()).stream();
        while let Some(chunk) = reply.next().await {
            let chunk = chunk?;
            if let Answer::Big(..) = self.answer {
                let images = chunk.parts()?.iter().filter_map(Part::as_inline_data);
                length += images
                    .flat_map(|blob| &blob.data)
                    .map(String::len)
                    .sum::<usize>();
                continue;
            }
            let text = chunk.text()?;
            if let Answer::Paced(_) = self.answer {
                self.ages.extend(wire::age(text.as_bytes()));
            }
            length += text.len();
        }
        check_not_empty(length)
    }

    fn ages(&mut self) -> &mut Vec<f64> {
        &mut self.ages
    }
}

fn check_not_empty(length: usize) -> Outcome {
    if length == 0 {
        return Err("the replies were empty".into());
    }
    Ok(())
}
