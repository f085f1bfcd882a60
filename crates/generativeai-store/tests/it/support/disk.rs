//! A disk after a power cut: it contains all synced data, and an arbitrary part of the rest.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, mem};

use fastrand::Rng;

use super::watch::Note;

/// The unit that a disk writes completely or not at all, in bytes.
const SECTOR: usize = 512;

/// The files of a disk, reconstructed from notes.
#[derive(Default)]
pub(crate) struct Disk<'a> {
    files: BTreeMap<&'a Path, File<'a>>,
    messages: Vec<&'a str>,
}

/// A file: its synced content, and the changes since.
#[derive(Default)]
struct File<'a> {
    synced: Option<Vec<u8>>,
    pending: Vec<Change<'a>>,
}

/// A change of a file that the disk may not have written yet.
enum Change<'a> {
    Made,
    Removed,
    Written(usize, &'a [u8]),
    Cut(usize),
}

impl<'a> Disk<'a> {
    /// Replays notes. If `is_synced` is false, the disk ignores syncs.
    pub(crate) fn after(notes: &'a [Note], is_synced: bool) -> Self {
        let mut disk = Self::default();
        for note in notes {
            match note {
                Note::Opened(path, Some(before)) => {
                    disk.files.entry(path).or_insert_with(|| File {
                        synced: Some(before.clone()),
                        pending: Vec::new(),
                    });
                }
                Note::Opened(path, None) => disk.change(path, Change::Made),
                Note::Deleted(path) => disk.change(path, Change::Removed),
                Note::Written(path, at, bytes) => disk.change(path, Change::Written(*at, bytes)),
                Note::Truncated(path, length) => disk.change(path, Change::Cut(*length)),
                Note::Synced(path) if is_synced => disk.sync(path),
                Note::Synced(_) => {}
                Note::Message(text) => disk.messages.push(text),
            }
        }
        disk
    }

    fn change(&mut self, path: &'a Path, change: Change<'a>) {
        self.files.entry(path).or_default().pending.push(change);
    }

    /// Makes all pending changes of a file durable.
    fn sync(&mut self, path: &'a Path) {
        let file = self.files.entry(path).or_default();
        let is_new = file
            .pending
            .iter()
            .any(|change| matches!(change, Change::Made));
        file.apply(|| true);
        if is_new {
            // SQLite syncs the folder of a new file too, which makes removals from it durable.
            for file in self.files.values_mut() {
                if let Some(Change::Removed) = file.pending.last() {
                    file.apply(|| true);
                }
            }
        }
    }

    /// Writes the files that a power cut leaves into a folder. Returns the notes of the test until then.
    pub(crate) fn cut_power(self, folder: &Path, random: &mut Rng) -> Vec<&'a str> {
        // The part of the pending changes that is kept.
        let percent = [0, 10, 50, 90, 100][random.usize(..5)];
        for (path, mut file) in self.files {
            file.apply(|| random.u64(..100) < percent);
            if let Some(content) = file.synced {
                fs::write(folder.join(path.file_name().unwrap()), content).unwrap();
            }
        }
        self.messages
    }
}

impl File<'_> {
    /// Applies the pending changes: each sector for which `chosen` returns true.
    fn apply(&mut self, mut chosen: impl FnMut() -> bool) {
        for change in mem::take(&mut self.pending) {
            match change {
                // The later changes belong to a file that does not have this name.
                Change::Made | Change::Removed if !chosen() => return,
                Change::Made => self.synced = Some(Vec::new()),
                Change::Removed => self.synced = None,
                Change::Cut(length) if chosen() => self.content().resize(length, 0),
                Change::Cut(_) => {}
                Change::Written(mut at, mut bytes) => {
                    while !bytes.is_empty() {
                        let length = bytes.len().min(SECTOR - at % SECTOR);
                        let (sector, rest) = bytes.split_at(length);
                        if chosen() {
                            self.put(at, sector);
                        }
                        (at, bytes) = (at + length, rest);
                    }
                }
            }
        }
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        let content = self.content();
        let end = at + bytes.len();
        content.resize(content.len().max(end), 0);
        content[at..end].copy_from_slice(bytes);
    }

    fn content(&mut self) -> &mut Vec<u8> {
        self.synced.get_or_insert_default()
    }
}
