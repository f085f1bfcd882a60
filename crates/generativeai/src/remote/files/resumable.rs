//! Resumable uploads (`X-Goog-Upload-Protocol: resumable`).
//!
//! A start request describes the file, and its response contains the address of the upload. Each piece is a request to
//! that address with an offset; the last one finalizes the upload. After a failure a query asks how many bytes the
//! service has received, because it refuses bytes at any other offset.

use std::sync::Arc;

use bytes::Bytes;
use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};

use super::digest;
use super::pieces::{Piece, Pieces};
use super::progress::{OnProgress, UploadProgress};
use crate::backend::{Deadline, RequestOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::files::{File, UploadedFile};
use crate::remote::attempts::Attempts;
use crate::remote::body::SharedBody;
use crate::remote::deadline::Deadlines;
use crate::remote::failure::Failure;
use crate::remote::reply;
use crate::remote::request::Outgoing;
use crate::remote::service::Service;

const PROTOCOL: HeaderName = HeaderName::from_static("x-goog-upload-protocol");
const COMMAND: HeaderName = HeaderName::from_static("x-goog-upload-command");
const OFFSET: HeaderName = HeaderName::from_static("x-goog-upload-offset");
const CONTENT_LENGTH: HeaderName = HeaderName::from_static("x-goog-upload-header-content-length");
const CONTENT_TYPE: HeaderName = HeaderName::from_static("x-goog-upload-header-content-type");

/// An upload that the service has accepted.
pub(super) struct Session {
    service: Arc<Service>,
    options: RequestOptions,
    /// Time limit of the whole upload.
    deadline: Deadline,
    url: Uri,
    length: u64,
    /// Number of bytes that the service has received.
    received: u64,
}

/// State of an upload, as the service reports it.
enum Answer {
    /// The service waits for more bytes after these. `None` if the response does not contain their number.
    Active(Option<u64>),
    /// The upload has ended.
    Final(Bytes),
}

/// Purpose of the next request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Send the bytes that the service has not received.
    Send,
    /// A request failed: ask how many bytes have been received.
    Query,
}

impl Session {
    /// Describes a file of this length to the service, which returns the address to which the pieces are sent.
    pub(super) async fn start(
        service: Arc<Service>,
        options: RequestOptions,
        file: File,
        length: u64,
    ) -> Result<Self> {
        let deadline = Deadline::start(options.timeout);
        let mime_type = file.mime_type.as_deref().unwrap_or_default();
        let mime_type = HeaderValue::from_str(mime_type).map_err(|error| {
            let message = "its media type cannot be sent in a header";
            Error::new(ErrorKind::Request, message).with_source(error)
        })?;
        let body = SharedBody::of(&UploadedFile {
            file: Some(file),
            ..UploadedFile::default()
        });
        let request = Outgoing::post(service.address.uploads()?, body)
            .header(PROTOCOL, HeaderValue::from_static("resumable"))
            .header(COMMAND, HeaderValue::from_static("start"))
            .header(CONTENT_LENGTH, length.into())
            .header(CONTENT_TYPE, mime_type);
        let mut attempts = Attempts::begin(service.clone(), options.clone(), Deadlines::unary)?;
        let url = loop {
            match started(&mut attempts, &request).await {
                Ok(url) => break url,
                Err(failure) => attempts.recover(failure).await?,
            }
        };
        attempts.succeeded();
        Ok(Self {
            service,
            options,
            deadline,
            url,
            length,
            received: 0,
        })
    }

