//! How much is worked on at once: ingest must never wait for readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

use super::problem::Problem;

/// Questions worked on at once.
pub(crate) const RUNNING_MAX: usize = 2;
/// Questions that wait for their turn.
pub(crate) const WAITING_MAX: usize = 16;

/// Lets a few in, makes some wait, and sends the rest away.
pub(crate) struct Gate {
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
    shed: AtomicU64,
}

impl Gate {
    /// For so many at once, and so many that wait.
    pub(crate) fn new(running: usize, waiting: usize) -> Self {
        Gate { running: Arc::new(Semaphore::new(running)), places: Arc::new(Semaphore::new(running + waiting)), shed: AtomicU64::new(0) }
    }

    /// How many were sent away.
    pub(crate) fn shed(&self) -> u64 {
        self.shed.load(Ordering::Relaxed)
    }

    /// Runs `work` on a thread where it may block, in its turn.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            self.shed.fetch_add(1, Ordering::Relaxed);
            Problem::overloaded()
        })?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|error| Problem::internal(&error))?;
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work is done, even if nobody waits for its answer any more.
            let _held = (place, turn);
            work()
        });
        done.await.map_err(|error| Problem::internal(&error))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_finds_no_place_is_sent_away() {
        let gate = Arc::new(Gate::new(RUNNING_MAX, WAITING_MAX));
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let wait = Arc::new(std::sync::Mutex::new(wait));
        let mut tasks = Vec::new();
        for _ in 0..RUNNING_MAX + WAITING_MAX {
            let (gate, wait) = (Arc::clone(&gate), Arc::clone(&wait));
            tasks.push(tokio::spawn(async move {
                gate.run(move || {
                    let received = wait.lock().map(|wait| wait.recv());
                    Ok(received.is_ok())
                })
                .await
            }));
        }
        while gate.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(gate.run(|| Ok(())).await.is_err());
        assert_eq!(gate.shed(), 1);
        drop(release);
        for task in tasks {
            assert!(task.await.expect("no panic").expect("an answer"));
        }
        assert!(gate.run(|| Ok(())).await.is_ok());
    }
}
