//! A disk that loses its power: what was synced is there, of the rest an arbitrary part.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, mem};

use super::watch::Note;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// The files of a disk, as far as notes tell of them.
#[derive(Default)]
pub(crate) struct Disk<'a> {
    files: BTreeMap<&'a Path, File<'a>>,
    said: Vec<&'a str>,
}

/// A file: what is on the disk for good, and what may be.
#[derive(Default)]
struct File<'a> {
    kept: Option<Vec<u8>>,
    pending: Vec<Change<'a>>,
}

enum Change<'a> {
    Made,
    Removed,
    Written(usize, &'a [u8]),
    Cut(usize),
}

impl<'a> Disk<'a> {
    /// The disk after what was noted; one that is not synced only pretended to be.
    pub(crate) fn after(notes: &'a [Note], is_synced: bool) -> Self {
        let mut disk = Self::default();
        for note in notes {
            match note {
                Note::Opened(path, Some(before)) => {
                    disk.files.entry(path).or_insert_with(|| File {
                        kept: Some(before.clone()),
                        pending: Vec::new(),
                    });
                }
                Note::Opened(path, None) => disk.change(path, Change::Made),
                Note::Deleted(path) => disk.change(path, Change::Removed),
                Note::Written(path, at, bytes) => disk.change(path, Change::Written(*at, bytes)),
                Note::Truncated(path, length) => disk.change(path, Change::Cut(*length)),
                Note::Synced(path) if is_synced => disk.sync(path),
                Note::Synced(_) => {}
                Note::Said(said) => disk.said.push(said),
            }
        }
        disk
    }

    fn change(&mut self, path: &'a Path, change: Change<'a>) {
        self.files.entry(path).or_default().pending.push(change);
    }

    fn sync(&mut self, path: &'a Path) {
        let file = self.files.entry(path).or_default();
        let is_new = file
            .pending
            .iter()
            .any(|change| matches!(change, Change::Made));
        file.apply(|| true);
        if is_new {
            // SQLite syncs the folder of a new file as well: what was removed from it stays so.
            for file in self.files.values_mut() {
                if let Some(Change::Removed) = file.pending.last() {
                    file.apply(|| true);
                }
            }
        }
    }

    /// Puts what is left after the power failed into a folder; gives what was said until then.
    pub(crate) fn leave(self, folder: &Path, chance: &mut Chance) -> Vec<&'a str> {
        // Of what is pending: nothing, all, or so many percent.
        let percent = [0, 10, 50, 90, 100][chance.below(5) as usize];
        for (path, mut file) in self.files {
            file.apply(|| chance.below(100) < percent);
            if let Some(content) = file.kept {
                fs::write(folder.join(path.file_name().unwrap()), content).unwrap();
            }
        }
        self.said
    }
}

impl File<'_> {
    /// Does what is pending, each part of it if it is `chosen`.
    fn apply(&mut self, mut chosen: impl FnMut() -> bool) {
        for change in mem::take(&mut self.pending) {
            match change {
                // What comes after was done to a file that has not got this name.
                Change::Made | Change::Removed if !chosen() => return,
                Change::Made => self.kept = Some(Vec::new()),
                Change::Removed => self.kept = None,
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
        self.kept.get_or_insert_default()
    }
}

/// Numbers that look like chance, the same for the same seed (SplitMix64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
