//! The tables, and how they came to be: one step for each version.

use generativeai::{Error, ErrorKind};
use sqlx::AnyConnection;
use sqlx::{Connection, Row};

use crate::fault::Fault;
use crate::transaction::Kind;

/// The steps: the first makes version 1, and so on.
const STEPS: [Step; 2] = [
    Step {
        sqlite: include_str!("schema/1.sqlite.sql"),
        postgres: include_str!("schema/1.postgres.sql"),
    },
    Step {
        sqlite: include_str!("schema/2.sqlite.sql"),
        postgres: include_str!("schema/2.postgres.sql"),
    },
];

struct Step {
    sqlite: &'static str,
    postgres: &'static str,
}

/// Whether there is anything to [`migrate`]. Without a lock: most of the time there is not.
pub(crate) async fn is_behind(connection: &mut AnyConnection) -> Result<bool, Fault> {
    version(connection).await.map_or(Ok(true), is_older)
}

/// Brings the tables to the newest version. Others who do the same at once wait for each other.
pub(crate) async fn migrate(kind: Kind, connection: &mut AnyConnection) -> Result<(), Fault> {
    let mut transaction = connection.begin_with(kind.begin_writing()).await?;
    if kind == Kind::Postgres {
        // Any number, as long as all who migrate have the same.
        sqlx::raw_sql("SELECT pg_advisory_xact_lock(7305820117)")
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
        .execute(&mut *transaction)
        .await?;
    let version = version(&mut transaction).await?;
    if is_older(version)? {
        for step in &STEPS[version..] {
            let sql = match kind {
                Kind::Sqlite => step.sqlite,
                Kind::Postgres => step.postgres,
            };
            sqlx::raw_sql(sql).execute(&mut *transaction).await?;
        }
        sqlx::raw_sql("DELETE FROM schema_version")
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
            .bind(STEPS.len() as i64)
            .persistent(false)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The version of the tables; 0 if there are none.
async fn version(connection: &mut AnyConnection) -> Result<usize, Fault> {
    let row = sqlx::query("SELECT version FROM schema_version")
        .persistent(false)
        .fetch_optional(connection)
        .await?;
    let version = row.map(|row| row.try_get::<i64, _>(0)).transpose()?;
    usize::try_from(version.unwrap_or(0))
        .map_err(|_| Fault::corrupt("the version of the tables is below zero".to_owned()))
}

fn is_older(version: usize) -> Result<bool, Fault> {
    let newest = STEPS.len();
    if version > newest {
        let message = format!(
            "the database has tables of version {version}, and this program knows them up to \
             {newest}: update it"
        );
        return Err(Error::new(ErrorKind::TooNew, message).into());
    }
    Ok(version < newest)
}
