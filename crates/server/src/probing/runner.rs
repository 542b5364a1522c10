//! The timetable, carried out: what is due is run, what was found is taken, kept, and shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use mailvane_model::Time;
use tokio::task::JoinSet;

use super::board::Board;
use super::run::{Hosts, Looked, run};
use super::settings::Plan;
use crate::schedule::timetable::{Due, Timetable};

/// Jobs that run at once.
const TOGETHER: usize = 4;
/// The timetable is looked at this often, at least: the clock may be set.
const LOOK: Duration = Duration::from_secs(30);
/// And not more often than this.
const REST: Duration = Duration::from_millis(50);

/// Carries out a plan.
pub(crate) struct Runner {
    plan: Arc<Plan>,
    board: Arc<Board>,
    table: Timetable,
    hosts: Arc<Hosts>,
}

fn clock() -> Time {
    Time::from_chrono(&chrono::Utc::now())
}

impl Runner {
    /// A plan as of now. What was due while nothing ran is made up for at once.
    pub(crate) fn new(plan: Plan, board: Arc<Board>, now: Time) -> Result<Self> {
        let mut jobs = Vec::new();
        for job in &plan.jobs {
            let last = board.last_run(&job.section.name)?;
            jobs.push((job.section.name.clone(), job.line.clone(), job.jitter, last));
        }
        let table = Timetable::new(jobs, TOGETHER, now);
        Ok(Runner { plan: Arc::new(plan), board, table, hosts: Arc::default() })
    }

    /// Runs until `stop`. What is under way then is broken off; it is due again after the next start.
    pub(crate) async fn run(mut self, stop: &AtomicBool) {
        let mut running: JoinSet<(Due, Time, Vec<Looked>)> = JoinSet::new();
        // A probe that never ran is not waited for until its time comes.
        let mut first: Vec<Due> = Vec::new();
        for job in self.board.never_ran() {
            first.extend(self.table.run_now(job, clock()));
        }
        for due in first {
            self.begin(due, &mut running);
        }
        while !stop.load(Ordering::Relaxed) {
            let now = clock();
            let mut due = self.table.due(now);
            for job in self.board.asked() {
                due.extend(self.table.run_now(job, now));
            }
            for due in due {
                self.begin(due, &mut running);
            }
            for job in 0..self.plan.jobs.len() {
                self.board.set_next(job, self.table.next_of(job));
            }
            let wait = self.table.next().map_or(LOOK, |next| Duration::from_micros(u64::try_from(next.0 - clock().0).unwrap_or(0)));
            tokio::select! {
                Some(ended) = running.join_next() => self.ended(ended),
                () = self.board.woken() => {}
                () = tokio::time::sleep(wait.clamp(REST, LOOK)) => {}
            }
        }
    }

    fn begin(&self, due: Due, running: &mut JoinSet<(Due, Time, Vec<Looked>)>) {
        let (plan, hosts) = (Arc::clone(&self.plan), Arc::clone(&self.hosts));
        let begun = clock();
        self.board.began(due.job, begun);
        running.spawn(async move {
            let looked = run(&plan.jobs[due.job], &plan.known, &hosts, clock).await;
            (due, begun, looked)
        });
    }

    fn ended(&mut self, ended: std::result::Result<(Due, Time, Vec<Looked>), tokio::task::JoinError>) {
        match ended {
            Ok((due, begun, looked)) => {
                self.table.ended(due.job);
                if let Err(error) = self.board.take(due.job, begun, due.missed, &looked) {
                    tracing::error!("the result of the probe {} could not be kept: {error}", self.plan.jobs[due.job].section.name);
                }
            }
            // A task that broke off is a fault of ours; its job is set free so that the next run can be.
            Err(error) => {
                tracing::error!("a probe broke off: {error}");
                for job in self.board.release_all() {
                    self.table.ended(job);
                }
            }
        }
    }
}
