//! Process ids: a daemon serves one client at a time, so lines of one process never belong to two sessions at once.

use mailvane_model::Time;

use crate::prng::Prng;

/// The programs whose lines the host writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The names are those of the programs.
pub(crate) enum Program {
    Smtpd,
    Submission,
    Reinjection,
    Cleanup,
    Qmgr,
    Smtp,
    Lmtp,
    Bounce,
    ErrorDaemon,
    Pickup,
    Postscreen,
    Dnsblog,
    Anvil,
    Scache,
    Master,
    TrivialRewrite,
    Amavis,
    OpenDkim,
    Dovecot,
}

/// The tag of each program, in the order of [`Program`].
const TAGS: [&str; 19] = [
    "postfix/smtpd",
    "postfix/submission/smtpd",
    "postfix/10025/smtpd",
    "postfix/cleanup",
    "postfix/qmgr",
    "postfix/smtp",
    "postfix/lmtp",
    "postfix/bounce",
    "postfix/error",
    "postfix/pickup",
    "postfix/postscreen",
    "postfix/dnsblog",
    "postfix/anvil",
    "postfix/scache",
    "postfix/master",
    "postfix/trivial-rewrite",
    "amavis",
    "opendkim",
    "dovecot",
];

/// After so many clients a process ends and another takes its place (`max_use`).
const MAX_USE: u32 = 100;
/// A daemon never has more processes than this; past it the one that is free first is used.
const MOST_PROCESSES: usize = 200;

impl Program {
    pub(crate) fn tag(self) -> &'static str {
        TAGS[self as usize]
    }

    /// Daemons of which there is one, whose process lives on.
    fn is_single(self) -> bool {
        matches!(
            self,
            Program::Qmgr
                | Program::Pickup
                | Program::Postscreen
                | Program::Anvil
                | Program::Scache
                | Program::Master
                | Program::TrivialRewrite
                | Program::OpenDkim
        )
    }
}

#[derive(Clone, Copy, Debug)]
struct Process {
    pid: u32,
    free_at: Time,
    uses: u32,
}

/// A process taken for one piece of work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) program: Program,
    pub(crate) pid: u32,
    index: usize,
}

impl Taken {
    /// A program that writes its lines without a process id.
    pub(crate) fn unnumbered(program: Program) -> Self {
        Taken { program, pid: 0, index: 0 }
    }
}

/// All processes of the host.
#[derive(Clone, Debug)]
pub(crate) struct Processes {
    pools: Vec<Vec<Process>>,
    next_pid: u32,
}

impl Processes {
    pub(crate) fn new(prng: &mut Prng) -> Self {
        Processes { pools: vec![Vec::new(); TAGS.len()], next_pid: 700 + prng.below(2000) as u32 }
    }

    fn fresh_pid(&mut self, prng: &mut Prng) -> u32 {
        self.next_pid += 1 + prng.below(9) as u32;
        if self.next_pid > 4_000_000 {
            self.next_pid = 700;
        }
        self.next_pid
    }

    /// A process that is free from `start` on. It stays taken until [`Processes::release`].
    pub(crate) fn take(&mut self, program: Program, start: Time, prng: &mut Prng) -> Taken {
        let pool = &self.pools[program as usize];
        let free = if program.is_single() && !pool.is_empty() { Some(0) } else { pool.iter().position(|process| process.free_at <= start) };
        let index = match free {
            Some(index) => index,
            None if pool.len() < MOST_PROCESSES => {
                let pid = self.fresh_pid(prng);
                let pool = &mut self.pools[program as usize];
                pool.push(Process { pid, free_at: start, uses: 0 });
                pool.len() - 1
            }
            None => (0..pool.len()).min_by_key(|index| pool[*index].free_at).unwrap_or_default(),
        };
        let worn_out = !program.is_single() && self.pools[program as usize][index].uses >= MAX_USE;
        if worn_out {
            let pid = self.fresh_pid(prng);
            self.pools[program as usize][index] = Process { pid, free_at: start, uses: 0 };
        }
        let process = &mut self.pools[program as usize][index];
        process.uses += 1;
        process.free_at = Time(i64::MAX);
        Taken { program, pid: process.pid, index }
    }

    /// The process is free again after `end`.
    pub(crate) fn release(&mut self, taken: Taken, end: Time) {
        self.pools[taken.program as usize][taken.index].free_at = end.plus(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_process_is_not_given_to_another_client() {
        let mut prng = Prng::new(1);
        let mut processes = Processes::new(&mut prng);
        let first = processes.take(Program::Smtpd, Time(10), &mut prng);
        processes.release(first, Time(20));
        let second = processes.take(Program::Smtpd, Time(15), &mut prng);
        assert_ne!(first.pid, second.pid);
        let third = processes.take(Program::Smtpd, Time(21), &mut prng);
        assert_eq!(first.pid, third.pid);
    }
}
