//! Users.

use mailvane_model::Time;
use rusqlite::{ErrorCode, OptionalExtension, Row, params};

use super::Access;
use crate::error::Result;

/// A user that is to be added.
#[derive(Clone, Copy, Debug)]
pub struct NewUser<'a> {
    /// The name, there once.
    pub name: &'a str,
    /// What the user may do, in a word that this crate does not look at.
    pub role: &'a str,
    /// The hash of the password; empty when there is none (a proxy vouches for the user).
    pub password: &'a str,
    /// The domains whose mail the user may see; empty means all.
    pub domains: &'a [String],
    /// Now.
    pub created: Time,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// The id, never given twice.
    pub id: i64,
    /// The name.
    pub name: String,
    /// The role.
    pub role: String,
    /// The hash of the password.
    pub password: String,
    /// The domains; empty means all.
    pub domains: Vec<String>,
    /// The secret of one-time codes, when they are on.
    pub totp: Option<Vec<u8>>,
    /// When the user was made.
    pub created: Time,
    /// When the user last logged in.
    pub seen: Option<Time>,
}

/// The columns of a user, in the order of [`UserRow::of`].
pub(super) const COLUMNS: &str = "user.id, user.name, user.role, user.password, user.domains, user.totp, user.created, user.seen";

impl UserRow {
    /// Reads [`COLUMNS`] from a place on.
    pub(super) fn of(row: &Row<'_>, from: usize) -> rusqlite::Result<Self> {
        let domains: String = row.get(from + 4)?;
        Ok(UserRow {
            id: row.get(from)?,
            name: row.get(from + 1)?,
            role: row.get(from + 2)?,
            password: row.get(from + 3)?,
            domains: domains.lines().map(str::to_owned).collect(),
            totp: row.get(from + 5)?,
            created: Time(row.get(from + 6)?),
            seen: row.get::<_, Option<i64>>(from + 7)?.map(Time),
        })
    }
}

impl Access {
    /// Every user, by name.
    pub fn users(&self) -> Result<Vec<UserRow>> {
        let connection = self.read();
        let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM user ORDER BY name"))?;
        let rows = statement.query_map([], |row| UserRow::of(row, 0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The user of a name.
    pub fn user(&self, name: &str) -> Result<Option<UserRow>> {
        let connection = self.read();
        let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM user WHERE name = ?1"))?;
        Ok(statement.query_row([name], |row| UserRow::of(row, 0)).optional()?)
    }

    /// How many users have a role.
    pub fn count_role(&self, role: &str) -> Result<u64> {
        let connection = self.read();
        let mut statement = connection.prepare_cached("SELECT count(*) FROM user WHERE role = ?1")?;
        Ok(statement.query_row([role], |row| row.get::<_, i64>(0))? as u64)
    }

    /// Adds a user and gives the id; `None` when the name is taken.
    pub fn add_user(&self, user: &NewUser<'_>) -> Result<Option<i64>> {
        let connection = self.write();
        let added = connection.execute(
            "INSERT INTO user (name, role, password, domains, created) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![user.name, user.role, user.password, user.domains.join("\n"), user.created.0],
        );
        match added {
            Ok(_) => Ok(Some(connection.last_insert_rowid())),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a user with sessions and tokens. `false` when there is none, or when it is the last one of the role `keep`.
    pub fn remove_user(&self, id: i64, keep: &str) -> Result<bool> {
        let removed = self.write().execute(
            "DELETE FROM user WHERE id = ?1 AND (role <> ?2 OR (SELECT count(*) FROM user WHERE role = ?2) > 1)",
            params![id, keep],
        )?;
        Ok(removed > 0)
    }

    /// Sets role and domains. `false` when there is no such user, or when it is the last one of the role `keep` and would lose it.
    pub fn set_role(&self, id: i64, role: &str, domains: &[String], keep: &str) -> Result<bool> {
        let changed = self.write().execute(
            "UPDATE user SET role = ?2, domains = ?3 WHERE id = ?1
             AND (role <> ?4 OR ?2 = ?4 OR (SELECT count(*) FROM user WHERE role = ?4) > 1)",
            params![id, role, domains.join("\n"), keep],
        )?;
        Ok(changed > 0)
    }

    /// Sets the hash of the password.
    pub fn set_password(&self, id: i64, hash: &str) -> Result<()> {
        self.write().execute("UPDATE user SET password = ?2 WHERE id = ?1", params![id, hash])?;
        Ok(())
    }

    /// Keeps when a user was last seen.
    pub fn see_user(&self, id: i64, now: Time) -> Result<()> {
        self.write().execute("UPDATE user SET seen = ?2 WHERE id = ?1", params![id, now.0])?;
        Ok(())
    }

    /// Turns one-time codes on, with the hashes of the recovery codes, or off.
    pub fn set_totp(&self, id: i64, secret: Option<&[u8]>, recovery: &[Vec<u8>]) -> Result<()> {
        let mut connection = self.write();
        let transaction = connection.transaction()?;
        transaction.execute("UPDATE user SET totp = ?2, totp_step = 0 WHERE id = ?1", params![id, secret])?;
        transaction.execute("DELETE FROM recovery WHERE user = ?1", [id])?;
        for hash in recovery {
            transaction.execute("INSERT INTO recovery (user, hash) VALUES (?1, ?2)", params![id, hash])?;
        }
        Ok(transaction.commit()?)
    }

    /// Takes a step of the clock of one-time codes; `false` when it or a later one was taken before.
    pub fn take_step(&self, id: i64, step: i64) -> Result<bool> {
        let taken = self.write().execute("UPDATE user SET totp_step = ?2 WHERE id = ?1 AND totp_step < ?2", params![id, step])?;
        Ok(taken > 0)
    }

    /// Takes a recovery code by its hash; `false` when there is none.
    pub fn take_recovery(&self, id: i64, hash: &[u8]) -> Result<bool> {
        Ok(self.write().execute("DELETE FROM recovery WHERE user = ?1 AND hash = ?2", params![id, hash])? > 0)
    }

    /// How many recovery codes are left.
    pub fn recovery_left(&self, id: i64) -> Result<u64> {
        let connection = self.read();
        let mut statement = connection.prepare_cached("SELECT count(*) FROM recovery WHERE user = ?1")?;
        Ok(statement.query_row([id], |row| row.get::<_, i64>(0))? as u64)
    }
}
