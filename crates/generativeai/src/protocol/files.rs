//! Files uploaded to the service.
//!
//! Media that are too large for a request, or that several requests use, are uploaded once. Messages then
//! refer to the file by its URI:
//!
//! ```
//! use generativeai::protocol::content::{Content, Part};
//! use generativeai::protocol::files::File;
//!
//! let file: File = serde_json::from_str(
//!     r#"{"name":"files/abc","uri":"https://example.com/files/abc","mimeType":"video/mp4"}"#,
//! )?;
//! let message = Content::user([Part::text("What happens in this film?"), file.into()]);
//! assert_eq!(message.parts[1].kind(), Some("fileData"));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! API page: [Files](https://ai.google.dev/gemini-api/docs/files).

use crate::protocol::content::{FileData, Part};
use crate::protocol::status::Status;
use crate::protocol::time::{Duration, Timestamp};

message! {
    /// File uploaded to the service. It is deleted after 48 hours.
    ///
    /// A file has at most 2 GB, and all files of a project have at most 20 GB. Uploads are free of charge.
    ///
    /// A file converts into a part of a message:
    ///
    /// ```
    /// use generativeai::protocol::content::{Content, Part};
    /// use generativeai::protocol::files::{File, FileState};
    ///
    /// // As `Remote::upload_file` returns it.
    /// let film: File = serde_json::from_str(
    ///     r#"{"name":"files/abc-123","mimeType":"video/mp4","sizeBytes":"7340032","state":"ACTIVE",
    ///         "uri":"https://generativelanguage.googleapis.com/v1beta/files/abc-123"}"#,
    /// )?;
    /// assert_eq!(film.state, Some(FileState::Active));
    /// let message = Content::user(vec![film.into(), Part::text("What happens in this film?")]);
    /// assert_eq!(message.parts.len(), 2);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct File {
        /// Resource name, such as `files/abc-123`. The part after `files/` has at most 40 lower-case
        /// letters, digits and `-`.
        pub name: Option<String> => into String,
        /// Name for people, at most 512 characters.
        pub display_name: Option<String> => into String,
        /// Media type, such as `video/mp4`.
        pub mime_type: Option<String> => into String,
        /// Size in bytes.
        pub size_bytes: Option<i64>,
        /// Time of the upload.
        pub create_time: Option<Timestamp>,
        /// Time of the last change.
        pub update_time: Option<Timestamp>,
        /// Time when the file is deleted.
        pub expiration_time: Option<Timestamp>,
        /// SHA-256 of the bytes: its 64 hexadecimal digits, encoded in base64.
        pub sha256_hash: Option<String>,
        /// URI for references in messages, see [`FileData::file_uri`].
        pub uri: Option<String>,
        /// URI from which a generated file is downloaded. Absent for uploaded files.
        pub download_uri: Option<String>,
        /// Whether the file is ready for use. Video is processed for some seconds after the upload.
        pub state: Option<FileState>,
        /// Origin of the file.
        pub source: Option<FileSource>,
        /// Reason why processing failed. Present in the state [`FileState::Failed`] only.
        pub error: Option<Status>,
        /// Properties of a video.
        pub video_metadata: Option<VideoFileMetadata>,
    }
}

message! {
    /// Page of a list of files.
    pub struct ListFilesResponse {
        /// Files of the page.
        pub files: Vec<File>,
        /// Token to request the next page with. Absent or empty on the last page.
        pub next_page_token: Option<String>,
    }
}

message! {
    /// Request for an upload, and its response: the created file.
    pub struct UploadedFile {
        /// In a request, the properties of the file to create; in a response, the created file.
        pub file: Option<File>,
    }
}

message! {
    /// Response to the deletion of a file. It is empty.
    pub struct DeleteFileResponse {}
}

/// Refers to the file by its URI.
impl From<File> for FileData {
    fn from(file: File) -> Self {
        Self {
            file_uri: file.uri,
            mime_type: file.mime_type,
            ..Self::default()
        }
    }
}

/// Refers to the file by its URI.
impl From<File> for Part {
    fn from(file: File) -> Self {
        FileData::from(file).into()
    }
}

open_enum! {
    /// State of a file: whether it is ready for use.
    ///
    /// ```
    /// use generativeai::protocol::files::{File, FileState};
    ///
    /// let file: File = serde_json::from_str(r#"{"name":"files/abc","state":"PROCESSING"}"#)?;
    /// assert_eq!(file.state, Some(FileState::Processing)); // not usable in a message yet
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub enum FileState {
        /// Zero value of the enum. The service does not send it.
        Unspecified = "STATE_UNSPECIFIED",
        /// The file is being processed. A request that refers to it fails.
        Processing = "PROCESSING",
        /// The file is ready.
        Active = "ACTIVE",
        /// Processing failed. The file cannot be used.
        Failed = "FAILED",
    }
}

open_enum! {
    /// Origin of a file.
    pub enum FileSource {
        /// Zero value of the enum. The service does not send it.
        Unspecified = "SOURCE_UNSPECIFIED",
        /// Uploaded by the user.
        Uploaded = "UPLOADED",
        /// Generated by a model.
        Generated = "GENERATED",
        /// Registered from Google Cloud Storage, where its bytes stay.
        Registered = "REGISTERED",
    }
}

message! {
    /// Properties of a video file.
    pub struct VideoFileMetadata {
        /// Length of the video.
        pub video_duration: Option<Duration>,
    }
}
