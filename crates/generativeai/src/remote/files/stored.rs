//! The files uploaded as attachments, by their content. All clones of a client share them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::DateTime;
use tokio::sync::Mutex as AsyncMutex;

use crate::error::Result;
use crate::protocol::files::File;
use crate::protocol::time::Timestamp;

/// Time before its deletion from which a file is treated as expired. A request with the file takes time, and the file
/// must exist until the service reads it.
const MARGIN: Duration = Duration::from_secs(60);

/// SHA-256 and media type of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) sha256: String,
    pub(super) mime_type: String,
}

/// Slot for the file with one content. It is locked during the upload.
type Slot = Arc<AsyncMutex<Option<File>>>;

/// Files uploaded as attachments.
#[derive(Debug, Default)]
pub(in crate::remote) struct Stored(Mutex<HashMap<Key, Slot>>);

impl Stored {
    /// Returns the file with a content: the known file if it is usable, or else the result of `upload`. `upload` gets
    /// the unusable file, if there is one.
    ///
    /// Of several concurrent calls for one content, one uploads and the others wait for it. If its upload fails or is
    /// dropped, the next call uploads.
    pub(super) async fn get<F: Future<Output = Result<File>>>(
        &self,
        key: &Key,
        is_usable: impl Fn(&File) -> bool,
        upload: impl FnOnce(Option<File>) -> F,
    ) -> Result<File> {
        let slot = self.slot(key);
        // Only callers with the same content wait here: each has its own slot.
        let mut stored = slot.lock().await;
        // The slot is empty during the upload, so it stays empty if the upload fails or is dropped.
        let old = stored.take();
        let is_known = old
            .as_ref()
            .is_some_and(|file| !has_expired(file) && is_usable(file));
        let file = match old {
            Some(file) if is_known => file,
            old => upload(old).await?,
        };
        Ok(stored.insert(file).clone())
    }

    /// Removes a deleted file, so that its content is uploaded when it is attached again.
    pub(super) fn forget(&self, name: &str) {
        let id = |name: &str| name.rsplit('/').next().map(str::to_owned);
        let is_it = |file: &File| file.uri.as_deref().and_then(id) == id(name);
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| {
            // A locked slot stays: its upload in progress creates another file.
            let file = slot.try_lock();
            file.map_or(true, |file| !file.as_ref().is_some_and(is_it))
        });
    }

    /// Returns the slot of a content. Slots that are not in use and contain no usable file are removed.
    fn slot(&self, key: &Key) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !slots.contains_key(key) {
            // Before each new entry, so that a long-lived client does not collect expired files. A locked slot is in
            // use.
            slots.retain(|_, slot| {
                slot.try_lock().map_or(true, |file| {
                    Arc::strong_count(slot) > 1 || file.as_ref().is_some_and(|it| !has_expired(it))
                })
            });
        }
        Arc::clone(slots.entry(key.clone()).or_default())
    }
}

fn has_expired(file: &File) -> bool {
    file.expiration_time.as_ref().is_some_and(is_over)
}

/// Returns whether a file with this expiration time must no longer be used.
pub(super) fn is_over(expiration: &Timestamp) -> bool {
    let end = DateTime::parse_from_rfc3339(expiration.as_str());
    end.is_ok_and(|end| SystemTime::from(end) <= SystemTime::now() + MARGIN)
}
