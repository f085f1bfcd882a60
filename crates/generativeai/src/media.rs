//! Media as parts of a message: files, images in memory, base64.

use std::fs;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::Blob;

mod base64;
#[cfg(feature = "image")]
mod image;

impl Blob {
    /// Reads a file. Its media type follows from the extension of its name.
    ///
    /// The table lists the supported extensions: those of the formats that Gemini models read, and of source code,
    /// which is sent as plain text. The bytes are sent with each request whose history contains the blob. A whole
    /// request has at most 100 MB, a PDF 50 MB.
    ///
    /// | Kind | Extensions |
    /// | --- | --- |
    /// | images | `png`, `jpg`, `jpeg`, `webp`, `gif`, `heic`, `heif` |
    /// | audio | `wav`, `mp3`, `aiff`, `aif`, `aac`, `ogg`, `oga`, `flac` |
    /// | video | `mp4`, `mpeg`, `mpg`, `mov`, `avi`, `flv`, `webm`, `wmv`, `3gp`, `3gpp` |
    /// | documents and text | `pdf`, `txt`, `md`, `html`, `htm`, `css`, `csv`, `xml`, `rtf`, `json`, `js`, `py` |
    /// | plain text | `log`, `toml`, `yaml`, `yml`, `ini`, `rst`, `tex`, `sql`, `sh`, `rs`, `go`, `c`, `h`, `cpp`, `java`, `kt`, `swift`, `rb`, `php`, `ts`, `tsx`, `jsx` |
    ///
    /// The call blocks its thread until the file is read. The content is not inspected.
    ///
    /// # Errors
    /// [`ErrorKind::Request`] if the file cannot be read, or if its extension is unknown. In the second case, read the
    /// file, and pass its bytes and media type to [`Blob::new`].
    ///
    /// ```no_run
    /// use generativeai::{GenerativeModel, protocol::content::{Blob, Part}};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let mut chat = GenerativeModel::new("gemini-flash-latest").start_chat();
    /// let picture = Part::from(Blob::from_file("ben-nevis.jpg")?);
    /// chat.send_message([Part::text("Which mountain is this?"), picture]).await?;
    /// # Ok(()) }
    /// ```
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        // Most folders have no extension, so the error would be about the media type.
        if path.is_dir() {
            let message = format!("`{}` is a folder: name a file", path.display());
            return Err(Error::new(ErrorKind::Request, message));
        }
        let Some(mime_type) = mime_type_of(path) else {
            let message = format!(
                "the media type of `{}` is unknown: read the file and use `Blob::new`",
                path.display()
            );
            return Err(Error::new(ErrorKind::Request, message));
        };
        let bytes = fs::read(path).map_err(|error| {
            let message = format!("cannot read `{}`", path.display());
            Error::new(ErrorKind::Request, message).with_source(error)
        })?;
        Ok(Self::new(mime_type, bytes))
    }
}

/// Returns the media type of a file, which follows from the extension of its name.
pub(crate) fn mime_type_of(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?;
    mime_type(&extension.to_ascii_lowercase())
}

/// Returns the media type for a file extension in lower case.
///
/// The names are those that the Gemini API documents. Some differ from the IANA registry, which has `audio/mpeg` for
/// `mp3` and `video/quicktime` for `mov`.
fn mime_type(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "pdf" => "application/pdf",
        "wav" => "audio/wav",
        "mp3" => "audio/mp3",
        "aiff" | "aif" => "audio/aiff",
        "aac" => "audio/aac",
        "ogg" | "oga" => "audio/ogg",
        "flac" => "audio/flac",
        "mp4" => "video/mp4",
        "mpeg" | "mpg" => "video/mpeg",
        "mov" => "video/mov",
        "avi" => "video/avi",
        "flv" => "video/x-flv",
        "webm" => "video/webm",
        "wmv" => "video/wmv",
        "3gp" | "3gpp" => "video/3gpp",
        "txt" | "log" | "toml" | "yaml" | "yml" | "ini" | "rst" | "tex" | "sql" | "sh" | "rs"
        | "go" | "c" | "h" | "cpp" | "java" | "kt" | "swift" | "rb" | "php" | "ts" | "tsx"
        | "jsx" => "text/plain",
        "md" => "text/markdown",
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "csv" => "text/csv",
        "xml" => "text/xml",
        "rtf" => "text/rtf",
        "json" => "application/json",
        "js" => "text/javascript",
        "py" => "text/x-python",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_unchanged() {
        let path = std::env::temp_dir().join(format!("generativeai-{}.PNG", std::process::id()));
        fs::write(&path, b"\x89PNG and more").unwrap();

        let blob = Blob::from_file(&path).unwrap();
        fs::remove_file(&path).unwrap();

        assert_eq!(blob.mime_type.as_deref(), Some("image/png"));
        assert_eq!(blob.bytes().unwrap(), b"\x89PNG and more");
    }

    #[test]
    fn an_error_names_a_file_that_is_missing_or_of_unknown_type() {
        for name in ["nowhere.png", "what.is-this"] {
            let error = Blob::from_file(name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Request);
            assert!(error.to_string().contains(name), "{error}");
        }
        let folder = Blob::from_file("src").unwrap_err();
        assert_eq!(folder.to_string(), "`src` is a folder: name a file");
    }
}
