//! What one row adds to which figure: the single place where the numbers are defined. Rollups and reports both use it.
//!
//! The unit is one recipient of one message. Which numbers may be added up:
//! * counts of events (attempts, outcomes, messages, rejections) add up over everything: they are exact over any time;
//! * `recipients*` count each recipient once *inside one step of time* (an attempt counts when the attempt before it lies
//!   before the start of the step), so steps must not be added up: a window is exact as a step of its own, and over many
//!   steps [`crate::window::Window`] works it out from the gaps between attempts;
//! * `*_first_*` count each recipient or message once over all time, at its first try or first deferral: they add up.

use mailvane_model::word::{Action, AuthResult, HandedTo, Level, Outcome, Reason, Scope, Stage, Status};
use mailvane_model::{AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow, Time};

use crate::cell::Figures;
use crate::figure::{Door, Figure, Spread};

/// What one row adds to the counts: 1 to some figures, and a sum to at most two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// A bit for each figure that gets 1, by code.
    ones: u64,
    /// Figure codes and what they get; a value of 0 says nothing.
    sums: [(u8, i64); 2],
}

impl Marks {
    #[inline]
    fn one(&mut self, figure: Figure) {
        self.ones |= 1 << figure.code();
    }

    #[inline]
    fn one_if(&mut self, condition: bool, figure: Figure) {
        self.ones |= u64::from(condition) << figure.code();
    }

    /// The figures and what is added to each.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (Figure, i64)> {
        let (ones, sums) = (self.ones, self.sums);
        let counted = Figure::ALL.iter().filter(move |figure| ones >> figure.code() & 1 == 1).map(|figure| (*figure, 1));
        let summed = move |figure: &&Figure| sums.iter().find(|sum| sum.0 == figure.code() && sum.1 != 0).map(|sum| (**figure, sum.1));
        counted.chain(Figure::ALL.iter().filter_map(move |figure| summed(&figure)))
    }

    /// Whether a figure gets 1.
    #[inline]
    pub fn has(&self, figure: Figure) -> bool {
        self.ones >> figure.code() & 1 == 1
    }

    /// Adds everything to `counts`, times `sign` (1 or -1).
    #[inline]
    pub fn apply(&self, counts: &mut [i64; Figure::SIZE], sign: i64) {
        let mut ones = self.ones;
        while ones != 0 {
            if let Some(count) = counts.get_mut(ones.trailing_zeros() as usize) {
                *count += sign;
            }
            ones &= ones - 1;
        }
        for (code, value) in self.sums {
            if let Some(count) = counts.get_mut(usize::from(code)) {
                *count += value * sign;
            }
        }
    }

    /// Whether the row adds nothing.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ones == 0
    }

    /// The marks that are here and not in `other`.
    #[inline]
    pub(crate) fn without(&self, other: &Marks) -> Marks {
        Marks { ones: self.ones & !other.ones, sums: Default::default() }
    }
}

/// Whether a status is an attempt at a next system at all.
#[inline]
pub const fn is_attempt(status: Status) -> bool {
    matches!(status, Status::Delivered | Status::Deferred | Status::Bounced)
}

/// Whether the next system took the message.
#[inline]
pub const fn is_delivered(status: Status) -> bool {
    matches!(status, Status::Delivered)
}

/// Whether the next system, or we, refused the message: for now or for good.
#[inline]
pub const fn is_refusal(status: Status) -> bool {
    matches!(status, Status::Deferred | Status::Bounced)
}

/// What an attempt adds to the step of time (or the window) that begins at `start`.
#[inline]
pub fn attempt(row: &AttemptRow<'_>, start: Time) -> Marks {
    let mut marks = Marks::default();
    if row.status == Status::InternalHop {
        marks.one(Figure::InternalHops);
        return marks;
    }
    if !is_attempt(row.status) {
        return marks;
    }
    let first_here = row.previous.is_none_or(|previous| previous < start);
    marks.one(Figure::Attempts);
    marks.one_if(first_here, Figure::Recipients);
    marks.one_if(row.attempt <= 1, Figure::RecipientsFirstTried);
    match row.status {
        Status::Delivered => marks.one(Figure::Accepted),
        Status::Bounced => marks.one(Figure::RefusedAttempts),
        _ => {
            let greylisted = row.reason == Some(Reason::Greylisted);
            marks.one(Figure::DeferredAttempts);
            marks.one_if(greylisted, Figure::GreylistedAttempts);
            marks.one_if(!row.contacted, Figure::SuspendedAttempts);
            marks.one_if(first_here, Figure::RecipientsDeferred);
            marks.one_if(first_here && greylisted, Figure::RecipientsGreylisted);
            marks.one_if(row.attempt <= 1, Figure::RecipientsFirstDeferred);
            marks.one_if(row.first_deferral, Figure::MessagesFirstDeferred);
        }
    }
    marks
}

