//! `TransactionError`: the reason why a transaction failed, whether to retry it, and the error for the caller.

use std::borrow::Cow;

use generativeai::{Error, ErrorKind};

/// Reason for an error after another process has locked the database for too long.
const BUSY: &str = "the database is busy";

/// Result of functions that run inside a transaction.
pub(crate) type Result<T, E = TransactionError> = std::result::Result<T, E>;

/// Reason why a transaction failed.
///
/// Functions that run inside a transaction return this type rather than [`generativeai::Error`], since
/// the retry loop around them has to see the database's own error.
#[derive(Debug)]
pub(crate) enum TransactionError {
    /// The database or its driver failed.
    Database(sqlx::Error),
    /// The transaction took longer than its time limit.
    TimedOut,
    /// Another process had locked the database for as long as this writer waited.
    Busy,
    /// Another writer changed the rows between two statements. The next attempt sees its changes.
    Raced,
    /// This crate refused the operation. The caller gets the error unchanged.
    Refused(Error),
}

impl TransactionError {
    /// Builds the error for stored data that is damaged.
    pub(crate) fn corrupt(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused(Error::new(ErrorKind::Corrupt, message))
    }

    /// Adds a cause to an error built by [`corrupt`](Self::corrupt).
    ///
    /// A cause of another kind, such as a lost connection, replaces the error: it does not prove that
    /// the data is damaged.
    pub(crate) fn with_source(self, source: Self) -> Self {
        match (self, source) {
            (Self::Refused(error), Self::Refused(source))
                if source.kind() == ErrorKind::Corrupt =>
            {
                Self::Refused(error.with_source(source))
            }
            (_, source) => source,
        }
    }

    /// Returns whether the same transaction may succeed when it is retried.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Busy | Self::Raced => true,
            Self::TimedOut | Self::Refused(_) => false,
            Self::Database(sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) => true,
            Self::Database(_) => self.code().is_transient(),
        }
    }

    /// Returns whether another connection has locked the SQLite database.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.code(), Code::Sqlite(code) if code & 0xff == 5)
    }

    /// Returns whether the PostgreSQL server is read-only.
    pub(crate) fn is_read_only(&self) -> bool {
        matches!(self.code(), Code::Postgres(state) if state == "25006")
    }

    /// Returns the error code of the database, if any.
    fn code(&self) -> Code {
        match self {
            Self::Database(sqlx::Error::Database(error)) => Code::of(&**error),
            _ => Code::None,
        }
    }

    /// Converts the error for the caller. `context` is the operation that failed, as a clause:
    /// `session 3 cannot be read`.
    pub(crate) fn into_error(self, context: &str) -> Error {
        let error = match self {
            Self::Refused(error) => return error,
            Self::TimedOut => {
                let message = format!("{context}: the database took more than a minute");
                return Error::new(ErrorKind::Storage, message);
            }
            Self::Busy => {
                return Error::new(ErrorKind::Storage, format!("{context}: {BUSY}"));
            }
            Self::Raced => {
                let message = format!("{context}: other writers changed the same rows every time");
                return Error::new(ErrorKind::Storage, message);
            }
            Self::Database(error) => error,
        };
        let (kind, reason) = match &error {
            sqlx::Error::Configuration(_) => (ErrorKind::Configuration, "the address is invalid"),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                (ErrorKind::Corrupt, "the database is damaged")
            }
            sqlx::Error::PoolTimedOut => (
                ErrorKind::Storage,
                "no connection to the database became available in time",
            ),
            sqlx::Error::Database(error) => Code::of(&**error).describe(),
            _ => (ErrorKind::Storage, "the database is unreachable"),
        };
        Error::new(kind, format!("{context}: {reason}")).with_source(error)
    }
}

impl From<sqlx::Error> for TransactionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Error> for TransactionError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// The error code of a database.
enum Code {
    /// A result code of SQLite. The low byte is the primary code, the rest refines it.
    /// See <https://sqlite.org/rescode.html>.
    Sqlite(u32),
    /// A SQLSTATE of PostgreSQL: five characters. The first two are the class.
    /// See <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    Postgres(String),
    /// The driver reported no code.
    None,
}

impl Code {
    /// Reads the code that the driver reports.
    fn of(error: &dyn sqlx::error::DatabaseError) -> Self {
        match error.code() {
            // SQLite's codes are numbers below 10,000, so the length distinguishes the two.
            Some(code) if code.len() == 5 => Self::Postgres(code.into_owned()),
            Some(code) => code.parse().map_or(Self::None, Self::Sqlite),
            None => Self::None,
        }
    }

    /// Returns whether the database may accept the same transaction a moment later.
    fn is_transient(&self) -> bool {
        match self {
            // SQLITE_BUSY: another connection holds the write lock.
            Self::Sqlite(code) => code & 0xff == 5,
            Self::Postgres(state) => match state.as_str() {
                "40001" | "40P01" => true,           // serialization failure, deadlock
                "23503" => true,                     // foreign key: the row was deleted meanwhile
                "57P01" | "57P02" | "57P03" => true, // the server is shutting down or starting
                "53300" => true,                     // too many connections
                "25006" => true, // read-only: after a failover, another connection is not
                state => state.starts_with("08"), // connection exceptions
            },
            Self::None => false,
        }
    }

    /// Returns the kind of the error for the caller, and the reason in plain words.
    ///
    /// The message of the database itself is the source of the error.
    fn describe(&self) -> (ErrorKind, &'static str) {
        match self {
            Self::Sqlite(code) => match code & 0xff {
                5 | 6 => (ErrorKind::Storage, BUSY),
                8 => (ErrorKind::Storage, "the database is read-only"),
                10 => (ErrorKind::Storage, "reading or writing the disk failed"),
                11 | 26 => (ErrorKind::Corrupt, "the database is damaged"),
                13 => (ErrorKind::Storage, "the disk is full"),
                14 => (ErrorKind::Storage, "the file cannot be opened"),
                _ => (ErrorKind::Storage, "the database reported an error"),
            },
            // A SQLSTATE is five ASCII characters, so the class ends at a character boundary.
            Self::Postgres(state) => match &state[..2] {
                "XX" => (ErrorKind::Corrupt, "the database is damaged"),
                "28" => (
                    ErrorKind::Authentication,
                    "the database refused the user or the password",
                ),
                "53" => (
                    ErrorKind::Storage,
                    "the database is out of disk space, memory or connections",
                ),
                "25" if state == "25006" => (ErrorKind::Storage, "the database is read-only"),
                _ => (ErrorKind::Storage, "the database reported an error"),
            },
            Self::None => (ErrorKind::Storage, "the database reported an error"),
        }
    }
}
