//! What the alerts keep: the state of their engine, the history of incidents, the outbox of notices, and orders from the command line. A file
//! of its own, as bytes under keys: what they mean is known to whoever keeps them.
//!
//! The file is not under the lock of the store: the command line leaves its orders (silences, acknowledgements) while the daemon runs, and
//! the daemon carries them out.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mailvane_model::Time;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::error::Result;

/// The version of the file. A higher one is refused.
const FORMAT: i64 = 1;
/// Incidents that are kept, at most: the oldest leave first.
const INCIDENTS: i64 = 50_000;
/// Orders that wait, at most.
const ORDERS: i64 = 1_000;

const SCHEMA: &str = "
CREATE TABLE engine (name TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE incident (id TEXT PRIMARY KEY, began INTEGER NOT NULL, ended INTEGER, value BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX incident_began ON incident (began);
CREATE TABLE delivery (id TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE work (id INTEGER PRIMARY KEY AUTOINCREMENT, value BLOB NOT NULL);
";

/// The file, open for reading and writing.
#[derive(Debug)]
pub struct Alerts {
    connection: Mutex<Connection>,
}

/// A row of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptIncident {
    /// Its id.
    pub id: String,
    /// When it began.
    pub began: Time,
    /// When it ended.
    pub ended: Option<Time>,
    /// Everything, in the words of whoever keeps it.
    pub value: Vec<u8>,
}

/// What changes together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertChanges {
    /// The state of the engine, when it is to be kept.
    pub state: Option<Vec<u8>>,
    /// Incidents, by id: later ones replace earlier ones.
    pub incidents: Vec<KeptIncident>,
    /// Notices by id: `None` to forget.
    pub deliveries: Vec<(String, Option<Vec<u8>>)>,
    /// Orders that were carried out.
    pub done: Vec<i64>,
    /// The last report on a schedule, when there is a new one.
    pub report: Option<Vec<u8>>,
}

impl AlertChanges {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.state.is_none() && self.incidents.is_empty() && self.deliveries.is_empty() && self.done.is_empty() && self.report.is_none()
    }
}

