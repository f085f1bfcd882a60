//! Access to internals for the benchmarks and fuzz targets of this repository. Not part of the API, and unstable.

use bytes::Bytes;

use crate::remote::decode::Events;

pub mod driver;
pub mod fuzz;

/// Decodes the body of a streamed reply that arrives in chunks of `chunk_size` bytes, and passes the JSON of each
/// event to `on_event`.
///
/// # Panics
/// If the body is malformed, or an event is larger than 64 MiB.
pub fn decode(body: &Bytes, chunk_size: usize, mut on_event: impl FnMut(Bytes)) {
    let mut events = Events::new(64 << 20);
    for start in (0..body.len()).step_by(chunk_size) {
        events.push(body.slice(start..body.len().min(start + chunk_size)));
        while let Some(event) = events.next().expect("a well-formed body") {
            on_event(event);
        }
    }
}
