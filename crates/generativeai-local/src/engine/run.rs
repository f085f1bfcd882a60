//! The loop of the engine's thread: admit, decode, speak.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use generativeai::{Error, ErrorKind, Result};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_sys_2::LLAMA_FLASH_ATTN_TYPE_DISABLED;

use crate::model::{self, Model};
use crate::refusal;

use super::Sizes;
use super::chat::{Chat, Turn};
use super::inbox::Inbox;
use super::job::Order;
use super::memory::{Memory, Stuck, id};

/// Tokens of prompts in one batch: a withdrawn request costs no more than one such piece.
const PIECE: usize = 128;
/// Tokens of prompts beside chats that are speaking, so that they keep their pace.
const PIECE_BESIDE_SPEECH: usize = 32;
/// Sequences for chats that are not running, so that they are remembered.
const REMEMBERED: usize = 12;

/// Runs until the inbox is closed; tells `ready` the size of the context, or why there is none.
pub(super) fn run(
    model: &Model,
    sizes: Sizes,
    inbox: &Inbox<Order>,
    ready: &SyncSender<Result<usize>>,
) {
    let sequences = if sizes.deterministic {
        1
    } else {
        sizes.chats + REMEMBERED
    };
    let context = match open(model, sizes, sequences) {
        Ok(context) => context,
        Err(error) => {
            // The one who waits for it cannot have left.
            let _ = ready.send(Err(error));
            return;
        }
    };
    let size = context.n_ctx() as usize;
    let _ = ready.send(Ok(size));
    let reuse = !sizes.deterministic && model.can_rewind();
    let mut engine = Engine {
        model,
        inbox,
        memory: Memory::new(context, sequences, reuse),
        batch: LlamaBatch::new(PIECE + sizes.chats, 1),
        most: if sizes.deterministic { 1 } else { sizes.chats },
        context: size,
        chats: Vec::new(),
        set_aside: VecDeque::new(),
        crowded: false,
        turn: 0,
    };
    engine.run();
}

fn open<'model>(
    model: &'model Model,
    sizes: Sizes,
    sequences: usize,
) -> Result<LlamaContext<'model>> {
    let threads = i32::try_from(sizes.threads).unwrap_or(i32::MAX);
    let batch = u32::try_from(PIECE + sizes.chats).unwrap_or(u32::MAX);
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(sizes.context))
        .with_n_batch(batch)
        .with_n_ubatch(batch)
        .with_n_seq_max(u32::try_from(sequences).unwrap_or(u32::MAX))
        .with_kv_unified(true)
        // On a processor, flash attention takes twice the time of the plain one for a few tokens
        // against a long history, which is what every turn of a chat is.
        .with_flash_attention_policy(LLAMA_FLASH_ATTN_TYPE_DISABLED)
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_no_perf(true);
    model
        .raw()
        .new_context(model::backend()?, params)
        .map_err(|error| {
            let message = format!("no memory for a context of {} tokens", sizes.context);
            Error::new(ErrorKind::Configuration, message).with_source(error)
        })
}

struct Engine<'run> {
    model: &'run Model,
    inbox: &'run Inbox<Order>,
    memory: Memory<'run>,
    batch: LlamaBatch<'static>,
    /// The most chats at once.
    most: usize,
    context: usize,
    chats: Vec<Chat>,
    /// Chats that had to give up their room, first to come back.
    set_aside: VecDeque<Chat>,
    /// Whether somebody had to give up their room since the last chat ended.
    crowded: bool,
    /// Counts the batches, so that prompts take turns in being first.
    turn: usize,
}

/// What a batch holds of one chat.
struct Share {
    chat: usize,
    tokens: usize,
    /// Where in the batch its logits are, if it is the chat's turn to speak after it.
    speaks_at: Option<i32>,
}

