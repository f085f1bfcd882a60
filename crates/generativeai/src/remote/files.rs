//! Files of the service: media that are uploaded once, and that messages refer to.
//!
//! ```text
//! UploadFile               a path, bytes or a reader, and the properties of the file
//!   │ pieces               8 MiB at a time, hashed while they are read
//!   ▼
//! resumable                the upload protocol: start, pieces, and a query after a failure
//!   │ digest               the hash of the service is compared
//!   ▼
//! File                     a part of a message
//! ```

mod api;
mod digest;
mod list;
mod pieces;
mod progress;
mod requests;
mod resumable;
mod upload;

pub use list::FileList;
pub use progress::UploadProgress;
pub use upload::UploadFile;
