//! What fails, by reason and provider, with a few replies to show.

use ahash::AHashMap;
use mailvane_model::word::{Fault, Outcome, Reason, Scope, Status};
use mailvane_model::{AttemptRow, OutcomeRow, Time, hash};

use super::report::Failure;
use crate::count::Marks;
use crate::figure::Figure;
use crate::template;

/// How many kinds of failure are told apart; later ones are counted under their reason alone.
const KINDS: usize = 5_000;
/// How many replies are kept of one kind.
const SAMPLES: usize = 3;
/// How many rows of one kind are looked at for samples that differ.
const LOOKS: u32 = 60;
/// A longer reply is cut in a sample.
const SAMPLE_BYTES: usize = 500;

/// The sums of one reason at one provider.
#[derive(Clone, Debug, Default)]
struct Kind {
    bounced: i64,
    expired: i64,
    queued: i64,
    recipients_deferred: i64,
    deferred_attempts: i64,
    scope: Scope,
    fault: Fault,
    reply_code: u16,
    enhanced_code: Box<str>,
    samples: Vec<Sample>,
    looks: u32,
    seen: Option<(Time, Time)>,
}

#[derive(Clone, Debug)]
struct Sample {
    template: u64,
    text: Box<str>,
}

impl Kind {
    fn see(&mut self, time: Time) {
        let (first, last) = self.seen.unwrap_or((time, time));
        self.seen = Some((first.min(time), last.max(time)));
    }

    fn sample(&mut self, text: &str, buffer: &mut String) {
        if self.samples.len() >= SAMPLES || self.looks >= LOOKS || text.is_empty() {
            return;
        }
        self.looks += 1;
        template::write(text, buffer);
        let template = hash::bytes(buffer.as_bytes());
        if self.samples.iter().all(|sample| sample.template != template) {
            self.samples.push(Sample { template, text: template::cut(text, SAMPLE_BYTES).into() });
        }
    }
}

/// All kinds of failure of one traffic.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures {
    index: AHashMap<Box<str>, u32>,
    kinds: Vec<(Reason, Box<str>, Kind)>,
    buffer: String,
}

impl Failures {
    fn kind(&mut self, reason: Reason, provider: &str) -> usize {
        let provider = if self.kinds.len() >= KINDS { "" } else { provider };
        self.buffer.clear();
        self.buffer.push(char::from(reason.code()));
        self.buffer.push_str(provider);
        if let Some(at) = self.index.get(self.buffer.as_str()) {
            return *at as usize;
        }
        let at = self.kinds.len();
        self.index.insert(self.buffer.as_str().into(), at as u32);
        self.kinds.push((reason, provider.into(), Kind::default()));
        at
    }

    /// A deferred or refused attempt.
    pub(super) fn attempt(&mut self, row: &AttemptRow<'_>, marks: &Marks) {
        let at = self.kind(row.reason.unwrap_or_default(), row.provider);
        let kind = &mut self.kinds[at].2;
        kind.deferred_attempts += i64::from(marks.has(Figure::DeferredAttempts));
        kind.recipients_deferred += i64::from(marks.has(Figure::RecipientsDeferred));
        kind.scope = row.scope;
        kind.fault = row.fault;
        if kind.samples.is_empty() {
            kind.reply_code = row.reply_code;
            if *kind.enhanced_code != *row.enhanced_code {
                kind.enhanced_code = row.enhanced_code.into();
            }
        }
        kind.see(row.time);
        // A suspended attempt repeats what an earlier one was told.
        if row.contacted || row.status == Status::Bounced {
            kind.sample(row.reply_text, &mut self.buffer);
        }
    }

