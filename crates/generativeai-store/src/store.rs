//! `Store`: a database of sessions.

use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use generativeai::protocol::content::Content;
use generativeai::{Error, ErrorKind, Event, Result};

use crate::create::{Origin, create, find_or_create};
use crate::database::Database;
use crate::key::Key;
use crate::record::EventId;
use crate::session::Session;
use crate::transaction::to_seconds;
use crate::{delete, location, names, random};

/// Maximum number of contents in one event of an imported conversation. It keeps the rows small.
const CONTENTS_PER_EVENT: usize = 64;

/// A database of sessions, in an SQLite file or in PostgreSQL.
///
/// A clone shares the connections. A store runs its transactions on the tokio runtime it was opened in, and can be used
/// from any other. After that runtime has stopped, all operations fail with [`ErrorKind::Storage`].
///
/// ```
/// use generativeai::{GenerativeModel, testing::Scripted};
/// use generativeai_store::Store;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// let store = Store::open("sqlite::memory:").await?;
/// let session = store.new_session("mountains").await?;
/// let model = GenerativeModel::new("m").backend(Scripted::always("1,345 metres."));
///
/// // The message is stored before it is sent, and the reply when it is complete.
/// let mut chat = session.chat(&model).await?;
/// chat.send_message("How tall is Ben Nevis?").await?;
///
/// assert_eq!(store.list().await?[0].name, "mountains");
/// assert_eq!(store.search("tall nevis").await?.len(), 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Store {
    /// The database with its connections and its key.
    pub(crate) database: Database,
}

impl Store {
    /// Opens a store: `sqlite:PATH`, `sqlite::memory:`, or `postgres://USER:PASSWORD@HOST/DATABASE`.
    ///
    /// `PATH` is a file path, not a URL: no character in it is escaped. A missing SQLite file is created with mode
    /// 0600, with the folders above it. Tables of an older version are migrated, and programs with an older version of
    /// this library then refuse them with [`ErrorKind::TooNew`]. A store in memory is deleted with the last clone of
    /// `Store` and the last of its sessions.
    ///
    /// Add `?sslmode=verify-full` to the address of a PostgreSQL server on another machine. As with
    /// libpq, the connection is encrypted by default if the server supports it, but the server's
    /// certificate is not checked.
    ///
    /// # Errors
    /// - [`ErrorKind::Authentication`]: the store is [encrypted](Self::open_encrypted).
    /// - [`ErrorKind::TooNew`]: a newer version of this library migrated the tables.
    /// - [`ErrorKind::Corrupt`]: the file is not a database, or is damaged.
    /// - [`ErrorKind::Storage`]: the file or the server cannot be reached.
    /// - [`ErrorKind::Configuration`]: the address is invalid, or the caller is outside a tokio runtime.
    ///
    /// ```
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// let address = format!("sqlite:{}", folder.path().join("chats.sqlite").display());
    /// let store = Store::open(&address).await?;
    /// assert!(store.list().await?.is_empty());
    /// # Ok(()) }
    /// ```
    pub async fn open(address: &str) -> Result<Self> {
        let database = Database::open(address, None).await?;
        Ok(Self { database })
    }

    /// Opens an encrypted store. A new store becomes encrypted with this key, permanently.
    ///
    /// Messages, replies, media and the names of sessions are encrypted. The number of sessions and events, their sizes
    /// and their times are not. Reading a modified, truncated or swapped value is an error; `SECURITY.md` lists the
    /// limits, such as an older copy of the file.
    ///
    /// An encrypted store has no search index: [`search`](Self::search) reads and decrypts every
    /// session. [`rotate_key`](Self::rotate_key) changes the key.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and:
    /// - [`ErrorKind::Authentication`]: the key is wrong, or the stored secret is damaged.
    /// - [`ErrorKind::Configuration`]: the store has plain sessions. Export them, and import them into a
    ///   new encrypted store.
    ///
    /// ```
    /// use generativeai_store::{Key, Store};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let address = format!("sqlite:{}", folder.path().join("chats.sqlite").display());
    /// let key = Key::random()?;
    /// let store = Store::open_encrypted(&address, &key).await?;
    /// assert!(Store::open_encrypted(&address, &Key::random()?).await.is_err());
    /// # Ok(()) }
    /// ```
    pub async fn open_encrypted(address: &str, key: &Key) -> Result<Self> {
        let database = Database::open(address, Some(key)).await?;
        Ok(Self { database })
    }

