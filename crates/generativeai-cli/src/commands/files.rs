//! `genai files`: lists, uploads and deletes the files of the service.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand, ValueHint};
use generativeai::protocol::files::File;
use generativeai::{Error, Remote};

use crate::backend;
use crate::exit::Exit;
use crate::render::{Printer, sanitize};
use crate::signals::StopSignals;

/// Maximum time for the service to process a file after its upload. Until then a request cannot refer to the file.
const PROCESSING: Duration = Duration::from_secs(600);

/// List, upload and delete files of the Gemini API.
///
/// The service keeps a file for 48 hours. A file has at most 2 GB, and all files of a project at most 20 GB. `genai
/// serve` stores files, too.
#[derive(Debug, Args)]
pub(crate) struct Files {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the files: name, size, media type, time of deletion, and display name
    #[command(alias = "ls")]
    List,
    /// Upload files, and print the URI of each
    ///
    /// An upload resumes after a broken connection. Ctrl-C stops it.
    Upload {
        /// Files to upload
        #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
        paths: Vec<PathBuf>,

        /// Media type of the files; by default it follows from their extensions
        #[arg(long, value_name = "TYPE")]
        mime_type: Option<String>,
    },
    /// Delete files
    #[command(alias = "delete")]
    Rm {
        /// Names from `genai files list`, such as files/abc-123
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}

impl Files {
    /// Runs the command.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let remote = backend::remote("the files", "")?;
        super::runtime()?.block_on(async {
            let mut signals = StopSignals::listen()?;
            tokio::select! {
                done = self.action.run(&remote, printer) => done.map(|()| Exit::Success),
                exit = signals.next() => Ok(exit),
            }
        })
    }
}

impl Action {
    async fn run(self, remote: &Remote, printer: &mut Printer) -> anyhow::Result<()> {
        match self {
            Self::List => {
                let mut files = remote.list_files();
                while let Some(file) = files.next().await {
                    printer.answer(&line(&file?))?;
                }
            }
            Self::Upload { paths, mime_type } => {
                for path in paths {
                    let file = upload(remote, &path, mime_type.as_deref(), printer).await?;
                    let uri = file
                        .uri
                        .context("the service returned no URI of the file")?;
                    printer.answer(&format!("{}\n", printable(&uri)))?;
                }
            }
            Self::Rm { names } => {
                for name in names {
                    remote.delete_file(&name).await?;
                    printer.note(format_args!("(deleted {name})"));
                }
            }
        }
        Ok(())
    }
}

/// Uploads a file with a progress bar, and waits until it can be used.
async fn upload(
    remote: &Remote,
    path: &Path,
    mime_type: Option<&str>,
    printer: &mut Printer,
) -> anyhow::Result<File> {
    let mut upload = remote.upload_file(path);
    if let Some(mime_type) = mime_type {
        upload = upload.mime_type(mime_type);
    }
    let progress = printer.progress("uploading").of_upload();
    let file = upload.on_progress(progress).await.map_err(with_option)?;
    Ok(remote.wait_until_active(file, PROCESSING).await?)
}

/// Adds the option that sets the media type to an error about it.
fn with_option(error: Error) -> Error {
    match format!("{error:#}").contains("media type") {
        true => error.with_hint("--mime-type sets it"),
        false => error,
    }
}

/// Returns text of the service without control characters. Tabs are replaced too, since they separate the columns.
fn printable(text: &str) -> String {
    sanitize(text).replace(['\n', '\r', '\t'], " ")
}

/// Describes a file in a line of tab-separated columns.
fn line(file: &File) -> String {
    let text = |text: Option<&str>| printable(text.unwrap_or("-"));
    let size = file.size_bytes.unwrap_or_default();
    let expires = file.expiration_time.as_ref().map(|time| time.as_str());
    format!(
        "{}\t{size}\t{}\t{}\t{}\n",
        text(file.name.as_deref()),
        text(file.mime_type.as_deref()),
        text(expires),
        text(file.display_name.as_deref()),
    )
}
