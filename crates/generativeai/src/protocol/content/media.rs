//! Media: inline bytes, or a reference to a file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

message! {
    /// Media whose bytes are part of the message: an image, audio, video or a document.
    ///
    /// The bytes are sent with every request whose history contains the message. A whole request has at most 100 MB, a
    /// PDF 50 MB; larger media are uploaded as a [file](crate::protocol::files) and referred to by [`FileData`].
    ///
    /// ```
    /// use generativeai::protocol::content::Blob;
    ///
    /// let blob = Blob::new("text/plain", "Hello");
    /// assert_eq!(blob.data.as_deref(), Some("SGVsbG8="));
    /// assert_eq!(blob.bytes()?, b"Hello");
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    pub struct Blob {
        /// Media type of the bytes, such as `image/png`. Required by the service.
        pub mime_type: Option<String> => into String,
        /// The bytes in base64, as they were received or encoded. See [`bytes`](Self::bytes).
        pub data: Option<String>,
        /// Name of the media, used by the tools of the service. Vertex AI only.
        pub display_name: Option<String> => into String,
    }
}

message! {
    /// Media that the service reads from a URI.
    ///
    /// Use it for media that are too large for a request, or that many requests share. A media type that is set must
    /// match the media: the service does not correct it.
    ///
    /// ```
    /// use generativeai::protocol::content::{FileData, Part};
    ///
    /// let uri = "https://generativelanguage.googleapis.com/v1beta/files/abc-123";
    /// let film = Part::from(FileData::new(uri, "video/mp4"));
    /// ```
    pub struct FileData {
        /// Media type, such as `video/mp4`. The Gemini API takes it from an uploaded file if absent;
        /// Vertex AI requires it.
        pub mime_type: Option<String> => into String,
        /// URI of the media: of an [uploaded file](crate::protocol::files::File::uri), of a YouTube
        /// video, or `gs://…` on Vertex AI. Required by the service.
        pub file_uri: Option<String> => into String,
        /// Name of the media, used by the tools of the service. Vertex AI only.
        pub display_name: Option<String> => into String,
    }
}

impl Blob {
    /// Creates a blob from bytes, which are encoded in base64.
    pub fn new(mime_type: impl Into<String>, bytes: impl AsRef<[u8]>) -> Self {
        Self::from_base64(mime_type, STANDARD.encode(bytes))
    }

    /// Creates a blob from bytes that are already encoded in base64. The encoding is not checked.
    pub fn from_base64(mime_type: impl Into<String>, data: impl Into<String>) -> Self {
        Self {
            mime_type: Some(mime_type.into()),
            data: Some(data.into()),
            ..Self::default()
        }
    }
}

impl FileData {
    /// Creates a reference to the media at a URI.
    pub fn new(file_uri: impl Into<String>, mime_type: impl Into<String>) -> Self {
        Self::default().file_uri(file_uri).mime_type(mime_type)
    }
}
