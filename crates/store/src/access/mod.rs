//! Who may look at a store: users, sessions, tokens and what was done, as plain rows in a file of their own.
//!
//! The file is not under the lock of the store: the command line changes it while the daemon runs, and the daemon sees each change
//! with the next request. What the rows mean (roles, lifetimes, what a password must be) is decided by whoever asks. Secrets come here
//! hashed; the file can be read by its owner alone.

mod audit;
mod session;
mod token;
mod user;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::private;

pub use audit::{AuditRow, Deed};
pub use session::{SESSIONS_OF_A_USER, SessionRow};
pub use token::{NewToken, TokenRow};
pub use user::{NewUser, UserRow};

/// The version of the file. A higher one is refused.
const FORMAT: i64 = 1;
/// How long one process waits for another that writes.
const WAIT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
CREATE TABLE user (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, role TEXT NOT NULL, password TEXT NOT NULL,
    domains TEXT NOT NULL, totp BLOB, totp_step INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL, seen INTEGER);
CREATE TABLE recovery (user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE, hash BLOB NOT NULL, PRIMARY KEY (user, hash)) WITHOUT ROWID;
CREATE TABLE session (id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    created INTEGER NOT NULL, seen INTEGER NOT NULL, address TEXT NOT NULL, agent TEXT NOT NULL);
CREATE INDEX session_user ON session (user);
CREATE TABLE token (id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    name TEXT NOT NULL, prefix TEXT NOT NULL, scopes TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER, seen INTEGER);
CREATE INDEX token_user ON token (user);
CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, who TEXT NOT NULL, address TEXT NOT NULL, action TEXT NOT NULL,
    detail TEXT NOT NULL);
";

/// The file, open for reading and writing. Cheap calls: each is one small statement.
#[derive(Debug)]
pub struct Access {
    // A reader never waits for a writer, so that a look at a session does not wait for the disk.
    reader: Mutex<Connection>,
    writer: Mutex<Connection>,
}

impl Access {
    /// Opens the file in the folder of a store, and makes both when there are none.
    pub fn open(folder: &Path) -> Result<Self> {
        private::folder(folder)?;
        let path = folder.join("access.db");
        private::make(folder, &path)?;
        let writer = connect(&path)?;
        let found: i64 = writer.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match found {
            0 => begin(&writer)?,
            FORMAT => {}
            _ => return Err(Error::Version { found, known: FORMAT }),
        }
        Ok(Access { reader: Mutex::new(connect(&path)?), writer: Mutex::new(writer) })
    }

    fn read(&self) -> MutexGuard<'_, Connection> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // What is deleted (sessions, users) is gone from the file too.
    connection.pragma_update(None, "secure_delete", "ON")?;
    Ok(connection)
}

