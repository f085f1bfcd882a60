//! Names and HTTP codes of statuses.

use super::Status;

/// Names of the statuses of Google's APIs, and the HTTP code of each (`google/rpc/code.proto`). The usual name of a
/// code comes first.
const STATUS_CODES: [(&str, u16); 15] = [
    ("INVALID_ARGUMENT", 400),
    ("FAILED_PRECONDITION", 400),
    ("OUT_OF_RANGE", 400),
    ("UNAUTHENTICATED", 401),
    ("PERMISSION_DENIED", 403),
    ("NOT_FOUND", 404),
    ("ABORTED", 409),
    ("ALREADY_EXISTS", 409),
    ("RESOURCE_EXHAUSTED", 429),
    ("CANCELLED", 499),
    ("INTERNAL", 500),
    ("UNKNOWN", 500),
    ("UNIMPLEMENTED", 501),
    ("UNAVAILABLE", 503),
    ("DEADLINE_EXCEEDED", 504),
];

impl Status {
    /// Creates the status of a response with an HTTP code, with the name that Google's APIs give to this code. Other
    /// codes have no name.
    ///
    /// ```
    /// use generativeai::protocol::status::Status;
    ///
    /// let status = Status::from_http_code(404, "there is no such model");
    /// assert_eq!(status.status.as_deref(), Some("NOT_FOUND"));
    /// assert_eq!(Status::from_http_code(418, "teapot").status, None);
    /// ```
    pub fn from_http_code(code: u16, message: impl Into<String>) -> Self {
        let name = STATUS_CODES.iter().find(|(_, known)| *known == code);
        Self {
            code: Some(code.into()),
            message: Some(message.into()),
            status: name.map(|(name, _)| (*name).to_owned()),
            ..Self::default()
        }
    }

    /// Returns the HTTP code: the `code` if that is an HTTP code, or else the code of the name. Some services send the
    /// codes of gRPC (1 to 16) instead.
    pub(crate) fn http_code(&self) -> Option<u16> {
        let code = self.code.and_then(|code| u16::try_from(code).ok());
        code.filter(|code| (300..600).contains(code)).or_else(|| {
            let name = self.status.as_deref()?;
            let found = STATUS_CODES.iter().find(|(known, _)| *known == name);
            found.map(|(_, code)| *code)
        })
    }
}