    /// Returns the path of the user's own store, whether or not it exists.
    ///
    /// It is `generativeai/chats.sqlite` in `$XDG_DATA_HOME` if that is an absolute path. Otherwise it is in
    /// `%LOCALAPPDATA%` on Windows, `~/Library/Application Support` on macOS, and `~/.local/share` elsewhere. A program
    /// can keep files about the store next to it.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: the environment names no data folder and no home folder.
    pub fn default_path() -> Result<PathBuf> {
        location::default_file()
    }

    /// Opens the user's own store, and creates it if it is missing.
    ///
    /// It is the file at [`default_path`](Self::default_path), in which the program `genai` keeps its chats too.
    ///
    /// # Errors
    /// Those of [`default_path`](Self::default_path) and [`open`](Self::open).
    pub async fn open_default() -> Result<Self> {
        let file = location::default_file()?;
        let Some(path) = file.to_str() else {
            let message =
                "the path of the data folder is not Unicode: set XDG_DATA_HOME to another";
            return Err(Error::new(ErrorKind::Configuration, message));
        };
        let opened = Self::open(&format!("sqlite:{path}")).await;
        opened.map_err(|error| match error.kind() {
            // The user did not choose the file, so an error about its content has to name it.
            ErrorKind::Corrupt | ErrorKind::TooNew => error.with_context(path),
            _ => error,
        })
    }

    /// Opens the [user's own store](Self::open_default) if it exists. Creates nothing.
    ///
    /// # Errors
    /// Those of [`open_default`](Self::open_default), and [`ErrorKind::Storage`] if the data folder cannot be read.
    pub async fn find_default() -> Result<Option<Self>> {
        match location::exists(&location::default_file()?)? {
            true => Self::open_default().await.map(Some),
            false => Ok(None),
        }
    }

    /// Creates a session. With an empty name it is called by its number.
    ///
    /// # Errors
    /// [`ErrorKind::Request`] if another session has the name, or if the name is a number, is longer
    /// than 200 characters, or contains control characters.
    ///
    /// ```
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// let named = store.new_session("mountains").await?;
    /// let unnamed = store.new_session("").await?;
    /// assert_eq!(unnamed.info().await?.name, unnamed.id().to_string());
    /// # Ok(()) }
    /// ```
    pub async fn new_session(&self, name: &str) -> Result<Session> {
        self.create(name, Vec::new()).await
    }

    /// Creates a session with the history of a conversation from elsewhere.
    ///
    /// All contents are stored or none. An export of another store has more than the history: read it with
    /// [`import_jsonl`](Self::import_jsonl).
    ///
    /// # Errors
    /// Those of [`new_session`](Self::new_session).
    ///
    /// ```
    /// use generativeai::protocol::content::Content;
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// let contents = [Content::user("How tall is Ben Nevis?"), Content::model("1,345 metres.")];
    /// let session = store.import_contents("mountains", contents).await?;
    /// assert_eq!(session.contents().await?.len(), 2);
    /// # Ok(()) }
    /// ```
    pub async fn import_contents(
        &self,
        name: &str,
        contents: impl IntoIterator<Item = impl Into<Content>>,
    ) -> Result<Session> {
        let contents: Vec<Content> = contents.into_iter().map(Into::into).collect();
        let events = contents.chunks(CONTENTS_PER_EVENT).map(|contents| {
            let event = Event::Added {
                contents: contents.to_vec(),
                interrupted: Vec::new(),
            };
            Ok((random::bytes()?, event))
        });
        self.create(name, events.collect::<Result<_>>()?).await
    }

    /// Finds a session by its name.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the session does not exist. [`ErrorKind::Request`] if no session can have the name: it
    /// is empty or [invalid](Self::new_session), such as a number. In an encrypted store also [`ErrorKind::Corrupt`] if
    /// its name is damaged: find the session [by its number](Self::session_by_id) then, and [rename](Session::rename)
    /// it.
    ///
    /// ```
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// let session = store.new_session("mountains").await?;
    /// assert_eq!(store.session("mountains").await?.id(), session.id());
    /// let error = store.session("hills").await.unwrap_err();
    /// assert_eq!(error.to_string(), "there is no session `hills`");
    /// # Ok(()) }
    /// ```
    pub async fn session(&self, name: &str) -> Result<Session> {
        self.named(names::required(name)?).await
    }

