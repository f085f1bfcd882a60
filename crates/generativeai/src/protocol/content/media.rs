//! Pictures, sounds and documents: in the message itself, or where they can be fetched.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

message! {
    /// A picture, a sound, a document: its bytes.
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
        /// What the bytes are, such as `image/png`.
        pub mime_type: Option<String>,
        /// The bytes in base64, as they came.
        pub data: Option<String>,
        /// A name to call it by.
        pub display_name: Option<String>,
    }
}

setters!(Blob {
    into mime_type: String,
    into display_name: String,
});

message! {
    /// A picture, a sound, a document: where it is.
    pub struct FileData {
        /// What it is, such as `video/mp4`.
        pub mime_type: Option<String>,
        /// Where it is.
        pub file_uri: Option<String>,
        /// A name to call it by.
        pub display_name: Option<String>,
    }
}

setters!(FileData {
    into mime_type: String,
    into file_uri: String,
    into display_name: String,
});

impl Blob {
    /// A blob of these bytes.
    pub fn new(mime_type: impl Into<String>, bytes: impl AsRef<[u8]>) -> Self {
        Self::from_base64(mime_type, STANDARD.encode(bytes))
    }

    /// A blob of bytes that are in base64 already.
    pub fn from_base64(mime_type: impl Into<String>, data: impl Into<String>) -> Self {
        let (mime_type, data) = (Some(mime_type.into()), Some(data.into()));
        Self {
            mime_type,
            data,
            ..Self::default()
        }
    }
}

impl FileData {
    /// A file of this type, found there.
    pub fn new(file_uri: impl Into<String>, mime_type: impl Into<String>) -> Self {
        Self::default().file_uri(file_uri).mime_type(mime_type)
    }
}
