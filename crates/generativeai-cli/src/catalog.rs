//! Models on this machine: the known ones, the cache, and downloads from the Hugging Face hub.

mod cache;
mod entries;
mod hub;
mod pull;

pub(crate) use cache::{Cache, CacheState};
pub(crate) use entries::{CATALOG, Entry, LOCAL, LOCAL_MEGABYTES, entry};
pub(crate) use pull::{fetch_embedded, pull};
