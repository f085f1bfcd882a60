//! Files that the service keeps.

use crate::protocol::content::{FileData, Part};
use crate::protocol::status::Status;
use crate::protocol::time::{Duration, Timestamp};

message! {
    /// A file that the service keeps for two days.
    pub struct File {
        /// Its name, such as `files/123`.
        pub name: Option<String>,
        /// What people call it.
        pub display_name: Option<String>,
        /// What it is, such as `video/mp4`.
        pub mime_type: Option<String>,
        /// Its size in bytes.
        pub size_bytes: Option<i64>,
        /// When it was made.
        pub create_time: Option<Timestamp>,
        /// When it was changed.
        pub update_time: Option<Timestamp>,
        /// When it goes.
        pub expiration_time: Option<Timestamp>,
        /// The SHA-256 of its bytes, in base64.
        pub sha256_hash: Option<String>,
        /// What a message names it by.
        pub uri: Option<String>,
        /// Where it can be fetched.
        pub download_uri: Option<String>,
        /// Whether it can be used.
        pub state: Option<FileState>,
        /// Where it is from.
        pub source: Option<FileSource>,
        /// Why it cannot be used.
        pub error: Option<Status>,
        /// What is known of a video.
        pub video_metadata: Option<VideoFileMetadata>,
    }
}

impl From<File> for FileData {
    fn from(file: File) -> Self {
        Self {
            file_uri: file.uri,
            mime_type: file.mime_type,
            ..Self::default()
        }
    }
}

impl From<File> for Part {
    fn from(file: File) -> Self {
        FileData::from(file).into()
    }
}

open_enum! {
    /// Whether a file can be used.
    pub enum FileState {
        /// Not said.
        Unspecified = "STATE_UNSPECIFIED",
        /// Not yet.
        Processing = "PROCESSING",
        /// It can.
        Active = "ACTIVE",
        /// It cannot.
        Failed = "FAILED",
    }
}

open_enum! {
    /// Where a file is from.
    pub enum FileSource {
        /// Not said.
        Unspecified = "SOURCE_UNSPECIFIED",
        /// The caller gave it.
        Uploaded = "UPLOADED",
        /// The service made it.
        Generated = "GENERATED",
        /// It lies elsewhere, and the service was told.
        Registered = "REGISTERED",
    }
}

message! {
    /// What is known of a video.
    pub struct VideoFileMetadata {
        /// How long it is.
        pub video_duration: Option<Duration>,
    }
}