/// Two processes may both find an empty file: the second sees the tables of the first.
fn begin(connection: &Connection) -> Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let made = if found == 0 { connection.execute_batch(&format!("{SCHEMA} PRAGMA user_version = {FORMAT};")) } else { Ok(()) };
    connection.execute_batch(if made.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    Ok(made?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use mailvane_model::Time;

    fn access() -> (tempfile::TempDir, Access) {
        let folder = tempfile::tempdir().expect("a folder");
        let access = Access::open(folder.path()).expect("opens");
        (folder, access)
    }

    fn user(access: &Access, name: &str, role: &str) -> i64 {
        let new = NewUser { name, role, password: "hash", domains: &["example.com".into()], created: Time(5) };
        access.add_user(&new).expect("written").expect("a free name")
    }

    #[test]
    fn only_its_owner_can_read_the_file() {
        let (folder, _access) = access();
        let mode = std::fs::metadata(folder.path().join("access.db")).expect("is there").mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_second_process_sees_what_the_first_wrote() {
        let (folder, access) = access();
        let other = Access::open(folder.path()).expect("opens again");
        let id = user(&access, "ann", "viewer");
        assert_eq!(other.user("ann").expect("read").map(|user| (user.id, user.domains)), Some((id, vec!["example.com".to_owned()])));
        let again = NewUser { name: "ann", role: "viewer", password: "", domains: &[], created: Time(6) };
        assert_eq!(other.add_user(&again).expect("read"), None, "a name is there once");
    }

    #[test]
    fn the_last_of_a_role_stays() {
        let (_folder, access) = access();
        let (ann, bob) = (user(&access, "ann", "administrator"), user(&access, "bob", "viewer"));
        assert!(!access.remove_user(ann, "administrator").expect("written"));
        assert!(!access.set_role(ann, "viewer", &[], "administrator").expect("written"));
        assert!(access.set_role(bob, "administrator", &[], "administrator").expect("written"));
        assert!(access.remove_user(ann, "administrator").expect("written"));
        assert!(!access.remove_user(bob, "administrator").expect("written"));
        assert_eq!(access.count_role("administrator").expect("read"), 1);
    }

    #[test]
    fn with_a_user_go_sessions_and_tokens() {
        let (_folder, access) = access();
        let (ann, bob) = (user(&access, "ann", "viewer"), user(&access, "bob", "administrator"));
        for (hash, of) in [(b"s1", ann), (b"s2", bob)] {
            access.add_session(hash, of, Time(10), "192.0.2.1", "browser").expect("written");
        }
        let token = NewToken { user: ann, hash: b"t1", name: "script", prefix: "mv_abc", scopes: "read", created: Time(1), expires: None };
        access.add_token(&token).expect("written");
        assert_eq!(access.token(b"t1").expect("read").map(|(token, user)| (token.name, user.name)), Some(("script".into(), "ann".into())));
        assert!(access.remove_user(ann, "administrator").expect("written"));
        assert!(access.session(b"s1").expect("read").is_none());
        assert!(access.token(b"t1").expect("read").is_none());
        assert_eq!(access.session(b"s2").expect("read").map(|(_, user)| user.name), Some("bob".to_owned()));
    }

    #[test]
    fn sessions_end_by_age_by_silence_and_by_number() {
        let (_folder, access) = access();
        let ann = user(&access, "ann", "viewer");
        for index in 0..=SESSIONS_OF_A_USER as i64 {
            access.add_session(&index.to_be_bytes(), ann, Time(index), "", "").expect("written");
        }
        assert_eq!(access.sessions(Some(ann)).expect("read").len(), SESSIONS_OF_A_USER);
        assert!(access.session(&0_i64.to_be_bytes()).expect("read").is_none(), "the oldest went");
        access.see_session(&5_i64.to_be_bytes(), Time(900)).expect("written");
        access.end_sessions_before(Time(3), Time(800)).expect("written");
        assert_eq!(access.sessions(None).expect("read").len(), 1);
        assert_eq!(access.end_sessions_of(ann, Some(&5_i64.to_be_bytes())).expect("written"), 0);
        assert_eq!(access.end_sessions_of(ann, None).expect("written"), 1);
    }

    #[test]
    fn a_step_and_a_recovery_code_count_once() {
        let (_folder, access) = access();
        let ann = user(&access, "ann", "viewer");
        access.set_totp(ann, Some(b"secret"), &[b"one".to_vec(), b"two".to_vec()]).expect("written");
        assert!(access.take_step(ann, 7).expect("written"));
        assert!(!access.take_step(ann, 7).expect("written"));
        assert!(!access.take_step(ann, 6).expect("written"));
        assert!(access.take_recovery(ann, b"one").expect("written"));
        assert!(!access.take_recovery(ann, b"one").expect("written"));
        assert_eq!(access.recovery_left(ann).expect("read"), 1);
        access.set_totp(ann, None, &[]).expect("written");
        assert!(!access.take_recovery(ann, b"two").expect("written"));
    }

    #[test]
    fn deeds_are_read_newest_first_and_dropped_when_old() {
        let (_folder, access) = access();
        for time in 1..=10 {
            let deed = Deed { time: Time(time), who: "ann", address: "192.0.2.1", action: "search", detail: "joe" };
            access.note(&deed).expect("written");
        }
        let page = access.deeds(None, None, 4).expect("read");
        assert_eq!(page.iter().map(|row| row.time.0).collect::<Vec<_>>(), [10, 9, 8, 7]);
        let next = access.deeds(page.last().map(|row| row.id), Some("ann"), 4).expect("read");
        assert_eq!(next.iter().map(|row| row.time.0).collect::<Vec<_>>(), [6, 5, 4, 3]);
        assert!(access.deeds(None, Some("bob"), 4).expect("read").is_empty());
        access.forget_deeds(Time(3), 5).expect("written");
        assert_eq!(access.deeds(None, None, 100).expect("read").len(), 5);
    }
}
