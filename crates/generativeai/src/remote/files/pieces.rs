//! Source of an upload: a file, bytes or a reader, read in pieces.

use std::fs::Metadata;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::pin::Pin;

use bytes::{BufMut, Bytes, BytesMut};
use ring::digest::{Context, SHA256};
use tokio::fs::{self, File};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::digest::hex;
use crate::error::{Error, ErrorKind, Result};

/// Size of a piece: a multiple of the 256 KiB that the service requires.
const PIECE: u64 = 8 << 20;

/// Source of the bytes of an upload.
pub(super) enum Source {
    Path(PathBuf),
    Bytes(Bytes),
    Reader(Pin<Box<dyn AsyncRead + Send>>, u64),
}

impl Source {
    /// Returns the name of the source in messages.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Path(path) => format!("`{}`", path.display()),
            Self::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Self::Reader(_, length) => format!("{length} bytes of a reader"),
        }
    }

    /// Opens the source, and finds its length.
    ///
    /// # Errors
    /// [`Request`](ErrorKind::Request): the file cannot be read, or is not a regular file.
    pub(super) async fn open(self) -> Result<Pieces> {
        let (reader, length, must_end): (Pin<Box<dyn AsyncRead + Send>>, _, _) = match self {
            Self::Path(path) => {
                let (file, length) = open(&path).await?;
                (Box::pin(file), length, true)
            }
            Self::Bytes(bytes) => {
                let length = bytes.len() as u64;
                (Box::pin(Cursor::new(bytes)), length, false)
            }
            Self::Reader(reader, length) => (reader, length, false),
        };
        Ok(Pieces {
            reader,
            length,
            offset: 0,
            must_end,
            sha256: Context::new(&SHA256),
            expected: None,
        })
    }
}

/// Opens a regular file, and returns its length.
async fn open(path: &Path) -> Result<(File, u64)> {
    let metadata = fs::metadata(path).await.map_err(cannot_read)?;
    // Before it is opened: opening a FIFO waits for a writer.
    check_regular(&metadata)?;
    let file = File::open(path).await.map_err(cannot_read)?;
    let metadata = file.metadata().await.map_err(cannot_read)?;
    // Again: another file may have taken the path meanwhile.
    check_regular(&metadata)?;
    Ok((file, metadata.len()))
}

fn check_regular(metadata: &Metadata) -> Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let what = if metadata.is_dir() {
        "it is a folder: upload the files in it one by one"
    } else {
        "it is not a regular file"
    };
    Err(Error::new(ErrorKind::Request, what))
}

/// Part of a source that is sent in one request.
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) bytes: Bytes,
    pub(super) is_last: bool,
}

impl Piece {
    /// Returns the offset of the byte after the piece.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

/// An open source. It is read once, from the beginning to the end.
pub(super) struct Pieces {
    reader: Pin<Box<dyn AsyncRead + Send>>,
    pub(super) length: u64,
    offset: u64,
    /// Whether further bytes after the length are an error. They are allowed for a reader, which is not read beyond its
    /// length: that could wait forever.
    must_end: bool,
    sha256: Context,
    /// Expected SHA-256 of all bytes, in hexadecimal digits, if it is known.
    pub(super) expected: Option<String>,
}

impl Pieces {
    /// Reads the next piece. The last one may be empty.
    ///
    /// # Errors
    /// [`Request`](ErrorKind::Request): reading fails, the source is shorter or longer than it was, or its bytes are
    /// not the expected ones.
    pub(super) async fn next(&mut self) -> Result<Piece> {
        let offset = self.offset;
        let size = PIECE.min(self.length - offset);
        let size = usize::try_from(size).expect("a piece is small");
        let mut bytes = BytesMut::with_capacity(size);
        while bytes.len() < size {
            let start = bytes.len();
            // `BytesMut` grows without end: without a limit, a read could go beyond the piece.
            let mut room = (&mut bytes).limit(size - start);
            if self.reader.read_buf(&mut room).await.map_err(cannot_read)? == 0 {
                let end = offset + start as u64;
                let message = format!("it ended after {end} of {} bytes", self.length);
                return Err(Error::new(ErrorKind::Request, message));
            }
            self.sha256.update(&bytes[start..]);
        }
        self.offset += size as u64;
        let is_last = self.offset == self.length;
        if is_last && self.must_end && self.reader.read(&mut [0]).await.map_err(cannot_read)? > 0 {
            let message = format!(
                "it has grown beyond {} bytes during the upload",
                self.length
            );
            return Err(Error::new(ErrorKind::Request, message));
        }
        if is_last
            && self
                .expected
                .as_ref()
                .is_some_and(|it| *it != self.sha256())
        {
            let message = "it has changed since it was attached: attach it again";
            return Err(Error::new(ErrorKind::Request, message));
        }
        Ok(Piece {
            offset,
            bytes: bytes.freeze(),
            is_last,
        })
    }

    /// Returns the SHA-256 of the bytes so far, in hexadecimal digits.
    pub(super) fn sha256(&self) -> String {
        hex(self.sha256.clone().finish().as_ref())
    }
}

fn cannot_read(error: io::Error) -> Error {
    Error::new(ErrorKind::Request, "it cannot be read").with_source(error)
}
