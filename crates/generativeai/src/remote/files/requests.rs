//! Requests that list, describe and delete files. Their errors name the file.

use crate::backend::RequestOptions;
use crate::error::{Error, Result};
use crate::protocol::files::{DeleteFileResponse, File, ListFilesResponse};
use crate::remote::Remote;
use crate::remote::failure::EXPIRED_FILE;
use crate::remote::request::Outgoing;
use crate::stream::BoxFuture;

impl Remote {
    /// Requests a page of the list of files.
    pub(super) fn files_page(
        &self,
        page_token: Option<&str>,
        options: RequestOptions,
    ) -> BoxFuture<Result<ListFilesResponse>> {
        let address = self.address().files(page_token);
        self.0.unary(address.map(Outgoing::get), options)
    }

    /// Requests the description of a file.
    pub(super) async fn file(&self, name: &str, options: RequestOptions) -> Result<File> {
        let address = self.address().file(name);
        let file = self.0.unary(address.map(Outgoing::get), options).await;
        file.map_err(|error| about(name, error))
    }

    /// Requests the deletion of a file.
    pub(super) async fn file_deletion(&self, name: &str, options: RequestOptions) -> Result<()> {
        let address = self.address().file(name);
        let deleted = self.0.unary(address.map(Outgoing::delete), options).await;
        deleted
            .map(|DeleteFileResponse { .. }| ())
            .map_err(|error| about(name, error))
    }
}

/// Adds the name of the file to an error, and advice if the file may not exist. The service answers 403 for a missing
/// file. A message that already contains the name or the advice does not get it twice.
fn about(name: &str, error: Error) -> Error {
    let message = error.to_string();
    let is_missing = matches!(error.http_code(), Some(403 | 404));
    let error = match is_missing && !message.contains(EXPIRED_FILE) {
        true => error.with_hint(EXPIRED_FILE),
        false => error,
    };
    let id = name.trim_start_matches("files/");
    match message.contains(&format!("`files/{id}`")) {
        true => error,
        false => error.with_context(&format!("file `{name}`")),
    }
}
