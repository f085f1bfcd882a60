//! Models: the name, the settings and the backend of requests.
//!
//! A [`GenerativeModel`] and a message each have settings. [`Settings::over`] merges the two, and
//! `GenerativeModel::prepare` turns them into a [`RequestTemplate`]: a request that lacks only its contents. Single
//! requests and conversations differ in the contents that they add. Both read their reply through [`Hops`], which may
//! need several requests for it.

mod continuation;
mod count;
mod describe;
mod generate;
mod generative_model;
mod prepare;
mod saved;
mod setters;
mod settings;
mod structured;

pub(crate) use continuation::{Hops, Mode};
pub use count::CountTokens;
pub use generate::{GenerateContent, GenerateStream};
pub use generative_model::GenerativeModel;
pub(crate) use saved::SavedModel;
pub(crate) use setters::request_setters;
pub(crate) use settings::{RequestTemplate, Settings};
pub use structured::GenerateJson;
pub(crate) use structured::correction;
