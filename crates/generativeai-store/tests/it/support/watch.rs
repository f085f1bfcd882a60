//! Records the writes and syncs of SQLite on its files.

#![expect(
    unsafe_code,
    reason = "SQLite accesses files through a table of C functions, which this file replaces"
)]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::{fs, slice};

use libsqlite3_sys::{
    SQLITE_OK, sqlite3_file, sqlite3_io_methods, sqlite3_vfs, sqlite3_vfs_find,
    sqlite3_vfs_register,
};

/// A recorded operation.
pub(crate) enum Note {
    /// A file was opened, with its content before; `None` if it is new.
    Opened(PathBuf, Option<Vec<u8>>),
    Written(PathBuf, usize, Vec<u8>),
    Truncated(PathBuf, usize),
    Synced(PathBuf),
    Deleted(PathBuf),
    /// A message of the test.
    Message(String),
}

/// The operations on the files of a folder.
struct Notes {
    folder: PathBuf,
    notes: Vec<Note>,
}

/// An open file: its path, and the functions that the replaced ones call.
#[derive(Clone)]
struct Open {
    path: PathBuf,
    real: sqlite3_io_methods,
}

// The functions below are plain C functions that cannot capture anything, so their state is global.
static NOTES: Mutex<Option<Notes>> = Mutex::new(None);
/// The open files, by the address of SQLite's own record of the file.
static OPEN: Mutex<BTreeMap<usize, Open>> = Mutex::new(BTreeMap::new());
static REAL: OnceLock<Real> = OnceLock::new();

/// The original table of functions.
struct Real(sqlite3_vfs);
// SAFETY: the table is never changed, and its pointers refer to functions and data that SQLite never frees.
unsafe impl Send for Real {}
// SAFETY: as above.
unsafe impl Sync for Real {}

/// Starts to record the operations of this process on the SQLite files in a folder.
pub(crate) fn watch(folder: &Path) {
    *NOTES.lock().unwrap() = Some(Notes {
        folder: folder.to_owned(),
        notes: Vec::new(),
    });
    // SAFETY: SQLite returns its own table, which is never freed, and neither is our copy of it.
    unsafe {
        let real = *sqlite3_vfs_find(std::ptr::null());
        assert!(
            REAL.set(Real(real)).is_ok(),
            "a process can be watched only once"
        );
        let ours = Box::leak(Box::new(real));
        ours.zName = c"watched".as_ptr();
        ours.xOpen = Some(open);
        ours.xDelete = Some(delete);
        // As the default, which sqlx uses.
        assert_eq!(sqlite3_vfs_register(ours, 1), SQLITE_OK);
    }
}

/// Records a message of the test.
pub(crate) fn message(text: String) {
    note(Note::Message(text));
}

/// Stops recording, and returns the operations in order.
pub(crate) fn stop() -> Vec<Note> {
    let notes = NOTES.lock().unwrap().take();
    notes.map_or(Vec::new(), |notes| notes.notes)
}

fn note(note: Note) {
    if let Some(notes) = &mut *NOTES.lock().unwrap() {
        notes.notes.push(note);
    }
}

fn real() -> &'static sqlite3_vfs {
    &REAL
        .get()
        .expect("set before our functions are registered")
        .0
}

fn opened(file: *mut sqlite3_file) -> Open {
    OPEN.lock().unwrap()[&(file as usize)].clone()
}

/// Returns the path of a file if it has a name and is in the folder.
unsafe fn watched(name: *const c_char) -> Option<PathBuf> {
    if name.is_null() {
        return None;
    }
    // SAFETY: names of SQLite end with a NUL.
    let path = PathBuf::from(unsafe { CStr::from_ptr(name) }.to_str().unwrap());
    let notes = NOTES.lock().unwrap();
    path.starts_with(&notes.as_ref()?.folder).then_some(path)
}

// SQLite calls the functions below instead of the original ones. They pass the arguments on unchanged, and read only
// memory that SQLite passes for reading.

unsafe extern "C" fn open(
    files: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls this function with valid arguments, which are passed on unchanged.
    unsafe {
        let path = watched(name);
        // Read before the original function creates the file.
        let before = path.as_ref().and_then(|path| fs::read(path).ok());
        let done = real().xOpen.unwrap()(files, name, file, flags, out);
        if let (SQLITE_OK, Some(path)) = (done, path) {
            let real = *(*file).pMethods;
            let ours = sqlite3_io_methods {
                xClose: Some(close),
                xWrite: Some(write),
                xTruncate: Some(truncate),
                xSync: Some(sync),
                ..real
            };
            // Leaked: SQLite uses the table until it closes the file, and the process ends with the test.
            (*file).pMethods = Box::leak(Box::new(ours));
            note(Note::Opened(path.clone(), before));
            let open = Open { path, real };
            OPEN.lock().unwrap().insert(file as usize, open);
        }
        done
    }
}

unsafe extern "C" fn delete(files: *mut sqlite3_vfs, name: *const c_char, folder: c_int) -> c_int {
    // SAFETY: SQLite calls this function with valid arguments, which are passed on unchanged.
    unsafe {
        let done = real().xDelete.unwrap()(files, name, folder);
        if let (SQLITE_OK, Some(path)) = (done, watched(name)) {
            note(Note::Deleted(path));
        }
        done
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    let open = OPEN.lock().unwrap().remove(&(file as usize)).unwrap();
    // SAFETY: SQLite calls this function with valid arguments, which are passed on unchanged.
    unsafe { open.real.xClose.unwrap()(file) }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    data: *const c_void,
    length: c_int,
    at: i64,
) -> c_int {
    let Open { path, real } = opened(file);
    // SAFETY: SQLite calls this function with valid arguments, which are passed on unchanged.
    unsafe {
        let bytes = slice::from_raw_parts(data.cast::<u8>(), length as usize);
        note(Note::Written(path, at as usize, bytes.to_vec()));
        real.xWrite.unwrap()(file, data, length, at)
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, length: i64) -> c_int {
    let Open { path, real } = opened(file);
    note(Note::Truncated(path, length as usize));
    // SAFETY: SQLite calls this function with valid arguments, which are passed on unchanged.
    unsafe { real.xTruncate.unwrap()(file, length) }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    let Open { path, real } = opened(file);
    // SAFETY: SQLite calls this function with valid arguments, which are passed on unchanged.
    let done = unsafe { real.xSync.unwrap()(file, flags) };
    note(Note::Synced(path));
    done
}
