//! What goes wrong in a database, and what the caller can do about it.

use generativeai::{Error, ErrorKind};

/// Why work in the database did not come off.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database says so.
    Database(sqlx::Error),
    /// The database took too long.
    Overdue,
    /// We say so.
    Ours(Error),
}

impl Fault {
    /// A row that is not what was written.
    pub(crate) fn corrupt(message: String) -> Self {
        Self::Ours(Error::new(ErrorKind::Corrupt, message))
    }

    /// Adds the cause to a row that is not what was written, unless that is another kind of fault.
    pub(crate) fn because(self, cause: Self) -> Self {
        match (self, cause) {
            (Self::Ours(error), Self::Ours(cause)) if cause.kind() == ErrorKind::Corrupt => {
                Self::Ours(error.with_source(cause))
            }
            (_, cause) => cause,
        }
    }

    /// Whether the same work may come off if it is tried again: others were in the way, or the
    /// connection was lost.
    pub(crate) fn passes(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        match error {
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => true,
            sqlx::Error::Database(error) => match Code::of(&**error) {
                Code::Sqlite(code) => code & 0xff == 5,
                // Serialisation, deadlock, a foreign key (its row was deleted meanwhile), shutdown,
                // a lost connection, too many connections.
                Code::Postgres(state) => {
                    [
                        "40001", "40P01", "23503", "57P01", "57P02", "57P03", "53300",
                    ]
                    .contains(&&*state)
                        || state.starts_with("08")
                }
                Code::None => false,
            },
            _ => false,
        }
    }

    /// Whether a row with the same key was there.
    pub(crate) fn is_double(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// The error for the caller; `what` is what could not be done.
    pub(crate) fn explain(self, what: &str) -> Error {
        let error = match self {
            Self::Ours(error) => return error,
            Self::Overdue => {
                let message = format!("{what}: the database took more than a minute");
                return Error::new(ErrorKind::Storage, message);
            }
            Self::Database(error) => error,
        };
        let (kind, why) = match &error {
            sqlx::Error::Configuration(_) => (ErrorKind::Configuration, "the address is wrong"),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                (ErrorKind::Corrupt, "the database is damaged")
            }
            sqlx::Error::PoolTimedOut => (
                ErrorKind::Storage,
                "no connection to the database became free",
            ),
            sqlx::Error::Database(error) => told(&Code::of(&**error)),
            _ => (ErrorKind::Storage, "the database does not answer"),
        };
        Error::new(kind, format!("{what}: {why}")).with_source(error)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

enum Code {
    Sqlite(u32),
    Postgres(String),
    None,
}

impl Code {
    fn of(error: &dyn sqlx::error::DatabaseError) -> Self {
        match error.code() {
            // SQLite's codes are numbers below 10,000; PostgreSQL's states have five characters.
            Some(code) if code.len() == 5 => Self::Postgres(code.into_owned()),
            Some(code) => code.parse().map_or(Self::None, Self::Sqlite),
            None => Self::None,
        }
    }
}

fn told(code: &Code) -> (ErrorKind, &'static str) {
    match code {
        Code::Sqlite(code) => match code & 0xff {
            5 | 6 => (ErrorKind::Storage, "the database is busy"),
            8 => (ErrorKind::Storage, "the database may not be written"),
            10 => (ErrorKind::Storage, "the disk takes or gives nothing"),
            11 | 26 => (ErrorKind::Corrupt, "the database is damaged"),
            13 => (ErrorKind::Storage, "the disk is full"),
            14 => (ErrorKind::Storage, "the file cannot be opened"),
            _ => (ErrorKind::Storage, "the database refuses"),
        },
        Code::Postgres(state) => match &state[..2] {
            "XX" => (ErrorKind::Corrupt, "the database is damaged"),
            "28" => (ErrorKind::Authentication, "the database does not let us in"),
            "53" => (ErrorKind::Storage, "the database has no room"),
            _ => (ErrorKind::Storage, "the database refuses"),
        },
        Code::None => (ErrorKind::Storage, "the database refuses"),
    }
}
