//! Pages of the list of files.

use std::time::SystemTime;

use chrono::{DateTime, Utc};

use crate::error::ApiError;

/// Default number of files on a page, as for the service.
const DEFAULT_SIZE: usize = 10;
/// Maximum number of files on a page, as for the service. A client that asks for more gets this number.
const MAX_SIZE: usize = 100;

/// Place of a file in the list, which begins with the newest: the time of its creation, and its id.
///
/// A token is the place of the last file of a page, not an index. So the next page neither repeats nor omits files if
/// others are created or deleted in the meantime.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Microseconds since 1970, negated so that newer files sort first.
    time: i64,
    id: String,
}

impl Place {
    /// Returns the place of a file.
    pub(super) fn new(created: SystemTime, id: &str) -> Self {
        Self {
            time: -DateTime::<Utc>::from(created).timestamp_micros(),
            id: id.to_owned(),
        }
    }

    /// Returns the id of the file.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Returns the token of the page after this place.
    pub(super) fn token(&self) -> String {
        format!("{}.{}", self.time, self.id)
    }

    /// Parses a token.
    ///
    /// # Errors
    /// It does not come from this server.
    pub(super) fn parse(token: &str) -> Result<Self, ApiError> {
        let place = token.split_once('.').and_then(|(time, id)| {
            let (time, id) = (time.parse().ok()?, id.to_owned());
            Some(Self { time, id })
        });
        place.ok_or_else(|| {
            ApiError::invalid("invalid `pageToken`: use the `nextPageToken` of a response")
        })
    }
}

/// Returns the number of files on a page.
///
/// # Errors
/// The size is not a number, or negative.
pub(super) fn size(requested: Option<&str>) -> Result<usize, ApiError> {
    match requested.unwrap_or("0").parse::<usize>() {
        Ok(0) => Ok(DEFAULT_SIZE),
        Ok(size) => Ok(size.min(MAX_SIZE)),
        Err(_) => Err(ApiError::invalid(format!(
            "`pageSize` must be a number from 1 to {MAX_SIZE}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn newer_files_come_first_and_tokens_keep_the_place() {
        let place = |seconds, id| Place::new(UNIX_EPOCH + Duration::from_secs(seconds), id);
        assert!(place(2, "a") < place(1, "a"));
        assert!(place(1, "a") < place(1, "b"));
        assert_eq!(
            Place::parse(&place(1, "a-b").token()).ok(),
            Some(place(1, "a-b"))
        );
        for token in ["", "a", "a.b", "1"] {
            assert!(Place::parse(token).is_err(), "{token}");
        }
    }

    #[test]
    fn sizes_of_pages_are_limited() {
        assert_eq!(size(None).ok(), Some(10));
        assert_eq!(size(Some("3")).ok(), Some(3));
        assert_eq!(size(Some("1000")).ok(), Some(100));
        assert!(size(Some("-1")).is_err());
        assert!(size(Some("all")).is_err());
    }
}
