//! The thread that owns the store: it commits one batch while the next one is assembled, keeps house, and shows the result.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mailvane_ingest::FileState;
use mailvane_model::Time;
use mailvane_store::{Commit, Disk, Merged, Snapshot, Store};

use super::import::Target;
use super::rejudging::Rejudging;
use super::view::{Shared, View};

/// Jobs that wait: one, so that at most two batches are in memory.
const WAITING_JOBS: usize = 1;
/// How often house is kept while nothing is committed.
const UPKEEP_EVERY: Duration = Duration::from_millis(250);
/// How long after a failed commit it is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// Makes a view of the store as it is after a commit. Gets the snapshot, and the number of the view.
pub(crate) type Draft = Box<dyn FnOnce(Snapshot, u64) -> View + Send>;

/// What the thread is asked for.
struct Job {
    /// What to commit, if anything.
    commit: Option<Commit>,
    /// How far each file is read with it.
    files: Vec<FileState>,
    /// The view to show then; without one the last view shows the store as it is then.
    draft: Option<Draft>,
    /// Who waits for the commit.
    done: SyncSender<Done>,
}

/// What was committed.
#[derive(Debug)]
pub(crate) struct Done {
    /// How far each file is committed.
    pub(crate) files: Vec<FileState>,
    /// What the commit took.
    pub(crate) took: Duration,
}

/// The handle of the thread.
pub(crate) struct Committer {
    jobs: Option<SyncSender<Job>>,
    outbox: SyncSender<Done>,
    done: Receiver<Done>,
    closing: Arc<AtomicBool>,
    caught_up: Arc<AtomicBool>,
    /// Commits that were sent and are not done.
    open: usize,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread. When `stop` is set, a commit that fails is not tried for ever.
    pub(crate) fn start(store: Disk, rejudging: Option<Rejudging>, shared: Arc<Shared>, stop: Arc<AtomicBool>) -> Result<Self> {
        let (jobs, inbox) = sync_channel(WAITING_JOBS);
        let (outbox, done) = sync_channel(WAITING_JOBS + 2);
        let (closing, caught_up) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let keeper = Keeper {
            store,
            rejudging,
            shared,
            stop,
            closing: Arc::clone(&closing),
            caught_up: Arc::clone(&caught_up),
            last: None,
            revision: 0,
            merging: None,
        };
        let thread = std::thread::Builder::new()
            .name("commit".to_owned())
            .spawn(move || keeper.run(&inbox))
            .context("cannot start the thread that commits")?;
        Ok(Committer { jobs: Some(jobs), outbox, done, closing, caught_up, open: 0, thread: Some(thread) })
    }

    /// Whether a commit is on its way.
    pub(crate) fn is_busy(&self) -> bool {
        self.open > 0
    }

    /// Says whether everything that is there was read: work on what is stored waits until then.
    pub(crate) fn set_caught_up(&self, caught_up: bool) {
        self.caught_up.store(caught_up, Ordering::Relaxed);
    }

    /// Hands a commit over, with how far each file is read with it.
    pub(crate) fn commit(&mut self, commit: Commit, files: Vec<FileState>, draft: Draft) {
        self.open += 1;
        self.send(Job { commit: Some(commit), files, draft: Some(draft), done: self.outbox.clone() });
    }

    /// Shows a view without a commit.
    pub(crate) fn show(&mut self, draft: Draft) {
        self.send(Job { commit: None, files: Vec::new(), draft: Some(draft), done: self.outbox.clone() });
    }

    /// A way in for others who commit to the same store.
    pub(crate) fn handle(&self, shared: &Arc<Shared>) -> Option<Handle> {
        Some(Handle { jobs: self.jobs.clone()?, shared: Arc::clone(shared) })
    }

    fn send(&mut self, job: Job) {
        // The thread ends only after the sender is gone: were it to break off, `next` would say so.
        if let Some(jobs) = &self.jobs {
            drop(jobs.send(job));
        }
    }

    /// What was committed meanwhile. `wait`: until the commits on their way are done.
    pub(crate) fn next(&mut self, wait: bool) -> Result<Option<Done>> {
        if self.open == 0 {
            return Ok(None);
        }
        let done = if wait {
            self.done.recv().map_err(|_| anyhow::anyhow!("the thread that commits broke off"))?
        } else {
            match self.done.try_recv() {
                Ok(done) => done,
                Err(std::sync::mpsc::TryRecvError::Empty) => return Ok(None),
                Err(std::sync::mpsc::TryRecvError::Disconnected) => anyhow::bail!("the thread that commits broke off"),
            }
        };
        self.open -= 1;
        Ok(Some(done))
    }
}

/// A way into the store beside the engine.
#[derive(Clone)]
pub(crate) struct Handle {
    jobs: SyncSender<Job>,
    shared: Arc<Shared>,
}

