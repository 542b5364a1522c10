//! Sessions: who is logged in where. Only the hash of what the browser holds is kept.

use mailvane_model::Time;
use rusqlite::{OptionalExtension, Row, params};

use super::Access;
use super::user::{COLUMNS, UserRow};
use crate::error::Result;

/// Sessions that a user can have; one more ends the one that was silent longest.
pub const SESSIONS_OF_A_USER: usize = 50;

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// The id, by which it can be named without its secret.
    pub id: i64,
    /// The user.
    pub user: i64,
    /// The user's name.
    pub name: String,
    /// When it began.
    pub created: Time,
    /// When it was last used, to a minute or so.
    pub seen: Time,
    /// The address it began from.
    pub address: String,
    /// What the browser called itself.
    pub agent: String,
}

const SESSION: &str = "session.id, session.user, user.name, session.created, session.seen, session.address, session.agent";

impl SessionRow {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(SessionRow {
            id: row.get(0)?,
            user: row.get(1)?,
            name: row.get(2)?,
            created: Time(row.get(3)?),
            seen: Time(row.get(4)?),
            address: row.get(5)?,
            agent: row.get(6)?,
        })
    }
}

impl Access {
    /// Begins a session.
    pub fn add_session(&self, hash: &[u8], user: i64, now: Time, address: &str, agent: &str) -> Result<()> {
        let mut connection = self.write();
        let transaction = connection.transaction()?;
        transaction.execute(
            "INSERT INTO session (hash, user, created, seen, address, agent) VALUES (?1, ?2, ?3, ?3, ?4, ?5)",
            params![hash, user, now.0, address, agent],
        )?;
        transaction.execute(
            "DELETE FROM session WHERE user = ?1 AND id NOT IN (SELECT id FROM session WHERE user = ?1 ORDER BY seen DESC, id DESC LIMIT ?2)",
            params![user, SESSIONS_OF_A_USER as i64],
        )?;
        Ok(transaction.commit()?)
    }

    /// The session of a hash, with its user.
    pub fn session(&self, hash: &[u8]) -> Result<Option<(SessionRow, UserRow)>> {
        let connection = self.read();
        let sql = format!("SELECT {SESSION}, {COLUMNS} FROM session JOIN user ON user.id = session.user WHERE session.hash = ?1");
        let mut statement = connection.prepare_cached(&sql)?;
        Ok(statement.query_row([hash], |row| Ok((SessionRow::of(row)?, UserRow::of(row, 7)?))).optional()?)
    }

    /// The sessions of a user, or of all, last used first.
    pub fn sessions(&self, user: Option<i64>) -> Result<Vec<SessionRow>> {
        let connection = self.read();
        let sql = format!(
            "SELECT {SESSION} FROM session JOIN user ON user.id = session.user WHERE ?1 IS NULL OR session.user = ?1 ORDER BY session.seen DESC, session.id DESC"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let rows = statement.query_map([user], SessionRow::of)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Keeps when a session was last used.
    pub fn see_session(&self, hash: &[u8], now: Time) -> Result<()> {
        self.write().execute("UPDATE session SET seen = ?2 WHERE hash = ?1", params![hash, now.0])?;
        Ok(())
    }

    /// Ends the session of a hash.
    pub fn end_session(&self, hash: &[u8]) -> Result<bool> {
        Ok(self.write().execute("DELETE FROM session WHERE hash = ?1", [hash])? > 0)
    }

    /// Ends a session by its id, of one user or of any.
    pub fn end_session_by_id(&self, id: i64, user: Option<i64>) -> Result<bool> {
        Ok(self.write().execute("DELETE FROM session WHERE id = ?1 AND (?2 IS NULL OR user = ?2)", params![id, user])? > 0)
    }

    /// Ends the sessions of a user, but for one; tells how many.
    pub fn end_sessions_of(&self, user: i64, but: Option<&[u8]>) -> Result<usize> {
        Ok(self.write().execute("DELETE FROM session WHERE user = ?1 AND (?2 IS NULL OR hash <> ?2)", params![user, but])?)
    }

    /// Ends sessions that began before one time, or were last used before another.
    pub fn end_sessions_before(&self, created: Time, seen: Time) -> Result<usize> {
        Ok(self.write().execute("DELETE FROM session WHERE created < ?1 OR seen < ?2", params![created.0, seen.0])?)
    }
}
