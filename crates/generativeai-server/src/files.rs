//! The Files API: uploads into a folder, and requests that refer to the uploaded files.
//!
//! ```text
//! endpoint    start, pieces, raw and multipart uploads; get, list, delete
//!   │ protocol, multipart, properties, page   what a request asks for, without I/O
//!   ▼
//! receive     the bytes of one request, in blocks
//!   ▼
//! storage     limits, expiry, and which files and uploads exist
//!   ▼
//! upload      one upload: one writer at a time, its bytes and their hash
//! folder      the folder on disk
//! disk        file operations on a thread on which they may block
//!
//! attach      replaces references in a request with the bytes of the files
//! ```

mod attach;
mod discovery;
mod disk;
mod endpoint;
mod folder;
mod multipart;
mod page;
mod properties;
mod protocol;
mod receive;
mod site;
mod storage;
mod upload;

pub(crate) use attach::Attachments;
pub(crate) use endpoint::FilesApi;
pub(crate) use site::Site;
pub use storage::FileStorage;
