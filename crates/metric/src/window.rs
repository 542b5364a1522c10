//! Recipients of a window of many steps, each counted once, out of rollups.
//!
//! An attempt counts when the recipient's attempt before it lies before the window. In the first step that is known
//! exactly; in later ones it follows from the gap between the two attempts, which cells keep as a histogram. What is not
//! exact is only whether a gap that ends inside a step reaches over the window's start: half a step, and 2 % of the gap.

use mailvane_model::Time;

use crate::cell::Figures;
use crate::cube::Width;
use crate::figure::{Figure, Spread};

/// Adds up recipients over the steps of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    start: Time,
    recipients: i64,
    deferred: i64,
    greylisted: i64,
}

impl Window {
    /// A window that begins at `start`, the start of a step.
    pub fn new(start: Time) -> Self {
        Window { start, ..Window::default() }
    }

    /// Adds the step of `width` that begins at `step`; steps before the window are passed over.
    pub fn add(&mut self, step: Time, width: Width, figures: &Figures) {
        let elapsed = step.0 - self.start.0;
        if elapsed < 0 {
            return;
        }
        if elapsed == 0 {
            self.recipients += figures.get(Figure::Recipients);
            self.deferred += figures.get(Figure::RecipientsDeferred);
            self.greylisted += figures.get(Figure::RecipientsGreylisted);
            return;
        }
        let seconds = ((elapsed + width.micros() / 2) / Time::SECOND) as u64;
        let reaching = |spread| figures.spread(spread).map_or(0, |histogram| histogram.count_above(seconds));
        let retried = |spread| figures.spread(spread).map_or(0, crate::histogram::Histogram::count);
        let (deferred_retries, final_retries) = (retried(Spread::DeferredGap), retried(Spread::FinalGap));
        let (deferred_reaching, final_reaching) = (reaching(Spread::DeferredGap), reaching(Spread::FinalGap));
        let deferred_first = figures.get(Figure::DeferredAttempts) - deferred_retries;
        self.recipients += figures.get(Figure::Attempts) - deferred_retries - final_retries + deferred_reaching + final_reaching;
        self.deferred += deferred_first + deferred_reaching;
        // A step does not say which of its retries were greylisted: those that began in it are known, the rest are few.
        self.greylisted += figures.get(Figure::RecipientsGreylisted).min(deferred_first + deferred_reaching);
    }

    /// Recipients with an attempt in the window.
    pub fn recipients(&self) -> i64 {
        self.recipients
    }

    /// Recipients with a deferred attempt in the window.
    pub fn deferred(&self) -> i64 {
        self.deferred
    }

    /// Recipients whose first attempt in the window was greylisted.
    pub fn greylisted(&self) -> i64 {
        self.greylisted
    }
}
