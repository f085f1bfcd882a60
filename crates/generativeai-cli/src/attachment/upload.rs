//! Uploads of attachments that are too large for inline data. Only models of the Gemini API can read uploaded files.

use std::path::Path;

use anyhow::{Context, bail};
use generativeai::Remote;

use super::{Attachment, MAX_SIZE};
use crate::render::Printer;

/// Uploads a file with the client of the model that reads it, with a progress bar.
///
/// # Errors
/// The model has no such client, or the upload fails.
pub(crate) async fn upload(
    path: &Path,
    client: Option<&Remote>,
    printer: &mut Printer,
) -> anyhow::Result<Attachment> {
    let name = path.display();
    let Some(client) = client else {
        bail!(
            "{name} is too large: the maximum is {} MiB, and 2 GB for a model of the Gemini API",
            MAX_SIZE >> 20
        );
    };
    let attachment = client
        .attach_file(path)
        .inline_limit(MAX_SIZE)
        .on_progress(printer.progress("uploading").of_upload());
    let part = attachment.await?;
    let size = std::fs::metadata(path).with_context(|| format!("cannot read {name}"))?;
    Ok(Attachment {
        path: path.to_owned(),
        size: usize::try_from(size.len()).unwrap_or(usize::MAX),
        part,
        tokens: None,
    })
}
