//! Work on the store that may have to wait for others, and that Ctrl-C need not wait for.

use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use crate::printer::Printer;

/// Work that takes longer than this is told of.
const AT_ONCE: Duration = Duration::from_millis(800);

/// Does work until it is done or stopped, and says so if it takes its time; `None` if it was stopped.
pub(super) async fn until<T>(
    stop: impl Future<Output = ()>,
    work: impl Future<Output = T>,
    printer: &mut Printer,
) -> Option<T> {
    let (mut stop, mut work, mut late) = (pin!(stop), pin!(work), pin!(sleep(AT_ONCE)));
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Some(done),
            () = &mut stop => return None,
            () = &mut late, if !late.is_elapsed() => {
                printer.note("(the chat is being saved; Ctrl-C goes on without)");
            }
        }
    }
}