impl Target for Handle {
    fn commit(&mut self, commit: Commit) -> Result<()> {
        let (done, wait) = sync_channel(1);
        let job = Job { commit: Some(commit), files: Vec::new(), draft: None, done };
        let gone = "the daemon was told to stop: start the import again when it runs, it goes on where it was";
        self.jobs.send(job).ok().context(gone)?;
        wait.recv().context(gone)?;
        Ok(())
    }

    fn snapshot(&self) -> Result<Snapshot> {
        let view = self.shared.view().context("the daemon is just starting: try again in a moment")?;
        Ok(view.snapshot.clone())
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.jobs = None;
        self.closing.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Whoever waits for it has seen in `next` that it broke off.
            drop(thread.join());
        }
    }
}

/// What the thread works with.
struct Keeper {
    store: Disk,
    /// New rules that are applied to history.
    rejudging: Option<Rejudging>,
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    /// The engine has ended; whoever else holds a way in is not waited for.
    closing: Arc<AtomicBool>,
    caught_up: Arc<AtomicBool>,
    last: Option<View>,
    revision: u64,
    merging: Option<JoinHandle<mailvane_store::Result<Merged>>>,
}

impl Keeper {
    fn run(mut self, inbox: &Receiver<Job>) {
        loop {
            match inbox.recv_timeout(UPKEEP_EVERY) {
                Ok(job) => {
                    if !self.job(job) {
                        break;
                    }
                }
                Err(RecvTimeoutError::Timeout) if self.closing.load(Ordering::Relaxed) => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.keep_house();
        }
        if let Some(merging) = self.merging.take() {
            // A merge that is not finished is done again after the next start.
            drop(merging.join());
        }
    }

    /// Whether it goes on.
    fn job(&mut self, job: Job) -> bool {
        let begun = Instant::now();
        let commits = job.commit.is_some();
        if job.commit.is_some_and(|commit| !self.commit(&commit)) {
            return false;
        }
        let took = begun.elapsed();
        self.show(job.draft);
        if commits {
            // Whoever does not wait any more knows it from the store.
            drop(job.done.send(Done { files: job.files, took }));
        }
        true
    }

    /// One transaction: rows, offsets, state. It is tried until it works: what was read stays in memory, and nothing more is read meanwhile.
    /// Whether it worked, or was given up because everything is to stop.
    fn commit(&mut self, commit: &Commit) -> bool {
        let mut failed = false;
        while let Err(error) = Store::commit(&mut self.store, commit) {
            let text = format!("cannot write the store: {error}");
            if !failed {
                tracing::error!("{text}; trying again until it works");
                self.show_stopped(text);
            }
            failed = true;
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            std::thread::sleep(RETRY);
        }
        if failed {
            tracing::info!("the store can be written again; going on");
        }
        true
    }

    /// Seals, merges and drops what is too old; merges run beside.
    fn keep_house(&mut self) {
        let now = Time::from_chrono(&chrono::Utc::now());
        let result = self.store.tick_without_merging(now).and_then(|_| {
            if self.merging.as_ref().is_some_and(JoinHandle::is_finished)
                && let Some(merging) = self.merging.take()
                && let Ok(merged) = merging.join()
            {
                self.store.finish_merge(merged?)?;
            }
            if self.merging.is_none()
                && let Some(merge) = self.store.next_merge(now)
            {
                self.merging = Some(std::thread::spawn(move || merge.run()));
            }
            Ok(())
        });
        if let Err(error) = result {
            tracing::error!("the upkeep of the store failed and is tried again: {error}");
        }
        let is_free = self.caught_up.load(Ordering::Relaxed) && self.merging.is_none();
        if is_free && self.rejudging.as_mut().is_some_and(|rejudging| !rejudging.goes_on(&mut self.store)) {
            self.rejudging = None;
        }
    }

    /// Shows the API the store as it is now.
    fn show(&mut self, draft: Option<Draft>) {
        let snapshot = match Store::snapshot(&self.store) {
            Ok(snapshot) => snapshot,
            Err(error) => return tracing::error!("{error}"),
        };
        self.revision += 1;
        let view = match (draft, &self.last) {
            (Some(draft), _) => draft(snapshot, self.revision),
            (None, Some(last)) => View { snapshot, revision: self.revision, ..last.clone() },
            (None, None) => return,
        };
        self.last = Some(view.clone());
        self.shared.show(view);
    }

    /// Shows the API why nothing goes on.
    fn show_stopped(&mut self, text: String) {
        let Some(last) = &self.last else { return };
        self.revision += 1;
        self.shared.show(View { revision: self.revision, stopped: Some(text), ..last.clone() });
    }
}

/// Files by id, as far as these states say.
pub(crate) fn paths(files: &[FileState]) -> impl Iterator<Item = (mailvane_model::FileId, PathBuf)> + '_ {
    files.iter().map(|state| (state.file, state.path.clone()))
}
