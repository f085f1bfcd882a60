//! Notes what SQLite writes into its files, and what it syncs.

#![expect(
    unsafe_code,
    reason = "SQLite reaches its files through a table of C functions, in which we put ours"
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

/// What happened, in order.
pub(crate) enum Note {
    /// A file came into use, with what was in it; `None` if it is new.
    Opened(PathBuf, Option<Vec<u8>>),
    Written(PathBuf, usize, Vec<u8>),
    Truncated(PathBuf, usize),
    Synced(PathBuf),
    Deleted(PathBuf),
    /// The test says so.
    Said(String),
}

/// What is noted of the files in a folder.
struct Notes {
    folder: PathBuf,
    notes: Vec<Note>,
}

/// A file that is open: its path, and the functions that ours stand before.
#[derive(Clone)]
struct Open {
    path: PathBuf,
    real: sqlite3_io_methods,
}

static NOTES: Mutex<Option<Notes>> = Mutex::new(None);
static OPEN: Mutex<BTreeMap<usize, Open>> = Mutex::new(BTreeMap::new());
static REAL: OnceLock<Real> = OnceLock::new();

/// The functions of the system that open files.
struct Real(sqlite3_vfs);
// SAFETY: the table is never changed, and the pointers in it are to what SQLite never frees.
unsafe impl Send for Real {}
// SAFETY: as above.
unsafe impl Sync for Real {}

/// Notes from now on what this process does to the files of SQLite in a folder.
pub(crate) fn watch(folder: &Path) {
    *NOTES.lock().unwrap() = Some(Notes {
        folder: folder.to_owned(),
        notes: Vec::new(),
    });
    // SAFETY: SQLite gives its own table, which stays; ours is a copy of it that is never freed.
    unsafe {
        let real = *sqlite3_vfs_find(std::ptr::null());
        assert!(REAL.set(Real(real)).is_ok(), "a process is watched once");
        let ours = Box::leak(Box::new(real));
        ours.zName = c"watched".as_ptr();
        ours.xOpen = Some(open);
        ours.xDelete = Some(delete);
        assert_eq!(sqlite3_vfs_register(ours, 1), SQLITE_OK);
    }
}

/// Notes what the test says, among what happened.
pub(crate) fn say(what: String) {
    note(Note::Said(what));
}

/// All that was noted. Nothing is noted any more.
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
        .expect("our functions are known after it is set")
        .0
}

fn opened(file: *mut sqlite3_file) -> Open {
    OPEN.lock().unwrap()[&(file as usize)].clone()
}

/// The path of a file that has a name and is in the folder.
unsafe fn watched(name: *const c_char) -> Option<PathBuf> {
    if name.is_null() {
        return None;
    }
    // SAFETY: SQLite's names end with a NUL.
    let path = PathBuf::from(unsafe { CStr::from_ptr(name) }.to_str().unwrap());
    let notes = NOTES.lock().unwrap();
    path.starts_with(&notes.as_ref()?.folder).then_some(path)
}

// SAFETY (of all that follow): SQLite calls them as the functions of the system's files, which get all
// arguments as they came; what is added reads what SQLite gives to be read.

unsafe extern "C" fn open(
    files: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    unsafe {
        let path = watched(name);
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
            (*file).pMethods = Box::leak(Box::new(ours));
            note(Note::Opened(path.clone(), before));
            let open = Open { path, real };
            OPEN.lock().unwrap().insert(file as usize, open);
        }
        done
    }
}

unsafe extern "C" fn delete(files: *mut sqlite3_vfs, name: *const c_char, folder: c_int) -> c_int {
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
    unsafe { open.real.xClose.unwrap()(file) }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    data: *const c_void,
    length: c_int,
    at: i64,
) -> c_int {
    let Open { path, real } = opened(file);
    unsafe {
        let bytes = slice::from_raw_parts(data.cast::<u8>(), length as usize);
        note(Note::Written(path, at as usize, bytes.to_vec()));
        real.xWrite.unwrap()(file, data, length, at)
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, length: i64) -> c_int {
    let Open { path, real } = opened(file);
    note(Note::Truncated(path, length as usize));
    unsafe { real.xTruncate.unwrap()(file, length) }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    let Open { path, real } = opened(file);
    let done = unsafe { real.xSync.unwrap()(file, flags) };
    note(Note::Synced(path));
    done
}
