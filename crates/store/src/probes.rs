//! What the probes keep: what stands, every change of it, and the runs. A file of its own, as bytes under keys: what they mean is known
//! to whoever keeps them.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mailvane_model::Time;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::error::Result;

/// The version of the file. A higher one is refused.
const FORMAT: i64 = 1;
/// Changes that are kept, at most: the oldest leave first.
const CHANGES: i64 = 100_000;
/// Runs of one job that are kept, at most: at one each quarter of an hour, three weeks.
const RUNS: i64 = 2_000;

const SCHEMA: &str = "
CREATE TABLE finding (job TEXT NOT NULL, scope TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (job, scope, key)) WITHOUT ROWID;
CREATE TABLE change (id INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, scope TEXT NOT NULL, time INTEGER NOT NULL, value BLOB NOT NULL);
CREATE INDEX change_time ON change (job, time);
CREATE TABLE run (job TEXT NOT NULL, time INTEGER NOT NULL, value BLOB NOT NULL, PRIMARY KEY (job, time)) WITHOUT ROWID;
";

/// The file, open for reading and writing.
#[derive(Debug)]
pub struct Probes {
    connection: Mutex<Connection>,
}

/// A finding under its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFinding {
    /// The probe.
    pub job: String,
    /// The domain or server of the probe.
    pub scope: String,
    /// What tells it from the others of its scope.
    pub key: String,
    /// Everything, in the words of whoever keeps it.
    pub value: Vec<u8>,
}

/// A change of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptChange {
    /// The probe.
    pub job: String,
    /// The domain or server of the probe.
    pub scope: String,
    /// When it was.
    pub time: Time,
    /// Everything, in the words of whoever keeps it.
    pub value: Vec<u8>,
}

/// What one run changed: all of it is kept, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeChanges {
    /// What stands now: later ones replace earlier ones of the same key.
    pub findings: Vec<KeptFinding>,
    /// What is forgotten: job, scope and key.
    pub forgotten: Vec<(String, String, String)>,
    /// What there is to tell.
    pub changes: Vec<KeptChange>,
    /// The run itself: job, when it began, and what it was.
    pub run: Option<(String, Time, Vec<u8>)>,
}

