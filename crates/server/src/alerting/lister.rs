//! Asks the mail server of this host for its queue, now and then: never twice at once, and less often the longer it takes.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use mailvane_alert::input::QueueSample;
use mailvane_model::Time;
use mailvane_parse::listing::Queue;

use super::board::LiveQueue;
use super::order::Message;
use crate::queue::depths::SOON;
use crate::queue::list::{self, Look};

/// How often it is asked at most,
const EVERY: Duration = Duration::from_mins(1);
/// not more often than so many times what it took,
const FACTOR: u32 = 30;
/// and how often when it did not answer.
const EVERY_FAILED: Duration = Duration::from_mins(5);
/// Destinations of a look that rules see.
const DESTINATIONS: usize = 50;

/// Who asks.
pub(crate) struct Lister {
    is_wanted: bool,
    back: Sender<Message>,
    /// Whether an answer is on its way.
    is_asking: bool,
    next: Instant,
    /// What is to be judged with the next step.
    fresh: Option<QueueSample>,
    /// What is shown.
    pub(crate) shown: Arc<LiveQueue>,
}

impl Lister {
    /// Answers go to `back`.
    pub(crate) fn new(is_wanted: bool, back: Sender<Message>) -> Self {
        Lister { is_wanted, back, is_asking: false, next: Instant::now(), fresh: None, shown: Arc::default() }
    }

    /// Asks when it is time.
    pub(crate) fn ask(&mut self) {
        if !self.is_wanted || self.is_asking || self.next > Instant::now() {
            return;
        }
        self.is_asking = true;
        let back = self.back.clone();
        let asked = std::thread::Builder::new().name("queue".to_owned()).spawn(move || {
            let now = chrono::Utc::now().timestamp();
            let look = list::of_this_host(now).map(Box::new).map_err(|error| format!("{error:#}"));
            // When the thread of alerts has ended, nobody wants to know.
            let _ = back.send(Message::Listed(look));
        });
        if let Err(error) = asked {
            self.answered(Err(format!("no thread can be started: {error}")), Time::default(), &[]);
        }
    }

    /// Takes an answer in. `history`: the looks that rules remember.
    pub(crate) fn answered<'h>(
        &mut self,
        answer: Result<Box<Look>, String>,
        now: Time,
        history: impl IntoIterator<Item = &'h (i64, QueueSample)>,
    ) {
        self.is_asking = false;
        let mut shown = LiveQueue {
            history: history.into_iter().map(|(time, sample)| (Time(*time), sample.clone())).collect(),
            ..LiveQueue::default()
        };
        match answer {
            Ok(look) => {
                self.next = Instant::now() + EVERY.max(look.took * FACTOR);
                let sample = sample(&look);
                shown.history.push((now, sample.clone()));
                self.fresh = look.complete.then_some(sample);
                shown.look = Some((now, *look));
            }
            Err(text) => {
                self.next = Instant::now() + EVERY_FAILED;
                if self.shown.problem.as_ref() != Some(&text) {
                    tracing::warn!("the live queue is not known: {text}");
                }
                shown.problem = Some(text);
            }
        }
        self.shown = Arc::new(shown);
    }

    /// What is to be judged with the next step.
    pub(crate) fn take_fresh(&mut self) -> Option<QueueSample> {
        self.fresh.take()
    }
}

/// What rules see of a look.
fn sample(look: &Look) -> QueueSample {
    let depths = &look.depths;
    let named = depths.largest().into_iter().take(DESTINATIONS);
    QueueSample {
        deferred: depths.count(&[Queue::Deferred]),
        active: depths.count(&[Queue::Active, Queue::Incoming, Queue::Maildrop]),
        held: depths.count(&[Queue::Hold, Queue::Frozen]),
        recipients: depths.plain.1,
        oldest_deferred: depths.oldest.max(0) as u64,
        active_age: depths.active_age(),
        destinations: named.map(|(name, destination)| (name.to_owned(), destination.recipients)).collect(),
        expiring: SOON.into_iter().zip(depths.expiring).collect(),
    }
}
