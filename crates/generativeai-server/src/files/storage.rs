//! The stored files and the uploads in progress: limits, expiry, and access by name.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use generativeai::protocol::files::{File, FileSource, FileState};
use generativeai::protocol::time::Timestamp;

use super::disk::disk_error;
use super::folder::{Folder, StoredFile, UploadRecord};
use super::page::Place;
use super::properties::{random_hex, random_id};
use super::upload::{Upload, Writer};
use crate::error::ApiError;

/// Time after which a file is deleted, as by the service.
const LIFETIME: Duration = Duration::from_secs(48 * 3_600);

/// Time without a request after which an upload is discarded.
const UPLOAD_LIFETIME: Duration = Duration::from_secs(3_600);

/// Folder in which the [server](crate::Server::files) stores uploaded files.
///
/// Files are deleted 48 hours after their upload, and uploads that are not continued after one hour. Both survive a
/// restart of the server. Only one server at a time uses a folder.
///
/// ```no_run
/// use generativeai::testing::Scripted;
/// use generativeai_server::{FileStorage, Server};
///
/// let files = FileStorage::open("/var/lib/genai/files")?.max_total_size(1_000_000_000);
/// let server = Server::new(Scripted::default()).files(files);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "a folder is used once a server has it"]
pub struct FileStorage {
    folder: Folder,
    state: Mutex<State>,
    max_file_size: u64,
    max_total_size: u64,
    max_files: usize,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

impl fmt::Debug for FileStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStorage")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// Contents of the folder. This is the only record: the folder is read once, when it is opened.
struct State {
    /// By id.
    files: BTreeMap<String, StoredFile>,
    /// By the random name of the upload.
    uploads: HashMap<String, InProgress>,
}

/// Upload that has not become a file.
struct InProgress {
    upload: Arc<Upload>,
    /// Bytes that count for the limit: those announced, or those received.
    reserved: u64,
    /// Time of the last request.
    changed: SystemTime,
}

impl FileStorage {
    /// Opens a folder, which is created if it does not exist, with its files and uploads. On Unix only the owner can
    /// read a folder that this function creates.
    ///
    /// # Errors
    /// Another server uses the folder, or it cannot be written.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = Folder::open(folder.into())?;
        let mut state = State {
            files: folder.files()?,
            uploads: HashMap::new(),
        };
        for (record, data) in folder.uploads()? {
            let metadata = data.metadata()?;
            let received = metadata.len();
            let id = record.id.clone();
            let in_progress = InProgress {
                reserved: record.length.unwrap_or_default().max(received),
                changed: metadata.modified().unwrap_or_else(|_| SystemTime::now()),
                upload: Arc::new(Upload::new(record, data, received)),
            };
            state.uploads.insert(id, in_progress);
        }
        Ok(Self {
            folder,
            state: Mutex::new(state),
            max_file_size: 2 << 30,
            max_total_size: 20_000_000_000,
            max_files: 1_000,
            clock: Box::new(SystemTime::now),
        })
    }

    /// Sets the maximum size of a file in bytes. Default: 2 GiB, as for the service. Larger uploads get 400.
    pub fn max_file_size(mut self, bytes: u64) -> Self {
        self.max_file_size = bytes;
        self
    }

    /// Sets the maximum size of all files and uploads together, in bytes. Default: 20 GB, as for the service. Further
    /// uploads get 429. An upload counts with its announced size from its start.
    pub fn max_total_size(mut self, bytes: u64) -> Self {
        self.max_total_size = bytes;
        self
    }

    /// Sets the maximum number of files and uploads. Default: 1,000. Further uploads get 429.
    pub fn max_files(mut self, count: usize) -> Self {
        self.max_files = count;
        self
    }