impl Probes {
    /// Opens the file in the folder of a store, and makes both when there are none.
    pub fn open(folder: &Path) -> Result<Self> {
        let connection = crate::private::database(folder, "probes.db", SCHEMA, FORMAT)?;
        Ok(Probes { connection: Mutex::new(connection) })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what a run changed. On return it survives a crash.
    pub fn keep(&self, changes: &ProbeChanges) -> Result<()> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for finding in &changes.findings {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO finding (job, scope, key, value) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![finding.job, finding.scope, finding.key, finding.value])?;
        }
        for (job, scope, key) in &changes.forgotten {
            transaction
                .prepare_cached("DELETE FROM finding WHERE job = ?1 AND scope = ?2 AND key = ?3")?
                .execute(params![job, scope, key])?;
        }
        for change in &changes.changes {
            transaction.prepare_cached("INSERT INTO change (job, scope, time, value) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                change.job,
                change.scope,
                change.time.0,
                change.value
            ])?;
        }
        if !changes.changes.is_empty() {
            transaction.execute("DELETE FROM change WHERE id <= (SELECT max(id) FROM change) - ?1", [CHANGES])?;
        }
        if let Some((job, time, value)) = &changes.run {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO run (job, time, value) VALUES (?1, ?2, ?3)")?
                .execute(params![job, time.0, value])?;
            transaction
                .prepare_cached(
                    "DELETE FROM run WHERE job = ?1 AND time < (SELECT time FROM run WHERE job = ?1 ORDER BY time DESC LIMIT 1 OFFSET ?2)",
                )?
                .execute(params![job, RUNS - 1])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Everything that stands.
    pub fn findings(&self) -> Result<Vec<KeptFinding>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT job, scope, key, value FROM finding ORDER BY job, scope, key")?;
        let rows = statement
            .query_map([], |row| Ok(KeptFinding { job: row.get(0)?, scope: row.get(1)?, key: row.get(2)?, value: row.get(3)? }))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The changes of a job within a time (`since` left out, `until` within), the latest first, `limit` at most. Without a job, of all.
    pub fn changes(&self, job: Option<&str>, since: Time, until: Time, limit: usize) -> Result<Vec<KeptChange>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT job, scope, time, value FROM change WHERE (?1 IS NULL OR job = ?1) AND time > ?2 AND time <= ?3 ORDER BY time DESC, id DESC LIMIT ?4",
        )?;
        let rows = statement.query_map(params![job, since.0, until.0, limit as i64], |row| {
            Ok(KeptChange { job: row.get(0)?, scope: row.get(1)?, time: Time(row.get(2)?), value: row.get(3)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The runs of a job within a time, the latest first, `limit` at most.
    pub fn runs(&self, job: &str, since: Time, until: Time, limit: usize) -> Result<Vec<(Time, Vec<u8>)>> {
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached("SELECT time, value FROM run WHERE job = ?1 AND time >= ?2 AND time <= ?3 ORDER BY time DESC LIMIT ?4")?;
        let rows = statement.query_map(params![job, since.0, until.0, limit as i64], |row| Ok((Time(row.get(0)?), row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(key: &str, value: &str) -> KeptFinding {
        KeptFinding { job: "dns".into(), scope: "example.com".into(), key: key.into(), value: value.as_bytes().to_vec() }
    }

    fn change(time: i64, value: &str) -> KeptChange {
        KeptChange { job: "dns".into(), scope: "example.com".into(), time: Time(time), value: value.as_bytes().to_vec() }
    }

    #[test]
    fn what_a_run_changed_is_there_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let probes = Probes::open(folder.path()).expect("opens");
        let first = ProbeChanges {
            findings: vec![finding("spf", "one"), finding("mx", "one")],
            changes: vec![change(10, "first")],
            run: Some(("dns".into(), Time(5), b"run".to_vec())),
            ..ProbeChanges::default()
        };
        probes.keep(&first).expect("kept");
        let second = ProbeChanges {
            findings: vec![finding("spf", "two")],
            forgotten: vec![("dns".into(), "example.com".into(), "mx".into())],
            changes: vec![change(20, "second")],
            ..ProbeChanges::default()
        };
        probes.keep(&second).expect("kept");
        drop(probes);
        let probes = Probes::open(folder.path()).expect("opens again");
        assert_eq!(probes.findings().expect("read"), [finding("spf", "two")]);
        assert_eq!(probes.changes(Some("dns"), Time(0), Time(99), 10).expect("read"), [change(20, "second"), change(10, "first")]);
        assert_eq!(probes.changes(None, Time(10), Time(20), 10).expect("read"), [change(20, "second")]);
        assert!(probes.changes(Some("smtp"), Time(0), Time(99), 10).expect("read").is_empty());
        assert_eq!(probes.runs("dns", Time(0), Time(99), 10).expect("read"), [(Time(5), b"run".to_vec())]);
    }

    #[test]
    fn old_runs_leave() {
        let folder = tempfile::tempdir().expect("a folder");
        let probes = Probes::open(folder.path()).expect("opens");
        for time in 0..3 {
            probes.lock().execute("INSERT INTO run (job, time, value) VALUES ('dns', ?1, x'')", [time]).expect("written");
        }
        let many = (0..RUNS).map(|time| format!("('smtp', {time}, x'')")).collect::<Vec<_>>().join(",");
        probes.lock().execute_batch(&format!("INSERT INTO run (job, time, value) VALUES {many}")).expect("written");
        probes.keep(&ProbeChanges { run: Some(("smtp".into(), Time(RUNS), Vec::new())), ..ProbeChanges::default() }).expect("kept");
        let kept = probes.runs("smtp", Time(0), Time(i64::MAX), 10_000).expect("read");
        assert_eq!((kept.len() as i64, kept.last().map(|run| run.0)), (RUNS, Some(Time(1))));
        assert_eq!(probes.runs("dns", Time(0), Time(i64::MAX), 10).expect("read").len(), 3);
    }
}