impl Engine<'_> {
    fn run(&mut self) {
        while !self.inbox.is_closed() {
            self.drop_unwanted();
            self.admit();
            let shares = self.compose();
            if shares.is_empty() {
                // Nobody runs: wait for a request. All runners wait for their readers: for them.
                let open = match self.chats.is_empty() {
                    true => self.inbox.wait(),
                    false => self.inbox.wait_for_poke(),
                };
                if !open {
                    return;
                }
                continue;
            }
            match self.memory.decode(&mut self.batch) {
                Ok(()) => self.hand_out(&shares),
                Err(Stuck::NoRoom) => self.make_room(),
                Err(Stuck::Broken(error)) => self.give_up(&shares, &error),
            }
        }
    }

    /// Ends the chats nobody waits for, and those whose time is up.
    fn drop_unwanted(&mut self) {
        let now = Instant::now();
        let mut at = 0;
        while let Some(chat) = self.chats.get_mut(at) {
            let late = chat.is_late(now);
            if late {
                chat.fail(refusal::late());
            }
            if late || !chat.is_wanted() {
                self.end(at);
            } else {
                at += 1;
            }
        }
        self.set_aside.retain_mut(|chat| {
            let late = chat.is_late(now);
            if late {
                chat.fail(refusal::late());
            }
            !late && chat.is_wanted()
        });
    }

    /// Lets in those who wait, oldest first, while there are places.
    fn admit(&mut self) {
        while self.chats.len() < self.most && (self.chats.is_empty() || !self.crowded) {
            let Some(mut chat) = self.next_in_line() else {
                return;
            };
            let Some((sequence, kept)) = self.memory.lease(&chat.tokens) else {
                self.set_aside.push_front(chat);
                return;
            };
            chat.take_place(sequence, kept);
            self.chats.push(chat);
        }
    }

    fn next_in_line(&mut self) -> Option<Chat> {
        self.set_aside.pop_front().or_else(|| {
            let order = self.inbox.take(|order| !order.reply.is_closed())?;
            Some(Chat::new(order, self.context))
        })
    }

    /// Fills the batch: the next token of everyone who speaks, then pieces of prompts.
    fn compose(&mut self) -> Vec<Share> {
        self.batch.clear();
        self.turn = self.turn.wrapping_add(1);
        let missing = |chat: &Chat| chat.tokens.len() - self.memory.held(chat.sequence);
        let able: Vec<(usize, usize)> = self
            .chats
            .iter()
            .enumerate()
            .filter(|(_, chat)| chat.can_speak())
            .map(|(at, chat)| (at, missing(chat)))
            .collect();
        let (speaking, mut reading): (Vec<_>, Vec<_>) =
            able.into_iter().partition(|&(_, missing)| missing == 1);
        let mut shares: Vec<Share> = Vec::with_capacity(self.chats.len());
        let mut room = if speaking.is_empty() {
            PIECE
        } else {
            PIECE_BESIDE_SPEECH
        };
        for (chat, missing) in speaking {
            shares.extend(self.add(chat, missing));
        }
        let first = self.turn % reading.len().max(1);
        reading.rotate_left(first);
        let mut waiting = reading.len();
        for (chat, missing) in reading {
            let tokens = missing.min(room.div_ceil(waiting));
            waiting -= 1;
            room -= tokens;
            shares.extend(self.add(chat, tokens));
        }
        shares
    }

    /// Adds the next tokens of a chat to the batch.
    fn add(&mut self, at: usize, tokens: usize) -> Option<Share> {
        let chat = &self.chats[at];
        let held = self.memory.held(chat.sequence);
        let end = held + tokens;
        let mut speaks_at = None;
        for place in held..end {
            let last = place + 1 == chat.tokens.len();
            if last {
                speaks_at = Some(self.batch.n_tokens());
            }
            let position = i32::try_from(place).expect("a context is never that long");
            self.batch
                .add(chat.tokens[place], position, &[id(chat.sequence)], last)
                .expect("a batch has room for a piece and a token of every chat");
        }
        (tokens > 0).then_some(Share {
            chat: at,
            tokens,
            speaks_at,
        })
    }

    /// Notes what was decoded, and lets those speak whose turn it is.
    fn hand_out(&mut self, shares: &[Share]) {
        let mut over = Vec::new();
        for share in shares {
            let chat = &mut self.chats[share.chat];
            let held = self.memory.held(chat.sequence);
            self.memory
                .decoded(chat.sequence, &chat.tokens[held..held + share.tokens]);
            let Some(place) = share.speaks_at else {
                continue;
            };
            if chat.speak(self.model, self.memory.logits(place)) == Turn::Over {
                over.push(share.chat);
            }
        }
        over.sort_unstable();
        for at in over.into_iter().rev() {
            self.end(at);
        }
    }

    /// Ends a chat; what the context holds of it stays remembered.
    fn end(&mut self, at: usize) {
        let chat = self.chats.remove(at);
        self.memory.release(chat.sequence);
        self.crowded = false;
    }

    /// Makes room in the context: what is only remembered goes first, then the youngest chat waits.
    fn make_room(&mut self) {
        if self.memory.make_room() {
            return;
        }
        let Some(mut youngest) = self.chats.pop() else {
            return;
        };
        self.memory.forget(youngest.sequence);
        if self.chats.is_empty() {
            youngest.fail(refusal::broken("the context has no room for a single chat"));
            return;
        }
        self.crowded = true;
        self.set_aside.push_front(youngest);
    }

    /// Fails the chats of a batch that could not be decoded, and forgets what it may have spoilt.
    fn give_up(&mut self, shares: &[Share], error: &dyn std::fmt::Display) {
        let mut failed: Vec<usize> = shares.iter().map(|share| share.chat).collect();
        failed.sort_unstable();
        for at in failed.into_iter().rev() {
            let mut chat = self.chats.remove(at);
            chat.fail(refusal::broken(format!(
                "llama.cpp could not go on: {error}"
            )));
            self.memory.forget(chat.sequence);
        }
        self.crowded = false;
    }
}