impl Alerts {
    /// Opens the file in the folder of a store, and makes both when there are none.
    pub fn open(folder: &Path) -> Result<Self> {
        // A notice is kept before it is sent: also when the power fails.
        let connection = crate::private::database(folder, "alerts.db", SCHEMA, FORMAT)?;
        Ok(Alerts { connection: Mutex::new(connection) })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps changes: all of them or none. On return they survive a crash.
    pub fn keep(&self, changes: &AlertChanges) -> Result<()> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(state) = &changes.state {
            transaction.prepare_cached("INSERT OR REPLACE INTO engine (name, state) VALUES ('engine', ?1)")?.execute([state])?;
        }
        if let Some(report) = &changes.report {
            transaction.prepare_cached("INSERT OR REPLACE INTO engine (name, state) VALUES ('report', ?1)")?.execute([report])?;
        }
        for incident in &changes.incidents {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO incident (id, began, ended, value) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![incident.id, incident.began.0, incident.ended.map(|ended| ended.0), incident.value])?;
        }
        if !changes.incidents.is_empty() {
            transaction.execute(
                "DELETE FROM incident WHERE id IN (SELECT id FROM incident ORDER BY began DESC LIMIT -1 OFFSET ?1)",
                [INCIDENTS],
            )?;
        }
        for (id, value) in &changes.deliveries {
            match value {
                Some(value) => transaction
                    .prepare_cached("INSERT OR REPLACE INTO delivery (id, value) VALUES (?1, ?2)")?
                    .execute(params![id, value])?,
                None => transaction.prepare_cached("DELETE FROM delivery WHERE id = ?1")?.execute([id])?,
            };
        }
        for id in &changes.done {
            transaction.prepare_cached("DELETE FROM work WHERE id = ?1")?.execute([id])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// The state of the engine.
    pub fn state(&self) -> Result<Option<Vec<u8>>> {
        Ok(self.lock().prepare_cached("SELECT state FROM engine WHERE name = 'engine'")?.query_row([], |row| row.get(0)).optional()?)
    }

    /// The last report on a schedule.
    pub fn report(&self) -> Result<Option<Vec<u8>>> {
        Ok(self.lock().prepare_cached("SELECT state FROM engine WHERE name = 'report'")?.query_row([], |row| row.get(0)).optional()?)
    }

    /// Incidents that touch a time, the latest first, `limit` at most.
    pub fn incidents(&self, since: Time, until: Time, limit: usize) -> Result<Vec<KeptIncident>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT id, began, ended, value FROM incident WHERE began < ?2 AND (ended IS NULL OR ended >= ?1) ORDER BY began DESC, id LIMIT ?3",
        )?;
        let rows = statement.query_map(params![since.0, until.0, limit as i64], |row| {
            Ok(KeptIncident {
                id: row.get(0)?,
                began: Time(row.get(1)?),
                ended: row.get::<_, Option<i64>>(2)?.map(Time),
                value: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Every notice that is remembered.
    pub fn deliveries(&self) -> Result<Vec<Vec<u8>>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT value FROM delivery ORDER BY id")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Leaves an order. Whether there was room for it.
    pub fn order(&self, value: &[u8]) -> Result<bool> {
        let added =
            self.lock().execute("INSERT INTO work (value) SELECT ?1 WHERE (SELECT count(*) FROM work) < ?2", params![value, ORDERS])?;
        Ok(added > 0)
    }

    /// The orders that wait, the oldest first.
    pub fn orders(&self) -> Result<Vec<(i64, Vec<u8>)>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT id, value FROM work ORDER BY id")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(id: &str, began: i64, ended: Option<i64>) -> KeptIncident {
        KeptIncident { id: id.into(), began: Time(began), ended: ended.map(Time), value: id.as_bytes().to_vec() }
    }

    #[test]
    fn what_is_kept_together_is_there_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let alerts = Alerts::open(folder.path()).expect("opens");
        assert_eq!(alerts.state().expect("read"), None);
        let changes = AlertChanges {
            state: Some(b"state".to_vec()),
            incidents: vec![incident("a", 10, None), incident("b", 20, Some(30))],
            deliveries: vec![("n1".into(), Some(b"one".to_vec())), ("n2".into(), Some(b"two".to_vec()))],
            done: Vec::new(),
            report: Some(b"report".to_vec()),
        };
        alerts.keep(&changes).expect("kept");
        alerts
            .keep(&AlertChanges {
                deliveries: vec![("n1".into(), None)],
                incidents: vec![incident("a", 10, Some(15))],
                ..Default::default()
            })
            .expect("kept");
        drop(alerts);
        let alerts = Alerts::open(folder.path()).expect("opens again");
        assert_eq!(alerts.state().expect("read").as_deref(), Some(b"state".as_slice()));
        assert_eq!(alerts.report().expect("read").as_deref(), Some(b"report".as_slice()));
        assert_eq!(alerts.deliveries().expect("read"), [b"two".to_vec()]);
        let all = alerts.incidents(Time(0), Time(100), 10).expect("read");
        assert_eq!(all, [incident("b", 20, Some(30)), incident("a", 10, Some(15))]);
        assert_eq!(alerts.incidents(Time(16), Time(100), 10).expect("read").len(), 1);
    }

    #[test]
    fn orders_wait_until_they_are_carried_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let (daemon, command) = (Alerts::open(folder.path()).expect("opens"), Alerts::open(folder.path()).expect("opens"));
        assert!(command.order(b"silence").expect("left") && command.order(b"acknowledge").expect("left"));
        let orders = daemon.orders().expect("read");
        assert_eq!(orders.iter().map(|order| order.1.as_slice()).collect::<Vec<_>>(), [b"silence".as_slice(), b"acknowledge"]);
        daemon.keep(&AlertChanges { done: vec![orders[0].0], ..AlertChanges::default() }).expect("kept");
        assert_eq!(daemon.orders().expect("read").len(), 1);
    }
}
