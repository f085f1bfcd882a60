//! Replaces references to attachments in a request by URIs that are valid when it is sent.

use std::collections::HashSet;
use std::path::PathBuf;

use super::pieces::Source;
use super::reference::{Reference, take_reference};
use super::stored::{Key, is_over};
use super::upload::UploadFile;
use crate::backend::{Deadline, RequestOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{Content, Contents, Data, FileData};
use crate::protocol::files::File;
use crate::remote::Remote;
use crate::stream::BoxFuture;

/// Contents that refer to attachments, and the state of their files.
pub(in crate::remote) struct FileReferences {
    remote: Remote,
    contents: Contents,
    options: RequestOptions,
    /// Time limit of all requests. `send` starts it.
    deadline: Deadline,
    /// URIs of the attachments in the last request.
    sent: Vec<String>,
    /// URIs of files that the service has reported as missing.
    gone: HashSet<String>,
}

impl Remote {
    /// Prepares a request whose contents refer to attachments.
    pub(in crate::remote) fn files_of(
        &self,
        contents: Contents,
        options: RequestOptions,
    ) -> FileReferences {
        let options = options.or(&self.client.service.options);
        FileReferences {
            remote: self.clone(),
            contents,
            deadline: Deadline::start(None),
            options,
            sent: Vec::new(),
            gone: HashSet::new(),
        }
    }
}

impl FileReferences {
    /// Sends a request with the [current](Self::current) contents. If the service reports that a file is missing, the
    /// request is sent again with a new upload.
    pub(in crate::remote) async fn send<R>(
        mut self,
        mut request: impl FnMut(Contents, RequestOptions) -> BoxFuture<Result<R>>,
    ) -> Result<R> {
        // Not earlier: the time limit of a request starts when its future is first polled.
        self.deadline = Deadline::start(self.options.timeout);
        loop {
            let (contents, options) = self.current().await?;
            match request(contents, options).await {
                Err(error) => self.recover(error)?,
                reply => return reply,
            }
        }
    }

    /// Returns the contents and the options of the next request: all URIs are valid, and the references are removed.
    /// A file that has expired is uploaded first.
    async fn current(&mut self) -> Result<(Contents, RequestOptions)> {
        let mut contents: Vec<Content> = self.contents.iter().cloned().collect();
        self.sent.clear();
        for part in contents.iter_mut().flat_map(|content| &mut content.parts) {
            if let Some((file, reference)) = take_reference(part) {
                let file = self.current_file(file, reference).await?;
                self.sent.extend(file.file_uri.clone());
                part.data = Some(Data::FileData(file));
            }
        }
        Ok((contents.into(), self.options()?))
    }

    /// Prepares another request after an error that reports a missing file.
    ///
    /// # Errors
    /// The error itself, if another request would fail, too.
    fn recover(&mut self, error: Error) -> Result<()> {
        let missing = self.sent.iter().find(|uri| is_missing(&error, uri));
        // Two limits, since the service may report a new file as missing as well: each URI is recovered once, and there
        // are at most as many recoveries as attachments.
        if let Some(uri) = missing
            && self.gone.len() < self.sent.len()
            && self.gone.insert(uri.clone())
        {
            return Ok(());
        }
        Err(error)
    }

    /// Returns the reference to an existing file with the content: the given one, a later upload, or a new one.
    async fn current_file(&self, file: FileData, reference: Reference) -> Result<FileData> {
        let Reference {
            sha256,
            path,
            expiration_time,
        } = reference;
        let is_gone = |uri: &Option<String>| uri.as_ref().is_none_or(|uri| self.gone.contains(uri));
        let is_valid = !is_gone(&file.file_uri) && !expiration_time.as_ref().is_some_and(is_over);
        let key = Key {
            sha256,
            mime_type: file.mime_type.clone().unwrap_or_default(),
        };
        let renew = async |old: Option<File>| {
            // Without an `old` file this client has not uploaded the content, but the file of the part is still valid.
            if old.is_none() && is_valid {
                let mut known = File::default();
                known.uri.clone_from(&file.file_uri);
                known.expiration_time = expiration_time;
                return Ok(known);
            }
            let Some(path) = path else {
                let uri = file.file_uri.as_deref().unwrap_or_default();
                let message = format!("the attachment `{uri}` has expired: attach its bytes again");
                return Err(Error::new(ErrorKind::Request, message));
            };
            self.upload(path, &key).await
        };
        let stored = &self.remote.client.service.stored;
        let current = stored
            .get(&key, |known| !is_gone(&known.uri), renew)
            .await?;
        Ok(FileData {
            file_uri: current.uri,
            ..file
        })
    }

    /// Uploads a file again.
    async fn upload(&self, path: PathBuf, key: &Key) -> Result<File> {
        let context = format!("attachment of `{}`, whose file has expired", path.display());
        let upload = UploadFile::new(self.remote.clone(), Source::Path(path));
        let upload = upload.request_options(self.options()?);
        let uploaded = self.remote.store(upload, key);
        uploaded.await.map_err(|error| error.with_context(context))
    }

    /// Returns the options with the time that is left.
    fn options(&self) -> Result<RequestOptions> {
        self.deadline.apply_to(&self.options)
    }
}

/// Returns whether an error reports that the service does not have a file. The Gemini API answers 403, and the message
/// contains the id of the file.
fn is_missing(error: &Error, uri: &str) -> bool {
    let id = uri.rsplit('/').next().unwrap_or_default();
    matches!(error.http_code(), Some(403 | 404)) && !id.is_empty() && error.to_string().contains(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_after_its_new_upload_is_an_error() {
        let remote = Remote::builder().base_url("http://127.0.0.1:1").build();
        let remote = remote.expect("good settings");
        let missing = |id: &str| Error::new(ErrorKind::NotFound, id.to_owned()).with_http_code(403);

        // Two parts with one file, and the upload leads to the same URI.
        let mut files = remote.files_of(Contents::default(), RequestOptions::default());
        files.sent = vec!["https://h/files/abc".to_owned(); 2];
        assert!(files.recover(missing("abc")).is_ok());
        assert!(files.recover(missing("abc")).is_err());

        // One part, and each upload leads to another URI.
        let mut files = remote.files_of(Contents::default(), RequestOptions::default());
        files.sent = vec!["https://h/files/abc".to_owned()];
        assert!(files.recover(missing("abc")).is_ok());
        files.sent = vec!["https://h/files/def".to_owned()];
        assert!(files.recover(missing("def")).is_err());
    }
}