/// What an attempt adds to the histograms.
pub fn attempt_spreads(row: &AttemptRow<'_>, figures: &mut Figures) {
    attempt_delays(row, figures);
    attempt_gap(row, figures);
}

/// What an accepted attempt adds to the histograms of the parts of the delay.
pub fn attempt_delays(row: &AttemptRow<'_>, figures: &mut Figures) {
    if row.status == Status::Delivered
        && let Some([before, queued, connecting, sending]) = row.delays_ms
    {
        figures.spread_mut(Spread::DelayBefore).record(u64::from(before));
        figures.spread_mut(Spread::DelayQueued).record(u64::from(queued));
        figures.spread_mut(Spread::DelayConnecting).record(u64::from(connecting));
        figures.spread_mut(Spread::DelaySending).record(u64::from(sending));
    }
}

/// What a retry adds to the histograms of gaps, out of which recipients of a window are counted once.
pub fn attempt_gap(row: &AttemptRow<'_>, figures: &mut Figures) {
    if let Some(previous) = row.previous.filter(|_| is_attempt(row.status)) {
        let gap = row.time.seconds().saturating_sub(previous.seconds()).max(0) as u64;
        let spread = if row.status == Status::Deferred { Spread::DeferredGap } else { Spread::FinalGap };
        figures.spread_mut(spread).record(gap);
    }
}

/// What an attempt adds to the view by arrival.
pub fn attempt_cohort(row: &AttemptRow<'_>) -> Marks {
    let mut marks = Marks::default();
    if is_attempt(row.status) {
        marks.one_if(row.attempt <= 1, Figure::RecipientsFirstTried);
        marks.one_if(row.attempt <= 1 && row.status == Status::Deferred, Figure::RecipientsFirstDeferred);
    }
    marks
}

/// What an outcome adds.
#[inline]
pub fn outcome(row: &OutcomeRow<'_>) -> Marks {
    let mut marks = Marks::default();
    match row.outcome {
        Outcome::Delivered => delivered(row, &mut marks),
        Outcome::Bounced => {
            marks.one(Figure::Bounced);
            marks.one_if(row.permanent && row.scope == Scope::Recipient, Figure::BouncedHard);
        }
        Outcome::Expired => marks.one(Figure::Expired),
        Outcome::Discarded => marks.one(Figure::Discarded),
        Outcome::Deleted => marks.one(Figure::Deleted),
        Outcome::Held => marks.one(Figure::Held),
        Outcome::Rejected => marks.one(Figure::Rejected),
        Outcome::Unknown => marks.one(Figure::Unknown),
        Outcome::Queued => marks.one(Figure::Queued),
    }
    if row.outcome != Outcome::Queued {
        marks.one_if(row.deferrals > 0, Figure::FinalDeferred);
        marks.one_if(row.greylisted > 0, Figure::FinalGreylisted);
    }
    marks
}

fn delivered(row: &OutcomeRow<'_>, marks: &mut Marks) {
    if let Some(size) = row.size {
        marks.sums[0] = (Figure::DeliveredBytes.code(), size as i64);
    }
    let part = match row.handed_to {
        HandedTo::Smarthost => {
            marks.one(Figure::Relayed);
            return;
        }
        HandedTo::Mailbox => Some(Figure::DeliveredToMailbox),
        HandedTo::Remote => Some(Figure::DeliveredToRemote),
        HandedTo::Filter => Some(Figure::DeliveredToFilter),
        HandedTo::Command => Some(Figure::DeliveredToCommand),
        HandedTo::File => Some(Figure::DeliveredToFile),
        HandedTo::Nobody => None,
    };
    marks.one(Figure::Delivered);
    if let Some(part) = part {
        marks.one(part);
    }
}

/// The delay that an outcome adds to [`Spread::Delay`].
#[inline]
pub fn outcome_delay(row: &OutcomeRow<'_>) -> Option<u64> {
    row.delay_ms.filter(|_| row.outcome == Outcome::Delivered)
}

/// What a message adds, if it is a first hop.
#[inline]
pub fn message(row: &MessageRow<'_>) -> Marks {
    let mut marks = Marks::default();
    if row.previous_hop == 0 && (row.chain == 0 || row.chain == row.id) {
        marks.one(Figure::Received);
        marks.sums = [
            (Figure::ReceivedBytes.code(), row.size.unwrap_or(0) as i64),
            (Figure::ReceivedRecipients.code(), i64::from(row.recipients.unwrap_or(0))),
        ];
    }
    marks
}