    /// An outcome that is no success.
    pub(super) fn outcome(&mut self, row: &OutcomeRow<'_>, sign: i64) {
        let is_waiting = row.outcome == Outcome::Queued && row.reason.is_some();
        if !is_waiting && !matches!(row.outcome, Outcome::Bounced | Outcome::Expired) {
            return;
        }
        let at = self.kind(row.reason.unwrap_or_default(), row.provider);
        let kind = &mut self.kinds[at].2;
        match row.outcome {
            Outcome::Bounced => kind.bounced += sign,
            Outcome::Expired => kind.expired += sign,
            _ => kind.queued += sign,
        }
        if sign > 0 && row.outcome != Outcome::Queued {
            kind.scope = row.scope;
            kind.fault = row.fault;
            kind.see(row.time);
            if kind.samples.is_empty() {
                kind.reply_code = row.reply_code;
                kind.enhanced_code = row.enhanced_code.into();
            }
            kind.sample(row.reply_text, &mut self.buffer);
        }
    }

    pub(super) fn merge(&mut self, other: &Failures) {
        for (reason, provider, theirs) in &other.kinds {
            let at = self.kind(*reason, provider);
            let mine = &mut self.kinds[at].2;
            mine.bounced += theirs.bounced;
            mine.expired += theirs.expired;
            mine.queued += theirs.queued;
            mine.recipients_deferred += theirs.recipients_deferred;
            mine.deferred_attempts += theirs.deferred_attempts;
            let is_newer = theirs.seen.is_some() && theirs.seen.map(|seen| seen.1) >= mine.seen.map(|seen| seen.1);
            if is_newer {
                (mine.scope, mine.fault) = (theirs.scope, theirs.fault);
            }
            if mine.samples.is_empty() && theirs.seen.is_some() {
                (mine.reply_code, mine.enhanced_code) = (theirs.reply_code, theirs.enhanced_code.clone());
            }
            for sample in &theirs.samples {
                if mine.samples.len() < SAMPLES && mine.samples.iter().all(|known| known.template != sample.template) {
                    mine.samples.push(sample.clone());
                }
            }
            mine.looks = mine.looks.saturating_add(theirs.looks);
            if let Some((first, last)) = theirs.seen {
                mine.see(first);
                mine.see(last);
            }
        }
    }

    /// The most harmful first.
    pub(super) fn finish(&self) -> Vec<Failure> {
        let mut all: Vec<Failure> = self.kinds.iter().map(|(reason, provider, kind)| failure(*reason, provider, kind)).collect();
        all.retain(|failure| failure.lost() + failure.queued + failure.deferred_attempts > 0);
        all.sort_by(|left, right| {
            harm(right).cmp(&harm(left)).then_with(|| (left.reason, &left.provider).cmp(&(right.reason, &right.provider)))
        });
        all
    }
}

/// What orders failures: recipients lost count most, then those that wait, then those that only came late. What is about
/// this host or the sender counts three times (it hits everybody), greylisting hardly at all (it mends itself).
fn harm(failure: &Failure) -> u64 {
    let late = failure.recipients_deferred.saturating_sub(failure.lost() + failure.queued);
    let weight = match (failure.reason, failure.scope) {
        (Reason::Greylisted, _) => 1,
        (_, Scope::Sender | Scope::Local) => 30,
        (_, Scope::Recipient) => 8,
        _ => 10,
    };
    (failure.lost() * 100 + failure.queued * 30 + late) * weight
}

fn failure(reason: Reason, provider: &str, kind: &Kind) -> Failure {
    let count = |value: i64| value.max(0) as u64;
    let (first, last) = kind.seen.unwrap_or_default();
    Failure {
        reason,
        provider: provider.into(),
        scope: kind.scope,
        fault: kind.fault,
        bounced: count(kind.bounced),
        expired: count(kind.expired),
        queued: count(kind.queued),
        recipients_deferred: count(kind.recipients_deferred),
        deferred_attempts: count(kind.deferred_attempts),
        reply_code: kind.reply_code,
        enhanced_code: kind.enhanced_code.to_string(),
        samples: kind.samples.iter().map(|sample| sample.text.to_string()).collect(),
        first,
        last,
    }
}
