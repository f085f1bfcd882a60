//! Files of the service: media that are uploaded once, and that messages refer to.
//!
//! ```text
//! UploadFile               a path, bytes or a reader, and the properties of the file
//!   │ pieces               8 MiB at a time, hashed while they are read
//!   ▼
//! resumable                the upload protocol: start, pieces, and a query after a failure
//!   │ digest               compares the SHA-256 that the service reports
//!   ▼
//! File                     a part of a message
//! ```
//!
//! An attachment is either inline data or such a file:
//!
//! ```text
//! AttachFile               a path or bytes: inline data if small, else a reference to a file, with its place on disk
//!   │ stored               the files uploaded as attachments, by their content
//!   ▼
//! current                  when a request is sent: expired references are replaced by new uploads
//! ```

mod api;
mod attach;
mod current;
mod digest;
mod list;
mod pieces;
mod progress;
mod reference;
mod resumable;
mod stored;
mod upload;

pub use attach::AttachFile;
pub use list::FileList;
pub use progress::UploadProgress;
pub(super) use reference::{has_references, remove_references};
pub(super) use stored::Stored;
pub use upload::UploadFile;
