//! HTTP for the other backends of this project. Not a public interface: it changes without notice.
//!
//! Connections, retries, deadlines, limits, redaction and the decoding of streams are those of
//! [`Remote`](super::Remote). A backend describes its service in a [`Profile`], and converts JSON.

pub use super::client::Client;
pub use super::failure::from_status;
pub use super::profile::{ApiVersion, KeyRequired, Profile, ReadError};
pub use super::reply::Reply;
pub use super::reply_stream::Decoder;

use super::RemoteBuilder;
use crate::error::Result;

/// Returns a builder of clients of a service.
pub fn builder(profile: &'static Profile) -> RemoteBuilder {
    RemoteBuilder::of(profile)
}

/// Creates the client.
///
/// # Errors
///
/// Those of [`RemoteBuilder::build`].
pub fn client(builder: RemoteBuilder) -> Result<Client> {
    builder.client()
}