    /// Finds a session by its [number](Session::id).
    ///
    /// The numbers are small and consecutive. A service that gets one from a user has to check that the session belongs
    /// to this user.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the session does not exist.
    ///
    /// ```
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// let session = store.new_session("mountains").await?;
    /// assert_eq!(store.session_by_id(session.id()).await?.info().await?.name, "mountains");
    /// # Ok(()) }
    /// ```
    pub async fn session_by_id(&self, id: i64) -> Result<Session> {
        let context = "the store cannot be read";
        let exists = self
            .database
            .read(context, id, |tx, id| Box::pin(names::exists(tx, *id)));
        match exists.await? {
            true => Ok(self.handle(id)),
            false => Err(unknown(id)),
        }
    }

    /// Finds a session by its name or number, as the person at a terminal enters it.
    ///
    /// Not for names from elsewhere, such as those of the users of a service: a user with the name `1` would get the
    /// session of another user.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the session does not exist. In an encrypted store also [`ErrorKind::Corrupt`], as for
    /// [`session`](Self::session).
    ///
    /// ```
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// let session = store.new_session("mountains").await?;
    /// assert_eq!(store.session_by_name_or_id("mountains").await?.id(), session.id());
    /// assert_eq!(store.session_by_name_or_id("1").await?.id(), session.id());
    /// # Ok(()) }
    /// ```
    pub async fn session_by_name_or_id(&self, text: &str) -> Result<Session> {
        match (text.parse(), names::required(text)) {
            (Ok(id), _) => self.session_by_id(id).await,
            (Err(_), Ok(name)) => self.named(name).await,
            (Err(_), Err(_)) => Err(unknown(text)),
        }
    }

    /// Finds a session by its name, or creates an empty session with this name.
    ///
    /// Both happen in one transaction: programs that start at the same time with the same new name get the same
    /// session. For a session of each user of a service, use a prefix, as in `format!("user-{user}")`. A user's name
    /// alone may be a number, or the name of a session for something else.
    ///
    /// # Errors
    /// Those of [`session`](Self::session), except that a missing session is not an error.
    ///
    /// ```
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// let session = store.find_or_create("mountains").await?;
    /// assert_eq!(store.find_or_create("mountains").await?.id(), session.id());
    /// # Ok(()) }
    /// ```
    pub async fn find_or_create(&self, name: &str) -> Result<Session> {
        let id = find_or_create(&self.database, name).await?;
        Ok(self.handle(id))
    }

    /// Deletes all sessions to which nothing was appended since `time`. Returns their number.
    ///
    /// Compares [`SessionInfo::changed`](crate::SessionInfo::changed), which is in whole seconds and comes from the clock of
    /// the last writer. Each session is deleted in a separate transaction, as by [`Session::delete`]; a session that is
    /// continued in the meantime is kept.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    ///
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// let month_ago = SystemTime::now() - Duration::from_secs(30 * 24 * 60 * 60);
    /// let count = store.delete_older_than(month_ago).await?;
    /// println!("{count} sessions deleted");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`Session::delete`]. The sessions before the one that failed are deleted.
    pub async fn delete_older_than(&self, time: SystemTime) -> Result<u64> {
        let before = to_seconds(time);
        let mut count = 0;
        let context = "the store cannot be read";
        let old = self.database.read(context, before, |tx, before| {
            Box::pin(delete::older_than(tx, *before))
        });
        for session in old.await? {
            let context = format!("session {session} cannot be deleted");
            let input = (session, before);
            let deleted = self.database.write(context, input, |tx, (id, before)| {
                Box::pin(delete::delete_if_older(tx, *id, *before))
            });
            count += u64::from(deleted.await?);
        }
        Ok(count)
    }

    /// Creates a session with events that have their ids.
    pub(crate) async fn create(
        &self,
        name: &str,
        events: Vec<(EventId, Event)>,
    ) -> Result<Session> {
        let id = create(&self.database, name, Origin::Empty, events).await?;
        Ok(self.handle(id))
    }

    /// Finds a session by a valid name.
    async fn named(&self, name: String) -> Result<Session> {
        let context = "the store cannot be read";
        let found = self.database.read(context, name.clone(), |tx, name| {
            Box::pin(names::find(tx, name))
        });
        let id = found.await?.ok_or_else(|| unknown(name))?;
        Ok(self.handle(id))
    }

    /// Returns the handle of a session.
    fn handle(&self, id: i64) -> Session {
        Session {
            database: self.database.clone(),
            id,
        }
    }
}

/// Builds the error for a session that does not exist.
fn unknown(session: impl fmt::Display) -> Error {
    let message = format!("there is no session `{session}`");
    Error::new(ErrorKind::NotFound, message)
}

/// Prints the kind of the database and whether it is encrypted. The address may contain a password.
impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("kind", &self.database.kind)
            .field("encryption", &self.database.encryption)
            .finish_non_exhaustive()
    }
}
