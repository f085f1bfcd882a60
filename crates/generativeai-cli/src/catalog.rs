//! Catalog of known models, with their cache on this machine and their download.

mod cache;
mod entries;
mod hub;
mod pull;

pub(crate) use cache::{Cache, CacheState};
pub(crate) use entries::{CATALOG, Entry, LICENCE, LOCAL, entry, sampling, similar};
pub(crate) use pull::{fetch, fetch_default, is_offline};
