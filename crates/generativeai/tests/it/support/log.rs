//! Searches everything that is logged for a key.

use std::sync::Once;

use log::{LevelFilter, Log, Metadata, Record};

use super::trace;

struct Reader {
    key: &'static str,
}

impl Log for Reader {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let text = record.args().to_string();
        // A panic in a task of the HTTP library would go unseen.
        if trace::holds(&text, self.key) {
            trace::leaked(format!("{}: {text}", record.target()));
        }
    }

    fn flush(&self) {}
}

/// From now on whatever logs the key is a [leak](trace::leaks), at any level.
pub(crate) fn install(key: &'static str) {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        log::set_boxed_logger(Box::new(Reader { key })).expect("the only logger of the tests");
        log::set_max_level(LevelFilter::Trace);
    });
}