/// What a rejection counts as.
pub const fn rejection(row: &RejectionRow<'_>) -> Door {
    match row.action {
        Action::Reject => Door::Rejected,
        Action::Defer => Door::RejectedTemporarily,
        Action::Hold => Door::Held,
        Action::Discard => Door::Discarded,
        Action::Warn => Door::Warned,
    }
}

/// What a login counts as.
pub const fn auth(row: &AuthRow<'_>) -> Door {
    match row.result {
        AuthResult::Failed => Door::AuthFailed,
        AuthResult::Ok => Door::AuthOk,
    }
}

/// Whether a connection was lost before its end.
pub fn is_lost(row: &SessionRow<'_>) -> bool {
    row.lost_after != Stage::Unknown
}

/// What a notice counts as, if it counts.
pub const fn notice(row: &NoticeRow<'_>) -> Option<Door> {
    match row.level {
        Level::Info => None,
        Level::Warning => Some(Door::Warnings),
        Level::Error => Some(Door::Errors),
        Level::Fatal => Some(Door::Fatals),
        Level::Panic => Some(Door::Panics),
        Level::Gap => Some(Door::Gaps),
    }
}

/// A ratio with its denominator, as operator pages show it: "-" when `of` is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// Out of how many.
    pub of: u64,
}

impl Rate {
    /// Of two sums; a negative sum (a delta that met no counterpart) counts as 0.
    pub fn of(count: i64, of: i64) -> Self {
        Rate { count: count.max(0) as u64, of: of.max(0) as u64 }
    }

    /// The ratio, 0 to 1; `None` when there is nothing to divide by.
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.count as f64 / self.of as f64)
    }
}

/// The rates of one traffic, each with its n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Bounced / (delivered + relayed + bounced + expired).
    pub bounce: Rate,
    /// Bounced because of the recipient, permanently / the same.
    pub hard_bounce: Rate,
    /// Expired / the same.
    pub expiry: Rate,
    /// (Bounced + expired) / the same.
    pub failure: Rate,
    /// Recipients with a deferred attempt / recipients with an attempt.
    pub deferral: Rate,
    /// The same without those that were greylisted: what alerts look at.
    pub deferral_without_greylisting: Rate,
    /// Recipients whose last attempt was accepted / recipients with an attempt.
    pub acceptance: Rate,
    /// The other side of it for alerts, without those that were greylisted: not accepted / recipients with an attempt.
    pub refusal: Rate,
    /// Refused, or deferred at their first try but for greylisting / recipients tried for the first time: a destination that greylists
    /// everybody and refuses one is no destination that refuses all. Unlike the rates above it says nothing of what has been waiting
    /// for days and is tried again and again.
    pub first_refusal: Rate,
}

impl Rates {
    /// The rates of figures of one step of time (or of a whole window folded as one).
    pub fn of(figures: &Figures) -> Self {
        let recipients = figures.get(Figure::Recipients);
        let deferred = figures.get(Figure::RecipientsDeferred);
        Rates::with_recipients(figures, recipients, deferred, figures.get(Figure::RecipientsGreylisted))
    }

    /// The rates where the recipients of the window were worked out apart.
    pub fn with_recipients(figures: &Figures, recipients: i64, deferred: i64, greylisted: i64) -> Self {
        let finals = figures.finals();
        let (bounced, expired) = (figures.get(Figure::Bounced), figures.get(Figure::Expired));
        let accepted = figures.get(Figure::Accepted).min(recipients);
        let first_deferred = figures.get(Figure::RecipientsFirstDeferred);
        let first_greylisted = greylisted.min(first_deferred);
        let first_tried = figures.get(Figure::RecipientsFirstTried);
        let first_refused = figures.get(Figure::RefusedAttempts) + first_deferred - first_greylisted;
        Rates {
            bounce: Rate::of(bounced, finals),
            hard_bounce: Rate::of(figures.get(Figure::BouncedHard), finals),
            expiry: Rate::of(expired, finals),
            failure: Rate::of(bounced + expired, finals),
            deferral: Rate::of(deferred, recipients),
            deferral_without_greylisting: Rate::of(deferred - greylisted, recipients),
            acceptance: Rate::of(accepted, recipients),
            refusal: Rate::of(recipients - greylisted - accepted, recipients - greylisted),
            first_refusal: Rate::of(first_refused.min(first_tried), first_tried),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_greylists_all_and_refuses_one_refuses_one() {
        let mut figures = Figures::default();
        figures.add(Figure::RecipientsFirstTried, 40);
        figures.add(Figure::RecipientsFirstDeferred, 39);
        figures.add(Figure::RefusedAttempts, 1);
        figures.add(Figure::RecipientsGreylisted, 39);
        let rates = Rates::of(&figures);
        assert_eq!(rates.first_refusal, Rate { count: 1, of: 40 });
    }
}