    /// Sets the clock that decides when files expire. Default: the system clock. For tests.
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Box::new(now);
        self
    }

    /// Returns the maximum size of a file in bytes.
    pub(super) fn file_size_limit(&self) -> u64 {
        self.max_file_size
    }

    /// Returns a file, unless it has expired.
    pub(super) fn file(&self, id: &str) -> Result<File, ApiError> {
        let now = (self.clock)();
        let state = self.state();
        let stored = state.files.get(id).filter(|stored| now < expiry(stored));
        stored
            .map(|stored| stored.file.clone())
            .ok_or_else(|| missing(id))
    }

    /// Returns the path of the bytes of a file.
    pub(super) fn data(&self, id: &str) -> PathBuf {
        self.folder.data(id)
    }

    /// Returns a page of the list of files, and the token of the next page.
    pub(super) fn list(&self, after: Option<&Place>, size: usize) -> (Vec<File>, Option<String>) {
        self.remove_expired();
        let state = self.state();
        let mut places: Vec<Place> = state
            .files
            .iter()
            .map(|(id, stored)| Place::new(time(stored.file.create_time.as_ref()), id))
            .filter(|place| after.is_none_or(|after| place > after))
            .collect();
        places.sort_unstable();
        // A page has at least one file, see `page::size`.
        let next = (places.len() > size).then(|| places[size - 1].token());
        let page = places.iter().take(size);
        let files = page.filter_map(|place| state.files.get(place.id()));
        (files.map(|stored| stored.file.clone()).collect(), next)
    }

    /// Deletes a file.
    pub(super) fn delete(&self, id: &str) -> Result<(), ApiError> {
        self.remove_expired();
        let stored = self.state().files.remove(id).ok_or_else(|| missing(id))?;
        if let Err(error) = self.folder.remove_file(id)
            && error.kind() != io::ErrorKind::NotFound
        {
            self.state().files.entry(id.to_owned()).or_insert(stored);
            return Err(disk_error("delete the file")(error));
        }
        self.folder.sync().map_err(disk_error("delete the file"))
    }

    /// Starts an upload, and reserves room for it.
    ///
    /// # Errors
    /// The file is too large, a file of this name exists, or the storage is full.
    pub(super) fn start(&self, file: File, length: Option<u64>) -> Result<Arc<Upload>, ApiError> {
        self.remove_expired();
        self.check_size(length.unwrap_or_default())?;
        let id = file
            .name
            .as_deref()
            .and_then(|name| name.strip_prefix("files/"));
        // An early error, before the client sends the bytes. `complete` decides, since another upload may use the name
        // first.
        if let Some(id) = id
            && self.state().files.contains_key(id)
        {
            return Err(exists(id));
        }
        let record = UploadRecord {
            id: random_hex()?,
            length,
            file,
        };
        let id = record.id.clone();
        let data = self.folder.create_upload(&record);
        let data = data.map_err(disk_error("create the upload"))?;
        let upload = Arc::new(Upload::new(record, data, 0));
        let in_progress = InProgress {
            upload: upload.clone(),
            reserved: 0,
            changed: (self.clock)(),
        };
        // The upload is inserted before the limits are checked, so that concurrent starts count each other.
        let count = {
            let mut state = self.state();
            state.uploads.insert(id.clone(), in_progress);
            state.files.len() + state.uploads.len()
        };
        let admitted = if count > self.max_files {
            Err(ApiError::no_room(format!(
                "the server stores at most {} files: delete some",
                self.max_files
            )))
        } else {
            self.reserve(&id, length.unwrap_or_default())
        };
        if let Err(error) = admitted {
            self.cancel(&id)?;
            return Err(error);
        }
        Ok(upload)
    }

    /// Returns whether an upload is in progress, or has created a file.
    pub(crate) fn has_upload(&self, id: &str) -> bool {
        self.upload(id).is_some() || self.uploaded(id).is_some()
    }

    /// Returns an upload in progress.
    pub(super) fn upload(&self, id: &str) -> Option<Arc<Upload>> {
        let now = (self.clock)();
        let mut state = self.state();
        let in_progress = state.uploads.get_mut(id)?;
        in_progress.changed = now;
        Some(in_progress.upload.clone())
    }

    /// Returns the file that an upload has created.
    pub(super) fn uploaded(&self, upload: &str) -> Option<File> {
        let state = self.state();
        let mut files = state.files.values();
        let stored = files.find(|stored| stored.upload.as_deref() == Some(upload))?;
        Some(stored.file.clone())
    }

    /// Reserves room for an upload of this size.
    ///
    /// # Errors
    /// The file becomes too large, the storage is full, or the upload was discarded.
    pub(super) fn reserve(&self, id: &str, size: u64) -> Result<(), ApiError> {
        self.check_size(size)?;
        let now = (self.clock)();
        let mut state = self.state();
        let files = state.files.values().map(|stored| file_size(&stored.file));
        let uploads = state
            .uploads
            .values()
            .map(|in_progress| in_progress.reserved);
        // In 128 bits, since a client chooses the size that it announces, up to 2⁶⁴ - 1.
        let total: u128 = files.chain(uploads).map(u128::from).sum();
        let in_progress = state.uploads.get_mut(id).ok_or_else(unknown_upload)?;
        let size = size.max(in_progress.reserved);
        let others = total - u128::from(in_progress.reserved);
        if others + u128::from(size) > u128::from(self.max_total_size) {
            return Err(ApiError::no_room(format!(
                "the files take {total} of {} bytes: delete some",
                self.max_total_size
            )));
        }
        in_progress.reserved = size;
        in_progress.changed = now;
        Ok(())
    }

    /// Discards an upload.
    pub(super) fn cancel(&self, id: &str) -> Result<(), ApiError> {
        match self.state().uploads.remove(id) {
            None => Ok(()),
            Some(_) => {
                let removed = self.folder.remove_upload(id);
                removed.map_err(disk_error("discard the upload"))
            }
        }
    }

    /// Makes a file of a complete upload.
    ///
    /// # Errors
    /// The upload is shorter than announced, or a file of this name exists.
    pub(super) fn complete(&self, writer: &mut Writer) -> Result<File, ApiError> {
        let (size, digest) = writer.seal()?;
        let record = &writer.upload.record;
        let id = record.file.name.as_deref();
        let id = match id.and_then(|name| name.strip_prefix("files/")) {
            Some(id) => id.to_owned(),
            None => random_id()?,
        };
        let created = (self.clock)();
        let mut file = record.file.clone();
        file.name = Some(format!("files/{id}"));
        file.size_bytes = i64::try_from(size).ok();
        file.create_time = Some(timestamp(created));
        file.update_time = file.create_time.clone();
        file.expiration_time = Some(timestamp(created + LIFETIME));
        // The service encodes the hexadecimal digits, not the bytes.
        file.sha256_hash = Some(STANDARD.encode(hex::encode(digest)));
        file.state = Some(FileState::Active);
        file.source = Some(FileSource::Uploaded);
        let completed = self.folder.complete(&record.id, &id, &file);
        completed.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&id),
            _ => disk_error("store the file")(error),
        })?;
        let stored = StoredFile {
            file: file.clone(),
            upload: Some(record.id.clone()),
        };
        {
            let mut state = self.state();
            state.uploads.remove(&record.id);
            state.files.insert(id, stored);
        }
        // After the state has changed: the file exists, whether or not this succeeds.
        self.folder.sync().map_err(disk_error("store the file"))?;
        Ok(file)
    }

    /// Removes expired files and uploads: from memory under the lock, then from the disk without it.
    ///
    /// Errors of the disk are ignored: they do not concern the request that happens to come first after an expiry.
    /// Files that remain on the disk are removed after the next start of the server.
    fn remove_expired(&self) {
        let now = (self.clock)();
        let (files, uploads) = self.state().take_expired(now);
        for id in files {
            let _ = self.folder.remove_file(&id);
        }
        for id in uploads {
            let _ = self.folder.remove_upload(&id);
        }
    }

    fn check_size(&self, size: u64) -> Result<(), ApiError> {
        if size <= self.max_file_size {
            return Ok(());
        }
        Err(ApiError::invalid(format!(
            "the file is too large: it may have at most {} bytes",
            self.max_file_size
        )))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent after a panic: no change of it consists of steps between which code can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Removes expired entries from memory, and returns the ids of the files and of the uploads.
    fn take_expired(&mut self, now: SystemTime) -> (Vec<String>, Vec<String>) {
        let files = self.files.extract_if(.., |_, stored| expiry(stored) <= now);
        let files = files.map(|(id, _)| id).collect();
        let uploads = self
            .uploads
            .extract_if(|_, in_progress| in_progress.changed + UPLOAD_LIFETIME <= now);
        (files, uploads.map(|(id, _)| id).collect())
    }
}

