//! The folder of uploaded files of `genai serve`.

use std::path::PathBuf;

use anyhow::Context;
use generativeai_server::FileStorage;
use generativeai_store::Store;

use crate::render::Printer;

/// Opens the folder named by the user, or the default one.
///
/// A server locks its folder, so only one at a time can use it. If the default folder cannot be used, a note is printed
/// and the server runs without uploads, so that a second server on the same computer works.
///
/// # Errors
/// The folder named by the user cannot be used.
pub(super) fn open(
    named: Option<PathBuf>,
    printer: &mut Printer,
) -> anyhow::Result<Option<FileStorage>> {
    if let Some(folder) = named {
        let opened = FileStorage::open(&folder);
        let context = || format!("cannot store uploaded files in {}", folder.display());
        return opened.with_context(context).map(Some);
    }
    let opened = Store::default_path()
        .map_err(anyhow::Error::from)
        .and_then(|store| Ok(FileStorage::open(store.with_file_name("served-files"))?));
    match opened {
        Ok(files) => Ok(Some(files)),
        Err(error) => {
            printer.note(format_args!(
                "(clients cannot upload files: {error:#}; --files DIR uses another folder)"
            ));
            Ok(None)
        }
    }
}
