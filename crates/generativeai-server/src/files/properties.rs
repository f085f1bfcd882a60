//! Properties that a client sets for a file, and random names for files without a name.
//!
//! The limits are those of the API, see <https://ai.google.dev/api/files>.

use generativeai::protocol::files::{File, UploadedFile};
use generativeai::protocol::read_request;
use ring::rand::{SystemRandom, generate};

use crate::error::ApiError;

/// Maximum length of a display name, in characters.
const MAX_DISPLAY_NAME: usize = 512;

/// Maximum length of a media type, in bytes.
const MAX_MIME_TYPE: usize = 255;

/// Maximum length of the part of a name after `files/`.
const MAX_ID: usize = 40;

/// Reads the properties in the body of a request. An empty body has none.
///
/// `mime_type` is the type in the headers of the request. It is used if the properties have none.
pub(super) fn parse(body: &[u8], mime_type: Option<&str>) -> Result<File, ApiError> {
    let upload: UploadedFile = match body.trim_ascii() {
        b"" => UploadedFile::default(),
        json => read_request(json).map_err(|error| {
            ApiError::invalid(format!("the properties of the file are invalid: {error}"))
        })?,
    };
    let given = upload.file.unwrap_or_default();
    let mut file = File::default();
    file.name = match given.name.filter(|name| !name.is_empty()) {
        Some(name) => Some(checked_name(name)?),
        None => None,
    };
    file.display_name = given.display_name;
    let length = file
        .display_name
        .as_deref()
        .unwrap_or_default()
        .chars()
        .count();
    if length > MAX_DISPLAY_NAME {
        return Err(ApiError::invalid(format!(
            "file.displayName has {length} characters, and {MAX_DISPLAY_NAME} are allowed"
        )));
    }
    let given = given.mime_type.filter(|mime_type| !mime_type.is_empty());
    let mime_type = given.as_deref().or(mime_type).unwrap_or_default();
    file.mime_type = Some(checked_mime_type(mime_type)?);
    Ok(file)
}

/// Returns whether this is the part of a file name after `files/`.
pub(super) fn is_id(id: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=MAX_ID).contains(&id.len())
        && id.bytes().all(is_allowed)
        && !id.starts_with('-')
        && !id.ends_with('-')
}

/// Returns a random id for a file: 48 bits. A collision is refused when the upload completes.
pub(super) fn random_id() -> Result<String, ApiError> {
    let mut id = random_hex()?;
    id.truncate(12);
    Ok(id)
}

/// Returns a random id for an upload: 128 bits from a secure generator, since a client that has the id may write the
/// upload without the API key.
pub(super) fn random_hex() -> Result<String, ApiError> {
    let bytes = generate::<[u8; 16]>(&SystemRandom::new());
    let bytes = bytes.map_err(|_| ApiError::internal("the system has no random numbers"))?;
    Ok(hex::encode(bytes.expose()))
}

fn checked_name(name: String) -> Result<String, ApiError> {
    match name.strip_prefix("files/").is_some_and(is_id) {
        true => Ok(name),
        false => Err(ApiError::invalid(format!(
            "file.name `{name}` is invalid: use `files/` and at most {MAX_ID} lower-case letters, digits and `-`, \
             without `-` at the ends"
        ))),
    }
}

/// Checks a media type: `type/subtype` of the characters of RFC 6838, section 4.2, with any parameters.
fn checked_mime_type(mime_type: &str) -> Result<String, ApiError> {
    let essence = mime_type.split(';').next().unwrap_or_default().trim();
    let is_token = |text: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !text.is_empty() && text.bytes().all(is_allowed)
    };
    let is_valid = mime_type.len() <= MAX_MIME_TYPE
        && !mime_type.contains(|c: char| c.is_control())
        && essence
            .split_once('/')
            .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
    if is_valid {
        return Ok(mime_type.to_owned());
    }
    let message = match mime_type {
        "" => "the media type of the file is missing: set file.mimeType".to_owned(),
        _ => format!(
            "the media type `{mime_type}` is invalid: set file.mimeType, such as `text/plain`"
        ),
    };
    Err(ApiError::invalid(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &str) -> Result<File, u16> {
        parse(body.as_bytes(), Some("text/plain")).map_err(|error| error.code())
    }

    #[test]
    fn names_equal_the_names_of_the_api() {
        let long = format!("files/{}", "a".repeat(41));
        for name in [
            "abc",
            "files/",
            "files/A",
            "files/-a",
            "files/a-",
            "files/../a",
            "files/ä",
            &long,
        ] {
            assert_eq!(
                parsed(&format!(r#"{{"file":{{"name":"{name}"}}}}"#)),
                Err(400),
                "{name}"
            );
        }
        let file = parsed(r#"{"file":{"name":"files/abc-1"}}"#).expect("a name");
        assert_eq!(file.name.as_deref(), Some("files/abc-1"));
        assert_eq!(file.mime_type.as_deref(), Some("text/plain"));
        assert_eq!(parsed("").expect("no properties").name, None);
    }

    #[test]
    fn display_names_are_any_text_of_512_characters() {
        let name = "\"ä\n'".repeat(128);
        let body = serde_json::json!({"file": {"display_name": name}}).to_string();
        assert_eq!(
            parsed(&body).expect("a name").display_name,
            Some(name.clone())
        );

        let body = serde_json::json!({"file": {"displayName": format!("{name}a")}}).to_string();
        assert_eq!(parsed(&body), Err(400));
    }

    #[test]
    fn a_media_type_is_required_and_checked() {
        for mime_type in [
            "",
            "text",
            "text/",
            "/plain",
            "text/pl ain",
            "text/a/b",
            "te\\nxt/plain",
        ] {
            let result = parse(b"", Some(mime_type)).map_err(|error| error.code());
            assert_eq!(result, Err(400), "{mime_type}");
        }
        for mime_type in [
            "text/plain; charset=utf-8",
            "image/svg+xml",
            "application/vnd.a-b.c",
        ] {
            let file = parse(b"{}", Some(mime_type)).expect("valid");
            assert_eq!(file.mime_type.as_deref(), Some(mime_type));
        }
    }

    #[test]
    fn random_ids_are_ids_of_files() {
        assert!(is_id(&random_id().expect("random numbers")));
    }
}
