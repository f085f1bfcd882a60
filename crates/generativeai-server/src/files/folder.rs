//! The folder of the files on disk.
//!
//! ```text
//! lock                       held while a server uses the folder
//! uploads/{upload}/          an upload in progress
//!     upload.json, data      its properties, and the received bytes
//! files/{id}/                a file
//!     file.json, data        its description, and its bytes
//!     upload.json            the properties of its upload, which a client may still query
//! ```
//!
//! Renaming the folder of an upload to the folder of its file completes the upload. So at any moment a file
//! exists completely or not at all, whatever interrupts the server.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File as DiskFile, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use generativeai::protocol::files::File;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Name of the file with the bytes.
pub(super) const DATA: &str = "data";
/// Name of the file with the description, as the API returns it.
const FILE: &str = "file.json";
/// Name of the file with the [properties](UploadRecord) of an upload.
const UPLOAD: &str = "upload.json";
/// End of the names of folders that are being removed.
const REMOVED: &str = ".removed";

/// Folder that only this server uses: it holds a lock, which the operating system releases if the process is killed.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// Locked until it is dropped.
    _lock: DiskFile,
}

/// Properties of an upload, which stay the same until it ends.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct UploadRecord {
    /// Random name of the upload.
    pub(super) id: String,
    /// Number of bytes that the client announced.
    pub(super) length: Option<u64>,
    /// Name, display name and media type of the file.
    pub(super) file: File,
}

/// Complete file.
#[derive(Debug)]
pub(super) struct StoredFile {
    /// Description, as the API returns it.
    pub(super) file: File,
    /// Upload that created the file.
    pub(super) upload: Option<String>,
}

impl Folder {
    /// Opens a folder, which is created if it does not exist.
    ///
    /// # Errors
    /// Another server uses the folder, or it cannot be written.
    pub(super) fn open(root: PathBuf) -> io::Result<Self> {
        for path in [&root, &root.join("uploads"), &root.join("files")] {
            private_folder(path)?;
        }
        let path = root.join("lock");
        let lock = DiskFile::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                format!("another server uses the folder `{}`", root.display()),
            )),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Returns the path of an upload.
    pub(super) fn upload(&self, id: &str) -> PathBuf {
        self.root.join("uploads").join(id)
    }

    /// Returns the path of the bytes of a file.
    pub(super) fn data(&self, id: &str) -> PathBuf {
        self.file(id).join(DATA)
    }

    fn file(&self, id: &str) -> PathBuf {
        self.root.join("files").join(id)
    }

    /// Creates the folder of an upload, and returns the file for its bytes.
    pub(super) fn create_upload(&self, record: &UploadRecord) -> io::Result<DiskFile> {
        let folder = self.upload(&record.id);
        private_folder(&folder)?;
        let data = DiskFile::options()
            .create_new(true)
            .read(true)
            .write(true)
            .open(folder.join(DATA))?;
        write_durably(&folder.join(UPLOAD), record)?;
        sync_folder(&folder)?;
        sync_folder(&self.root.join("uploads"))?;
        Ok(data)
    }

    /// Makes a file of an upload. [`sync`](Self::sync) makes it durable.
    ///
    /// # Errors
    /// `AlreadyExists`: a file with this id exists.
    pub(super) fn complete(&self, upload: &str, id: &str, file: &File) -> io::Result<()> {
        let folder = self.upload(upload);
        // Synced before the rename, which makes the file visible: a file that is visible after a power cut is complete.
        write_durably(&folder.join(FILE), file)?;
        sync_folder(&folder)?;
        // A rename replaces an empty folder only. So it also decides which of two uploads gets a name, without a lock.
        fs::rename(&folder, self.file(id)).map_err(|error| match error.kind() {
            io::ErrorKind::DirectoryNotEmpty => io::ErrorKind::AlreadyExists.into(),
            _ => error,
        })
    }

    /// Waits until the completed uploads and the removals are on disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        sync_folder(&self.root.join("files"))?;
        sync_folder(&self.root.join("uploads"))
    }

    /// Removes an upload.
    pub(super) fn remove_upload(&self, id: &str) -> io::Result<()> {
        self.remove(&self.upload(id), id)
    }

    /// Removes a file.
    pub(super) fn remove_file(&self, id: &str) -> io::Result<()> {
        self.remove(&self.file(id), id)
    }

    /// Removes a folder. It is renamed first: an interrupted removal must not leave a part of a file.
    fn remove(&self, folder: &Path, id: &str) -> io::Result<()> {
        let removed = self.upload(&format!("{id}{REMOVED}"));
        // An earlier file of this name may have left a folder, which the rename cannot replace.
        let _ = fs::remove_dir_all(&removed);
        fs::rename(folder, &removed)?;
        // The file is gone. What remains is removed after the next start of the server.
        let _ = fs::remove_dir_all(removed);
        Ok(())
    }

    /// Returns the files in the folder by id.
    pub(super) fn files(&self) -> io::Result<BTreeMap<String, StoredFile>> {
        let mut files = BTreeMap::new();
        for (id, path) in entries(&self.root.join("files"))? {
            let upload: Option<UploadRecord> = read(&path.join(UPLOAD))?;
            if let Some(file) = read(&path.join(FILE))? {
                let upload = upload.map(|record| record.id);
                files.insert(id, StoredFile { file, upload });
            }
        }
        Ok(files)
    }

    /// Returns the uploads in the folder, with the files of their bytes. Removes incomplete uploads.
    pub(super) fn uploads(&self) -> io::Result<Vec<(UploadRecord, DiskFile)>> {
        let mut uploads = Vec::new();
        for (id, path) in entries(&self.root.join("uploads"))? {
            let record = if id.ends_with(REMOVED) {
                None
            } else {
                read(&path.join(UPLOAD))?
            };
            match record {
                Some(record) => {
                    let mut options = DiskFile::options();
                    let data = options.read(true).write(true).open(path.join(DATA))?;
                    uploads.push((record, data));
                }
                None => fs::remove_dir_all(path)?,
            }
        }
        Ok(uploads)
    }
}

/// Creates a folder that only its owner can read, unless it exists.
fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Returns the folders in a folder, with their names.
fn entries(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && entry.file_type()?.is_dir()
        {
            entries.push((name, entry.path()));
        }
    }
    Ok(entries)
}

/// Reads a file of JSON. Returns `None` if it does not exist, or if its writing was interrupted.
fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(serde_json::from_slice(&text).ok())
}

/// Writes a value as JSON, and waits until it is on disk.
fn write_durably(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut file = DiskFile::create(path)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    file.sync_all()
}

/// Waits until the entries of a folder are on disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    // Windows cannot open a folder as a file, and writes its entries itself.
    if cfg!(unix) {
        DiskFile::open(path)?.sync_all()?;
    }
    Ok(())
}
