//! Inbound connections and outgoing TLS, known by process.

use ahash::AHashMap;

use mailvane_model::Time;
use mailvane_model::word::Stage;

use crate::life::LifeRef;

/// A connection that a server process has open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    pub(crate) client_name: String,
    pub(crate) client_ip: String,
    pub(crate) tls: String,
    pub(crate) since: Time,
    pub(crate) lost_after: Stage,
    pub(crate) messages: u32,
    /// Whether a login was told.
    pub(crate) authenticated: bool,
    /// The name of that login, where the lines of its messages do not repeat it.
    pub(crate) user: String,
    /// The message opened last.
    pub(crate) life: Option<LifeRef>,
    /// Whether it changed since the changes were taken, and whether it stands in the stored state.
    pub(crate) dirty: bool,
    pub(crate) stored: bool,
}

/// What TLS an outgoing connection has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) ip: Vec<u8>,
    pub(crate) version: String,
    pub(crate) cipher: String,
    pub(crate) verification: String,
    pub(crate) since: Time,
    /// The port that the connection goes to, where a line of its own says so; else 0.
    pub(crate) port: u16,
    /// The queue id of the message that used it last; a new connection without a line of its own has no TLS.
    pub(crate) used_by: Option<u64>,
    /// Whether it changed since the changes were taken, and whether it stands in the stored state.
    pub(crate) dirty: bool,
    pub(crate) stored: bool,
}

/// A process of a stream.
pub(crate) type Process = (u32, u32);

/// Connections by process.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: AHashMap<Process, Session>,
    tls: AHashMap<Process, Tls>,
    /// Sessions that ended, to use their room again.
    spare: Vec<Session>,
    /// Stored ones that ended since the changes were taken.
    pub(crate) gone: Vec<Process>,
    pub(crate) gone_tls: Vec<Process>,
}

/// How many ended sessions keep their room.
const SPARE: usize = 64;

impl Sessions {
    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Opens a session; one that the process still had is dropped. False when the limit was hit and another one had to go.
    pub(crate) fn open(&mut self, process: Process, limit: usize, name: &str, ip: &str, since: Time) -> bool {
        let within = self.open.len() < limit || self.open.contains_key(&process);
        if !within {
            let oldest = self.open.iter().min_by_key(|(process, session)| (session.since, **process)).map(|(process, _)| *process);
            if let Some(oldest) = oldest {
                self.close(oldest);
            }
        }
        let mut session = self.spare.pop().unwrap_or_default();
        session.client_name.clear();
        session.client_name.push_str(name);
        session.client_ip.clear();
        session.client_ip.push_str(ip);
        session.tls.clear();
        session.since = since;
        session.lost_after = Stage::Unknown;
        session.messages = 0;
        session.authenticated = false;
        session.user.clear();
        session.life = None;
        session.dirty = true;
        session.stored = false;
        if let Some(former) = self.open.insert(process, session) {
            if former.stored {
                self.gone.push(process);
            }
            self.keep(former);
        }
        within
    }

    /// The open session of a process.
    #[inline]
    pub(crate) fn get_mut(&mut self, process: Process) -> Option<&mut Session> {
        let session = self.open.get_mut(&process)?;
        session.dirty = true;
        Some(session)
    }

    /// The open session of a process.
    #[inline]
    pub(crate) fn get(&self, process: Process) -> Option<&Session> {
        self.open.get(&process)
    }

    /// Ends the session of a process.
    #[inline]
    pub(crate) fn close(&mut self, process: Process) -> Option<Session> {
        let session = self.open.remove(&process)?;
        if session.stored {
            self.gone.push(process);
        }
        Some(session)
    }

    /// Gives the room of an ended session back.
    #[inline]
    pub(crate) fn keep(&mut self, session: Session) {
        if self.spare.len() < SPARE {
            self.spare.push(session);
        }
    }

    /// An outgoing connection got TLS: the entry of its process, to be filled. False when the limit was hit and others had to go.
    pub(crate) fn begin_tls(&mut self, process: Process, limit: usize) -> (&mut Tls, bool) {
        let within = self.tls.len() < limit || self.tls.contains_key(&process);
        if !within {
            self.forget_tls(|_| false);
        }
        let tls = self.tls.entry(process).or_default();
        tls.ip.clear();
        tls.version.clear();
        tls.cipher.clear();
        tls.verification.clear();
        tls.used_by = None;
        tls.dirty = true;
        (tls, within)
    }

