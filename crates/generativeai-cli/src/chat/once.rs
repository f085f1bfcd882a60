//! One message, one answer.

use generativeai::ChatSession;
use tokio::runtime::Runtime;

use super::reply::{self, Reply};
use crate::exit::Exit;
use crate::printer::Printer;

/// Asks once and shows the answer.
pub(super) fn ask(
    runtime: &Runtime,
    mut chat: ChatSession,
    message: &str,
    printer: &mut Printer,
) -> anyhow::Result<Exit> {
    match runtime.block_on(reply::show(chat.send_message(message), printer))? {
        Reply::Whole => Ok(Exit::Done),
        Reply::Stopped => Ok(Exit::Interrupted),
    }
}
