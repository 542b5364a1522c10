//! What was done, and by whom.

use mailvane_model::Time;
use rusqlite::params;

use super::Access;
use crate::error::Result;

/// Something that was done.
#[derive(Clone, Copy, Debug)]
pub struct Deed<'a> {
    /// When.
    pub time: Time,
    /// Who did it, or tried to.
    pub who: &'a str,
    /// From which address.
    pub address: &'a str,
    /// What was done, in a word.
    pub action: &'a str,
    /// To what or whom.
    pub detail: &'a str,
}

/// Something that was done, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Grows with every deed.
    pub id: i64,
    /// When.
    pub time: Time,
    /// Who did it.
    pub who: String,
    /// From which address.
    pub address: String,
    /// What was done.
    pub action: String,
    /// To what or whom.
    pub detail: String,
}

impl Access {
    /// Keeps a deed.
    pub fn note(&self, deed: &Deed<'_>) -> Result<()> {
        let connection = self.write();
        let mut insert = connection.prepare_cached("INSERT INTO audit (time, who, address, action, detail) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        insert.execute(params![deed.time.0, deed.who, deed.address, deed.action, deed.detail])?;
        Ok(())
    }

    /// Deeds before an id, of one person or of all, newest first.
    pub fn deeds(&self, before: Option<i64>, who: Option<&str>, limit: usize) -> Result<Vec<AuditRow>> {
        let connection = self.read();
        let mut statement = connection.prepare_cached(
            "SELECT id, time, who, address, action, detail FROM audit
             WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR who = ?2) ORDER BY id DESC LIMIT ?3",
        )?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok(AuditRow {
                id: row.get(0)?,
                time: Time(row.get(1)?),
                who: row.get(2)?,
                address: row.get(3)?,
                action: row.get(4)?,
                detail: row.get(5)?,
            })
        };
        let rows = statement.query_map(params![before, who, limit as i64], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Drops deeds before a time, and all but the newest `keep`.
    pub fn forget_deeds(&self, before: Time, keep: u64) -> Result<usize> {
        let dropped = self.write().execute(
            "DELETE FROM audit WHERE time < ?1 OR id <= (SELECT coalesce(max(id), 0) FROM audit) - ?2",
            params![before.0, keep as i64],
        )?;
        Ok(dropped)
    }
}