    /// An outgoing connection is made to a port. False when the limit was hit and others had to go.
    pub(crate) fn connect_out(&mut self, process: Process, limit: usize, port: u16, since: Time) -> bool {
        let (tls, within) = self.begin_tls(process, limit);
        (tls.port, tls.since) = (port, since);
        within
    }

    fn forget_tls(&mut self, keep: impl Fn(&Tls) -> bool) {
        let gone = &mut self.gone_tls;
        self.tls.retain(|process, tls| {
            let keeps = keep(tls);
            if !keeps && tls.stored {
                gone.push(*process);
            }
            keeps
        });
    }

    /// Whether a delivery by a process to an address goes over the connection whose TLS is known; it is that message's then.
    pub(crate) fn use_tls(&mut self, process: Process, ip: &[u8], life: u64, reused: bool) -> bool {
        let Some(tls) = self.tls.get_mut(&process) else { return false };
        if tls.ip != ip || !reused && tls.used_by.is_some_and(|by| by != life) {
            return false;
        }
        tls.dirty |= tls.used_by != Some(life);
        tls.used_by = Some(life);
        true
    }

    /// The TLS of a process, to be changed.
    pub(crate) fn tls_mut(&mut self, process: Process) -> Option<&mut Tls> {
        let tls = self.tls.get_mut(&process)?;
        tls.dirty = true;
        Some(tls)
    }

    /// The TLS of a process.
    pub(crate) fn tls(&self, process: Process) -> Option<&Tls> {
        self.tls.get(&process)
    }

    /// Forgets what began before `limit` and never ended.
    pub(crate) fn sweep(&mut self, limit: Time) {
        let gone = &mut self.gone;
        self.open.retain(|process, session| {
            let keeps = session.since >= limit;
            if !keeps && session.stored {
                gone.push(*process);
            }
            keeps
        });
        self.forget_tls(|tls| tls.since >= limit);
    }

    /// Forgets the outgoing TLS of a process (it went on without).
    pub(crate) fn drop_tls(&mut self, process: Process) {
        if self.tls.remove(&process).is_some_and(|tls| tls.stored) {
            self.gone_tls.push(process);
        }
    }

    /// Hands over the sessions that changed, each once.
    pub(crate) fn each_dirty(&mut self, mut take: impl FnMut(Process, &Session)) {
        for (process, session) in self.open.iter_mut().filter(|(_, session)| session.dirty) {
            (session.dirty, session.stored) = (false, true);
            take(*process, session);
        }
    }

    /// Hands over the TLS that changed, each once.
    pub(crate) fn each_dirty_tls(&mut self, mut take: impl FnMut(Process, &Tls)) {
        for (process, tls) in self.tls.iter_mut().filter(|(_, tls)| tls.dirty) {
            (tls.dirty, tls.stored) = (false, true);
            take(*process, tls);
        }
    }

    /// Puts a restored session in its place.
    pub(crate) fn put(&mut self, process: Process, session: Session) {
        self.open.insert(process, session);
    }

    /// Puts restored TLS in its place.
    pub(crate) fn put_tls(&mut self, process: Process, tls: Tls) {
        self.tls.insert(process, tls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_belongs_to_the_connection_that_it_was_made_for() {
        let mut sessions = Sessions::default();
        sessions.begin_tls((0, 7), 10).0.ip.extend_from_slice(b"192.0.2.1");
        assert!(!sessions.use_tls((0, 7), b"192.0.2.2", 1, false));
        assert!(sessions.use_tls((0, 7), b"192.0.2.1", 1, false));
        assert!(sessions.use_tls((0, 7), b"192.0.2.1", 1, false));
        assert!(sessions.use_tls((0, 7), b"192.0.2.1", 2, true));
        assert!(!sessions.use_tls((0, 7), b"192.0.2.1", 3, false));
    }

    #[test]
    fn the_oldest_session_goes_when_there_are_too_many() {
        let mut sessions = Sessions::default();
        assert!(sessions.open((0, 1), 2, "a", "192.0.2.1", Time(1)));
        assert!(sessions.open((0, 2), 2, "b", "192.0.2.2", Time(2)));
        assert!(!sessions.open((0, 3), 2, "c", "192.0.2.3", Time(3)));
        assert!(sessions.get((0, 1)).is_none());
        assert!(sessions.get((0, 3)).is_some());
    }
}
