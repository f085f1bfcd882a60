//! Uploads of attachments that are too large for inline data. Only models of the Gemini API can read uploaded files.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, bail};
use generativeai::protocol::content::Data;
use generativeai::{GenerativeModel, Remote};

use super::{Attachment, MAX_SIZE};
use crate::render::Printer;

/// Clients that upload files, by the name of their model. Models of other backends have none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uploaders(HashMap<String, Remote>);

impl Uploaders {
    /// Adds the client of a model.
    pub(crate) fn add(&mut self, model: &GenerativeModel, remote: Remote) {
        self.0.insert(model.name().to_owned(), remote);
    }

    /// Adds the clients of another collection.
    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Uploads a file that a model reads, with a progress bar.
    ///
    /// # Errors
    /// The backend of the model does not store files, or the upload fails.
    pub(crate) async fn upload(
        &self,
        path: &Path,
        model: &GenerativeModel,
        printer: &mut Printer,
    ) -> anyhow::Result<Attachment> {
        let name = path.display();
        let Some(remote) = self.0.get(model.name()) else {
            bail!(
                "{name} is too large: the maximum is {} MiB, and 2 GB for a model of the Gemini API",
                MAX_SIZE >> 20
            );
        };
        let attachment = remote
            .attach_file(path)
            .inline_limit(MAX_SIZE)
            .on_progress(printer.progress("uploading").of_upload());
        let part = attachment.await?;
        let size = std::fs::metadata(path).with_context(|| format!("cannot read {name}"))?;
        let kind = match &part.data {
            Some(Data::FileData(file)) => file.mime_type.clone(),
            _ => None,
        };
        Ok(Attachment {
            path: path.to_owned(),
            kind: kind.unwrap_or_default(),
            size: usize::try_from(size.len()).unwrap_or(usize::MAX),
            part,
            tokens: None,
        })
    }
}
