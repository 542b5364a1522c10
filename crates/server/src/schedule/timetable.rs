//! What is due: each job with its line, spread a little, never twice at once, only so many together; what was missed is made up for once.

use mailvane_model::{Time, hash};

use super::line::Line;

/// Most jobs; more are refused when the configuration is read.
pub(crate) const JOBS_LIMIT: usize = 1_000;
/// Missed times are counted up to this.
const MISSED_LIMIT: u64 = 10_000;

/// One job.
#[derive(Clone, Debug)]
struct Job {
    line: Line,
    /// Runs begin up to this much later, each job always by the same: so that not all begin at once.
    delay: i64,
    /// The time of the line that comes next, without the delay.
    next: Option<Time>,
    running: bool,
    /// Times that went by without a run.
    missed: u64,
}

/// A job that has to begin now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// Which.
    pub(crate) job: usize,
    /// The time of the line it is for.
    pub(crate) at: Time,
    /// Earlier times that this run makes up for.
    pub(crate) missed: u64,
}

/// All jobs.
#[derive(Clone, Debug)]
pub(crate) struct Timetable {
    jobs: Vec<Job>,
    together: usize,
}

impl Timetable {
    /// Jobs, of which at most `together` run at once. A job that ran before names when, so that what was missed since is seen.
    pub(crate) fn new(jobs: Vec<(String, Line, i64, Option<Time>)>, together: usize, now: Time) -> Self {
        let jobs = jobs.into_iter().map(|(name, line, jitter, last)| {
            let delay = if jitter > 0 { (hash::bytes(name.as_bytes()) % (jitter as u64 * 1_000_000 + 1)) as i64 } else { 0 };
            let next = line.after(last.filter(|last| *last < now).unwrap_or(now));
            Job { line, delay, next, running: false, missed: 0 }
        });
        Timetable { jobs: jobs.collect(), together: together.max(1) }
    }

    /// Times of a job that went by without a run.
    #[cfg(test)]
    pub(crate) fn missed_of(&self, job: usize) -> u64 {
        self.jobs[job].missed
    }

    /// When a job begins next.
    pub(crate) fn next_of(&self, job: usize) -> Option<Time> {
        let job = &self.jobs[job];
        job.next.map(|next| Time(next.0 + job.delay))
    }

    /// When something is due next, as far as it is not running.
    pub(crate) fn next(&self) -> Option<Time> {
        if self.running() >= self.together {
            return None;
        }
        (0..self.jobs.len()).filter(|job| !self.jobs[*job].running).filter_map(|job| self.next_of(job)).min()
    }

    fn running(&self) -> usize {
        self.jobs.iter().filter(|job| job.running).count()
    }

    /// What begins now, the longest due first. Each of them runs until [`Timetable::ended`].
    pub(crate) fn due(&mut self, now: Time) -> Vec<Due> {
        let mut waiting: Vec<(Time, usize)> = (0..self.jobs.len())
            .filter(|job| !self.jobs[*job].running)
            .filter_map(|job| self.next_of(job).map(|time| (time, job)))
            .filter(|(time, _)| *time <= now)
            .collect();
        waiting.sort_unstable();
        let room = self.together - self.running().min(self.together);
        waiting.into_iter().take(room).filter_map(|(_, job)| self.begin(job, now)).collect()
    }

    /// Begins a job out of turn; `None` when it runs already.
    pub(crate) fn run_now(&mut self, job: usize, now: Time) -> Option<Due> {
        let job_of = self.jobs.get_mut(job).filter(|job| !job.running)?;
        job_of.running = true;
        Some(Due { job, at: now, missed: 0 })
    }

    fn begin(&mut self, job: usize, now: Time) -> Option<Due> {
        let of = &mut self.jobs[job];
        let first = of.next?;
        let (mut at, mut missed) = (first, 0);
        // The last of all times that have come is the one that is run; the others were missed.
        while let Some(next) = of.line.after(at).filter(|next| next.0 + of.delay <= now.0 && missed < MISSED_LIMIT) {
            at = next;
            missed += 1;
        }
        of.next = of.line.after(if missed == MISSED_LIMIT { now } else { at });
        of.running = true;
        of.missed += missed;
        Some(Due { job, at, missed })
    }

    /// A job has ended.
    pub(crate) fn ended(&mut self, job: usize) {
        if let Some(job) = self.jobs.get_mut(job) {
            job.running = false;
        }
    }
}
