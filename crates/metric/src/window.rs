//! Recipients of a window of many steps, each counted once, out of rollups.
//!
//! An attempt counts when the recipient's attempt before it lies before the window. In the first step that is known
//! exactly; in later ones it follows from the gap between the two attempts, which cells keep as a histogram. What is not
//! exact is only whether a gap that ends inside a step reaches over the window's start: half a step, and 2 % of the gap.

use mailvane_model::Time;

use crate::cell::Figures;
use crate::cube::Width;
use crate::figure::{Figure, Spread};
use crate::histogram::Histogram;

/// What a window needs of a step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Step<'a> {
    /// [`Figure::Attempts`].
    pub attempts: i64,
    /// [`Figure::DeferredAttempts`].
    pub deferred_attempts: i64,
    /// [`Figure::Recipients`].
    pub recipients: i64,
    /// [`Figure::RecipientsDeferred`].
    pub recipients_deferred: i64,
    /// [`Figure::RecipientsGreylisted`].
    pub recipients_greylisted: i64,
    /// [`Spread::DeferredGap`].
    pub deferred_gaps: Option<&'a Histogram>,
    /// [`Spread::FinalGap`].
    pub final_gaps: Option<&'a Histogram>,
}

impl<'a> Step<'a> {
    /// Of the figures of a cell.
    pub fn of(figures: &'a Figures) -> Self {
        Step {
            attempts: figures.get(Figure::Attempts),
            deferred_attempts: figures.get(Figure::DeferredAttempts),
            recipients: figures.get(Figure::Recipients),
            recipients_deferred: figures.get(Figure::RecipientsDeferred),
            recipients_greylisted: figures.get(Figure::RecipientsGreylisted),
            deferred_gaps: figures.spread(Spread::DeferredGap),
            final_gaps: figures.spread(Spread::FinalGap),
        }
    }
}

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
        self.add_step(step, width, &Step::of(figures));
    }

    /// As [`Window::add`], for those who keep of a cell only what a window needs.
    pub fn add_step(&mut self, at: Time, width: Width, step: &Step<'_>) {
        let elapsed = at.0 - self.start.0;
        if elapsed < 0 {
            return;
        }
        if elapsed == 0 {
            self.recipients += step.recipients;
            self.deferred += step.recipients_deferred;
            self.greylisted += step.recipients_greylisted;
            return;
        }
        let seconds = ((elapsed + width.micros() / 2) / Time::SECOND) as u64;
        let reaching = |gaps: Option<&Histogram>| gaps.map_or(0, |histogram| histogram.count_above(seconds));
        let retried = |gaps: Option<&Histogram>| gaps.map_or(0, Histogram::count);
        let (deferred_retries, final_retries) = (retried(step.deferred_gaps), retried(step.final_gaps));
        let (deferred_reaching, final_reaching) = (reaching(step.deferred_gaps), reaching(step.final_gaps));
        let deferred_first = step.deferred_attempts - deferred_retries;
        self.recipients += step.attempts - deferred_retries - final_retries + deferred_reaching + final_reaching;
        self.deferred += deferred_first + deferred_reaching;
        // A step does not say which of its retries were greylisted: those that began in it are known, the rest are few.
        self.greylisted += step.recipients_greylisted.min(deferred_first + deferred_reaching);
    }

    /// Adds what another part of the same window has counted.
    pub fn merge(&mut self, other: &Window) {
        self.recipients += other.recipients;
        self.deferred += other.deferred;
        self.greylisted += other.greylisted;
    }

    /// Puts what it counted in the place of figures that were added up over its steps.
    pub fn set(&self, figures: &mut Figures) {
        for (figure, value) in [
            (Figure::Recipients, self.recipients),
            (Figure::RecipientsDeferred, self.deferred),
            (Figure::RecipientsGreylisted, self.greylisted),
        ] {
            figures.counts[usize::from(figure.code())] = value;
        }
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
