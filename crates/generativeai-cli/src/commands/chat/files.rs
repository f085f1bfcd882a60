//! The files that a message on the command line mentions.

use std::path::PathBuf;

use generativeai::Remote;

use crate::attachment::Attachment;
use crate::attachment::mention::{self, Mention};
use crate::attachment::upload::upload;
use crate::render::Printer;

/// File that a message mentions.
pub(super) enum Mentioned {
    /// A file, already read.
    Small(Box<Attachment>),
    /// A file that has to be uploaded.
    Large(PathBuf),
}

/// Reads the files that the words on the command line mention, in order. Mentions in piped input are ignored: the text
/// may come from somebody else, who must not choose which files of the user are sent.
pub(super) fn mentioned(words: &[String], printer: &mut Printer) -> anyhow::Result<Vec<Mentioned>> {
    let mut files = Vec::new();
    for mention in mention::find(&words.join(" ")) {
        match mention {
            Mention::File(path) if Attachment::is_large(&path) => {
                files.push(Mentioned::Large(path))
            }
            Mention::File(path) => {
                let file = Attachment::read(&path)?;
                printer.note(format_args!("attached {file}"));
                files.push(Mentioned::Small(Box::new(file)));
            }
            Mention::Missing(note) => printer.note(note),
        }
    }
    Ok(files)
}

/// Uploads the large files with the client of the model. Returns all files as attachments, in order.
pub(super) async fn attached(
    files: Vec<Mentioned>,
    client: Option<&Remote>,
    printer: &mut Printer,
) -> anyhow::Result<Vec<Attachment>> {
    let mut attachments = Vec::new();
    for file in files {
        attachments.push(match file {
            Mentioned::Small(file) => *file,
            Mentioned::Large(path) => {
                let file = upload(&path, client, printer).await?;
                printer.note(format_args!("attached {file}"));
                file
            }
        });
    }
    Ok(attachments)
}
