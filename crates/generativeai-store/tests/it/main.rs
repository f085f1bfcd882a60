//! The promises of the crate, through its public API: each on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod encryption;
mod files;
mod forks;
mod kills;
mod lost;
mod power;
mod rotation;
mod servers;
mod sessions;
mod support;
mod transfer;
mod versions;
mod writers;
