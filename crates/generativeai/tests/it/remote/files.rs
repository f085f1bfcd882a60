//! Files: uploads through a network that fails, and the other requests about files.

mod attachments;
mod requests;
mod sources;
mod stand_in;
mod uploads;

use generativeai::remote::UploadFile;
use generativeai::{Remote, RequestOptions};

use self::stand_in::StandIn;
use super::builder;
use crate::support::Retries;

/// Size of a piece of an upload.
const PIECE: usize = 8 << 20;

/// Creates a client of the stand-in that retries without a wait.
fn client(stand_in: &StandIn) -> Remote {
    let retries = Retries::default();
    let options: RequestOptions = retries.immediate();
    let builder = builder(&stand_in.url()).request_options(options);
    builder.build().expect("all settings are good")
}

/// Returns an upload of these bytes.
fn upload(stand_in: &StandIn, bytes: &[u8]) -> UploadFile {
    client(stand_in).upload_bytes(bytes.to_vec(), "text/plain")
}

/// Bytes of this length, whose parts differ.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7 * 31 % 251) as u8).collect()
}
