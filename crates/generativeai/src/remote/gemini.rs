//! The Gemini API as a service of a client.

use super::failure;
use super::profile::{ApiVersion, KeyRequired, Profile};

/// Facts about the Gemini API.
pub(crate) static GEMINI: Profile = Profile {
    name: "the Gemini API",
    base_url: "https://generativelanguage.googleapis.com",
    base_variable: "GOOGLE_GEMINI_BASE_URL",
    api_version: ApiVersion::AfterBaseUrl,
    key_variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
    key_header: "x-goog-api-key",
    key_prefix: "",
    key_required: KeyRequired::Remotely,
    headers: &[(
        "x-goog-api-client",
        concat!("gl-rust generativeai/", env!("CARGO_PKG_VERSION")),
    )],
    read_error: failure::read_error,
};
