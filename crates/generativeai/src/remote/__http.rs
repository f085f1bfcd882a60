//! HTTP for the other backends of this project. Not a public interface: it changes without notice.
//!
//! Connections, retries, deadlines, limits, redaction and the decoding of streams are shared with
//! [`Remote`](super::Remote). A backend describes its service in a [`Profile`], and converts JSON.

pub use super::client::Client;
pub use super::failure::from_status;
pub use super::profile::{ApiVersion, KeyRequired, Profile, ReadError};
pub use super::reply::Reply;
pub use super::reply_stream::{Decoder, StreamEnd};

use super::RemoteBuilder;
#[cfg(feature = "testing")]
use super::resolve::{LookUp, Resolver};
use crate::error::Result;

/// Returns a builder of clients of a service.
pub fn builder(profile: &'static Profile) -> RemoteBuilder {
    RemoteBuilder::of(profile)
}

/// Creates the client.
///
/// # Errors
/// Those of [`RemoteBuilder::build`].
pub fn client(builder: RemoteBuilder) -> Result<Client> {
    builder.client()
}

/// Replaces the resolver of host names, for tests of other backends.
#[cfg(feature = "testing")]
pub fn with_resolver(mut builder: RemoteBuilder, look_up: LookUp) -> RemoteBuilder {
    builder.resolver = Resolver(look_up);
    builder
}
