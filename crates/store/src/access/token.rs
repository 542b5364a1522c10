//! Tokens of the API. Only their hash is kept, and the beginning by which people tell them apart.

use mailvane_model::Time;
use rusqlite::{OptionalExtension, Row, params};

use super::Access;
use super::user::{COLUMNS, UserRow};
use crate::error::Result;

/// A token that is to be added.
#[derive(Clone, Copy, Debug)]
pub struct NewToken<'a> {
    /// Whose it is: it can never do more than its user.
    pub user: i64,
    /// The hash of the whole token.
    pub hash: &'a [u8],
    /// What it is for, in words.
    pub name: &'a str,
    /// How it begins.
    pub prefix: &'a str,
    /// What it may do, in words that this crate does not look at.
    pub scopes: &'a str,
    /// Now.
    pub created: Time,
    /// When it ends.
    pub expires: Option<Time>,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// The id, never given twice.
    pub id: i64,
    /// Whose it is.
    pub user: i64,
    /// The user's name.
    pub owner: String,
    /// What it is for.
    pub name: String,
    /// How it begins.
    pub prefix: String,
    /// What it may do.
    pub scopes: String,
    /// When it was made.
    pub created: Time,
    /// When it ends.
    pub expires: Option<Time>,
    /// When it was last used, to a minute or so.
    pub seen: Option<Time>,
}

const TOKEN: &str = "token.id, token.user, user.name, token.name, token.prefix, token.scopes, token.created, token.expires, token.seen";

impl TokenRow {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(TokenRow {
            id: row.get(0)?,
            user: row.get(1)?,
            owner: row.get(2)?,
            name: row.get(3)?,
            prefix: row.get(4)?,
            scopes: row.get(5)?,
            created: Time(row.get(6)?),
            expires: row.get::<_, Option<i64>>(7)?.map(Time),
            seen: row.get::<_, Option<i64>>(8)?.map(Time),
        })
    }
}

impl Access {
    /// Adds a token and gives its id.
    pub fn add_token(&self, token: &NewToken<'_>) -> Result<i64> {
        let connection = self.write();
        connection.execute(
            "INSERT INTO token (hash, user, name, prefix, scopes, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![token.hash, token.user, token.name, token.prefix, token.scopes, token.created.0, token.expires.map(|time| time.0)],
        )?;
        Ok(connection.last_insert_rowid())
    }

    /// The token of a hash, with its user.
    pub fn token(&self, hash: &[u8]) -> Result<Option<(TokenRow, UserRow)>> {
        let connection = self.read();
        let sql = format!("SELECT {TOKEN}, {COLUMNS} FROM token JOIN user ON user.id = token.user WHERE token.hash = ?1");
        let mut statement = connection.prepare_cached(&sql)?;
        Ok(statement.query_row([hash], |row| Ok((TokenRow::of(row)?, UserRow::of(row, 9)?))).optional()?)
    }

    /// The tokens of a user, or of all, newest first.
    pub fn tokens(&self, user: Option<i64>) -> Result<Vec<TokenRow>> {
        let connection = self.read();
        let sql = format!(
            "SELECT {TOKEN} FROM token JOIN user ON user.id = token.user WHERE ?1 IS NULL OR token.user = ?1 ORDER BY token.id DESC"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let rows = statement.query_map([user], TokenRow::of)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Keeps when a token was last used.
    pub fn see_token(&self, id: i64, now: Time) -> Result<()> {
        self.write().execute("UPDATE token SET seen = ?2 WHERE id = ?1", params![id, now.0])?;
        Ok(())
    }

    /// Removes a token, of one user or of any.
    pub fn remove_token(&self, id: i64, user: Option<i64>) -> Result<bool> {
        Ok(self.write().execute("DELETE FROM token WHERE id = ?1 AND (?2 IS NULL OR user = ?2)", params![id, user])? > 0)
    }
}
