//! The guarantees of the crate, tested through its public API on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod approval;
mod attachments;
mod encryption;
mod files;
mod forks;
mod kills;
mod list;
mod lost;
mod power;
mod rotation;
mod servers;
mod sessions;
mod support;
mod transfer;
mod versions;
mod writers;