    /// Sends all pieces, and compares the length and the hash that the service reports.
    pub(super) async fn run(
        mut self,
        mut pieces: Pieces,
        on_progress: Option<OnProgress>,
    ) -> Result<File> {
        let total = self.length;
        let report = |sent| {
            if let Some(on_progress) = &on_progress {
                on_progress(UploadProgress { sent, total });
            }
        };
        let file = loop {
            report(self.received);
            let piece = pieces.next().await?;
            if let Some(file) = self.send(&piece).await? {
                break file;
            }
        };
        report(total);
        let sha256 = pieces.sha256();
        let is_other = |hash: &String| digest::differs(hash, &sha256);
        if file.sha256_hash.as_ref().is_some_and(is_other)
            || file
                .size_bytes
                .is_some_and(|size| u64::try_from(size) != Ok(total))
        {
            let name = file.name.as_deref().unwrap_or_default();
            let message = format!(
                "the service has stored other bytes as `{name}`: delete it and upload again"
            );
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        Ok(file)
    }

    /// Sends a piece until the service has received it. Returns the file if the piece was the last one.
    ///
    /// Only consecutive failures without progress count as attempts, so a long upload survives many interruptions.
    async fn send(&mut self, piece: &Piece) -> Result<Option<File>> {
        let mut next = Next::Send;
        let mut attempts = self.attempts()?;
        loop {
            let outcome = match ask(&mut attempts, &self.request(piece, next)).await {
                Ok(Answer::Final(body)) => return self.file(&attempts, piece, &body).map(Some),
                Ok(Answer::Active(received)) => self.advance(piece, next, received),
                Err(failure) => Err(failure),
            };
            match outcome {
                Ok(has_advanced) => {
                    if has_advanced {
                        attempts.succeeded();
                    }
                    // A part of the piece may remain, if the service has accepted only its beginning.
                    if self.received == piece.end() && !piece.is_last {
                        return Ok(None);
                    }
                    next = Next::Send;
                    // New attempts: those before the progress no longer count.
                    if has_advanced {
                        attempts = self.attempts()?;
                    }
                }
                Err(failure) => {
                    attempts.recover(failure).await?;
                    // The service may have received a part of the piece, and refuses bytes at another offset.
                    next = Next::Query;
                }
            }
        }
    }

    /// Records the number of bytes that the service has received; returns whether it has grown.
    fn advance(
        &mut self,
        piece: &Piece,
        asked: Next,
        received: Option<u64>,
    ) -> Result<bool, Failure> {
        let received = match (received, asked) {
            (Some(received), _) => received,
            // A success without a number means that the whole piece was received.
            (None, Next::Send) => piece.end(),
            (None, Next::Query) => {
                let message = "the service does not report how many bytes it has received";
                return Err(Error::new(ErrorKind::Decode, message).into());
            }
        };
        if !(piece.offset..=piece.end()).contains(&received) {
            let message = format!(
                "the service reports {received} received bytes, which is not between {} and {}",
                piece.offset,
                piece.end()
            );
            return Err(Error::new(ErrorKind::Decode, message).into());
        }
        let has_advanced = received > self.received;
        self.received = received;
        if !has_advanced && asked == Next::Send {
            let message = format!("the service stopped at {received} of {} bytes", self.length);
            return Err(Failure::retryable(Error::new(
                ErrorKind::Unavailable,
                message,
            )));
        }
        Ok(has_advanced)
    }

    /// Reads the file in the final answer.
    fn file(&self, attempts: &Attempts, piece: &Piece, body: &[u8]) -> Result<File> {
        if !piece.is_last {
            let message = format!(
                "the service ended the upload after at most {} of {} bytes",
                piece.end(),
                self.length
            );
            return Err(Error::new(ErrorKind::Decode, message));
        }
        attempts.succeeded();
        let answer: UploadedFile = match body.trim_ascii() {
            // The response to the last piece was lost, and this one answers a query.
            b"" => UploadedFile::default(),
            body => {
                reply::read_whole(body, &self.service.errors).map_err(|failure| failure.error)?
            }
        };
        answer.file.ok_or_else(|| {
            let message = "the upload is complete, but the response does not contain the file: \
                           look for it with `list_files`";
            Error::new(ErrorKind::Decode, message)
        })
    }

    fn request(&self, piece: &Piece, next: Next) -> Outgoing {
        if next == Next::Query {
            return Outgoing::post_bytes(self.url.clone(), SharedBody::default())
                .header(COMMAND, HeaderValue::from_static("query"));
        }
        let sent = usize::try_from(self.received - piece.offset).expect("a part of a piece");
        let bytes = piece.bytes.slice(sent..);
        let command = if piece.is_last {
            "upload, finalize"
        } else {
            "upload"
        };
        Outgoing::post_bytes(self.url.clone(), SharedBody::of_bytes(bytes))
            .header(COMMAND, HeaderValue::from_static(command))
            .header(OFFSET, self.received.into())
    }

    /// Starts to count attempts. Together they have the time left until the deadline.
    fn attempts(&self) -> Result<Attempts> {
        let options = self.deadline.apply_to(&self.options)?;
        Attempts::begin(self.service.clone(), options, Deadlines::unary)
    }
}

/// Makes one attempt to start an upload; returns its address.
async fn started(attempts: &mut Attempts, request: &Outgoing) -> Result<Uri, Failure> {
    let mut response = attempts.send(request).await?;
    let Some(url) = response.header("x-goog-upload-url").map(str::to_owned) else {
        let message = "the service does not support resumable uploads: it sent no address";
        return Err(Error::new(ErrorKind::Decode, message).into());
    };
    // The body is not needed, but a connection of HTTP/1.1 is reused only if its response has been read.
    attempts.body(&mut response).await?;
    Ok(attempts.service.address.upload(&url)?)
}

/// Makes one attempt to send a piece or a query.
async fn ask(attempts: &mut Attempts, request: &Outgoing) -> Result<Answer, Failure> {
    let mut response = attempts.send(request).await?;
    let status = response.header("x-goog-upload-status").map(str::to_owned);
    let received = response.header("x-goog-upload-size-received");
    let received = received.map(|received| received.trim().parse());
    let body = attempts.body(&mut response).await?;
    match status.as_deref().map(str::trim) {
        // A number that cannot be read must not count as absent, which means that the whole piece was received.
        Some("active") => match received.transpose() {
            Ok(received) => Ok(Answer::Active(received)),
            Err(error) => {
                let message = "the service reports received bytes that are not a number";
                let error = Error::new(ErrorKind::Decode, message).with_source(error);
                Err(error.into())
            }
        },
        Some("final") => Ok(Answer::Final(body)),
        Some("cancelled") => {
            let message = "the service cancelled the upload: start it again";
            Err(Error::new(ErrorKind::Unavailable, message).into())
        }
        _ => {
            let message = "the service does not report the status of the upload";
            Err(Error::new(ErrorKind::Decode, message).into())
        }
    }
}
