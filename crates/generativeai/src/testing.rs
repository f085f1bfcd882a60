//! Backends for tests: prepared replies, and recorded exchanges that are played back.
//!
//! | Backend | Use it to |
//! | --- | --- |
//! | [`Scripted`] | reply with prepared text, function calls and errors |
//! | [`Recorder`] | record the exchanges with a real service in a file, a *cassette* |
//! | [`Cassette`] | play such a file back, without a network and without a key |
//!
//! [`check_backend`](crate::check_backend) checks a backend of your own. All of these need the feature `testing`. A
//! program that uses it only in its tests enables it in its dev-dependencies.

mod cassette;
mod recorder;
mod scripted;

pub use cassette::Cassette;
pub use recorder::Recorder;
pub use scripted::Scripted;