/// Creates the error for an upload that does not exist.
pub(super) fn unknown_upload() -> ApiError {
    ApiError::not_found("unknown upload: it was cancelled, or has expired. Start it again")
}

/// Returns the error for a file that does not exist. The code is 403, as for the service, which does not reveal whether
/// other users have such a file.
pub(super) fn missing(id: &str) -> ApiError {
    ApiError::forbidden(format!(
        "no permission to access the file `files/{id}`, or it does not exist or has expired"
    ))
}

fn exists(id: &str) -> ApiError {
    ApiError::already_exists(format!(
        "the file `files/{id}` exists: delete it, or use another name"
    ))
}

/// Returns the size of a file in bytes.
pub(super) fn file_size(file: &File) -> u64 {
    let size = file.size_bytes.and_then(|size| size.try_into().ok());
    size.unwrap_or_default()
}

/// Returns the time at which a file is deleted.
fn expiry(stored: &StoredFile) -> SystemTime {
    time(stored.file.expiration_time.as_ref())
}

fn timestamp(time: SystemTime) -> Timestamp {
    let time = DateTime::<Utc>::from(time);
    time.to_rfc3339_opts(SecondsFormat::Micros, true).into()
}

/// Parses a time that [`timestamp`] has written. Another text is a time long ago, so that the file expires.
fn time(timestamp: Option<&Timestamp>) -> SystemTime {
    let text = timestamp.map_or("", Timestamp::as_str);
    DateTime::parse_from_rfc3339(text).map_or(SystemTime::UNIX_EPOCH, SystemTime::from)
}
