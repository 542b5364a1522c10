//! The numbers that rules may name. Each is one of `metric`'s: here are only their names, and the few figures they need.

use mailvane_metric::{Door, Figure, Figures, Rate, Rates};

/// The figures that are remembered of a traffic, each at its place in [`Counts`].
const FIGURES: [Figure; 20] = [
    Figure::Attempts,
    Figure::Accepted,
    Figure::DeferredAttempts,
    Figure::Recipients,
    Figure::RecipientsDeferred,
    Figure::RecipientsGreylisted,
    Figure::RecipientsFirstTried,
    Figure::RecipientsFirstDeferred,
    Figure::RefusedAttempts,
    Figure::Delivered,
    Figure::Relayed,
    Figure::Bounced,
    Figure::BouncedHard,
    Figure::Expired,
    Figure::FinalDeferred,
    Figure::Held,
    Figure::Received,
    Figure::ReceivedRecipients,
    Figure::GreylistedAttempts,
    Figure::SuspendedAttempts,
];
/// How many numbers a step keeps.
pub const SLOTS: usize = 20;

/// The remembered numbers of one step of time: figures of a traffic, or counts at the door by code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub [i32; SLOTS]);

impl Counts {
    /// Of the figures of one traffic.
    pub fn of(figures: &Figures) -> Self {
        Counts(FIGURES.map(|figure| figures.get(figure).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32))
    }

    /// Of the counts at the door.
    pub fn of_door(count: impl Fn(Door) -> i64) -> Self {
        let mut counts = Counts::default();
        for door in Door::ALL {
            counts.0[usize::from(door.code())] = count(*door).clamp(0, i64::from(i32::MAX)) as i32;
        }
        counts
    }

    /// Adds others.
    #[inline]
    pub fn add(&mut self, other: &Counts) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = mine.saturating_add(*theirs);
        }
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }

    /// One of the figures that are remembered; 0 for others.
    pub fn get(&self, figure: Figure) -> i64 {
        slot(figure).map_or(0, |slot| i64::from(self.0[slot]))
    }

    /// The same as figures, for the folds of `metric`.
    pub fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        for (slot, figure) in FIGURES.iter().enumerate() {
            figures.add(*figure, i64::from(self.0[slot]));
        }
        figures
    }
}

/// Where a figure is kept.
pub fn slot(figure: Figure) -> Option<usize> {
    FIGURES.iter().position(|known| *known == figure)
}

/// The sum of a window, with its recipients counted once each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// The counts.
    pub counts: Counts,
    /// Recipients with an attempt.
    pub recipients: i64,
    /// Of them deferred.
    pub deferred: i64,
    /// Of them greylisted at their first attempt.
    pub greylisted: i64,
}

impl Sums {
    /// Adds the sums of other steps of the same window.
    pub fn add(&mut self, other: &Sums) {
        self.counts.add(&other.counts);
        self.recipients += other.recipients;
        self.deferred += other.deferred;
        self.greylisted += other.greylisted;
    }

    /// The rates, as `metric` defines them.
    pub fn rates(&self) -> Rates {
        Rates::with_recipients(&self.counts.figures(), self.recipients, self.deferred, self.greylisted)
    }
}

/// A ratio that rules may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ratio {
    /// Bounced / final.
    Bounce,
    /// Bounced because of the recipient / final.
    HardBounce,
    /// Expired / final.
    Expiry,
    /// Bounced or expired / final.
    Failure,
    /// Recipients deferred / recipients tried, without greylisting.
    Deferral,
    /// Recipients not accepted / recipients tried, without greylisting: what is missing to *acceptance now*.
    Refusal,
    /// The same at their first try: what has been waiting for days and is tried again and again is not in it.
    FirstRefusal,
}

/// A number that rules may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A share, 0 to 1.
    Ratio(Ratio),
    /// A count of mail.
    Figure(Figure),
    /// A count at the door.
    Door(Door),
}

const RATIOS: [(&str, Ratio); 7] = [
    ("bounce_rate", Ratio::Bounce),
    ("hard_bounce_rate", Ratio::HardBounce),
    ("expiry_rate", Ratio::Expiry),
    ("failure_rate", Ratio::Failure),
    ("deferral_rate", Ratio::Deferral),
    ("refusal_rate", Ratio::Refusal),
    ("first_refusal_rate", Ratio::FirstRefusal),
];

impl Measure {
    /// The one of a name.
    pub fn from_word(word: &str) -> Option<Self> {
        if let Some((_, ratio)) = RATIOS.iter().find(|(name, _)| *name == word) {
            return Some(Measure::Ratio(*ratio));
        }
        if let Some(figure) = FIGURES.iter().find(|figure| figure.word() == word) {
            return Some(Measure::Figure(*figure));
        }
        Door::ALL.iter().find(|door| door_word(**door) == word).map(|door| Measure::Door(*door))
    }

    /// Every name. A count at the door whose word is a figure's, too, is preceded by `door_`.
    pub fn words() -> Vec<&'static str> {
        let ratios = RATIOS.iter().map(|(name, _)| *name);
        ratios.chain(FIGURES.iter().map(|figure| figure.word())).chain(Door::ALL.iter().map(|door| door_word(*door))).collect()
    }

    /// The name.
    pub fn word(self) -> &'static str {
        match self {
            Measure::Ratio(ratio) => RATIOS.iter().find(|(_, known)| *known == ratio).map_or("", |(name, _)| name),
            Measure::Figure(figure) => figure.word(),
            Measure::Door(door) => door_word(door),
        }
    }

    /// What it counts, as people say it: after a number, or of a share after its percentage.
    pub const fn phrase(self) -> &'static str {
        match self {
            Measure::Ratio(ratio) => match ratio {
                Ratio::Bounce => "of recipients bounced",
                Ratio::HardBounce => "of recipients bounced, and for good because of the address",
                Ratio::Expiry => "of recipients expired in the queue",
                Ratio::Failure => "of recipients bounced or expired",
                Ratio::Deferral => "of recipients deferred",
                Ratio::Refusal => "of recipients refused or deferred",
                Ratio::FirstRefusal => "of recipients refused or deferred at their first try",
            },
            Measure::Figure(figure) => figure_phrase(figure),
            Measure::Door(door) => match door {
                Door::Rejected => "refusals for good by this server",
                Door::RejectedTemporarily => "refusals for now by this server",
                Door::Held => "messages put on hold by policy",
                Door::Discarded => "messages thrown away by policy",
                Door::Warned => "warnings by policy",
                Door::AuthFailed => "refused logins",
                Door::AuthOk => "accepted logins",
                Door::Sessions => "inbound connections",
                Door::SessionsLost => "inbound connections lost before their end",
                Door::Warnings => "warnings of daemons",
                Door::Errors => "errors of daemons",
                Door::Fatals => "fatal errors of daemons",
                Door::Panics => "panics of daemons",
                Door::Gaps => "gaps in the log",
            },
        }
    }

    /// Whether it is a share.
    pub const fn is_ratio(self) -> bool {
        matches!(self, Measure::Ratio(_))
    }

    /// Whether it is counted at the door, where there is no traffic.
    pub const fn is_door(self) -> bool {
        matches!(self, Measure::Door(_))
    }

    /// The place of a count in [`Counts`]; `None` for a ratio.
    pub fn slot(self) -> Option<usize> {
        match self {
            Measure::Ratio(_) => None,
            Measure::Figure(figure) => slot(figure),
            Measure::Door(door) => Some(usize::from(door.code())),
        }
    }

    /// Its value over a window: how many, and out of how many (a count is out of 0).
    pub fn of(self, sums: &Sums) -> Rate {
        let Measure::Ratio(ratio) = self else {
            return Rate::of(self.slot().map_or(0, |slot| i64::from(sums.counts.0[slot])), 0);
        };
        let rates = sums.rates();
        match ratio {
            Ratio::Bounce => rates.bounce,
            Ratio::HardBounce => rates.hard_bounce,
            Ratio::Expiry => rates.expiry,
            Ratio::Failure => rates.failure,
            Ratio::Deferral => rates.deferral_without_greylisting,
            Ratio::Refusal => rates.refusal,
            Ratio::FirstRefusal => rates.first_refusal,
        }
    }
}

const fn figure_phrase(figure: Figure) -> &'static str {
    match figure {
        Figure::Attempts => "delivery attempts",
        Figure::Accepted => "accepted attempts",
        Figure::DeferredAttempts => "deferred attempts",
        Figure::Recipients => "recipients tried",
        Figure::RecipientsDeferred => "recipients deferred",
        Figure::RecipientsGreylisted => "recipients greylisted",
        Figure::RecipientsFirstTried => "recipients sent to",
        Figure::RecipientsFirstDeferred => "recipients deferred for the first time",
        Figure::RefusedAttempts => "attempts refused for good",
        Figure::Delivered => "recipients delivered",
        Figure::Relayed => "recipients handed to a smarthost",
        Figure::Bounced => "recipients bounced",
        Figure::BouncedHard => "recipients bounced for good because of the address",
        Figure::Expired => "recipients expired in the queue",
        Figure::FinalDeferred => "recipients at an end after deferrals",
        Figure::Held => "recipients on hold",
        Figure::Received => "messages received",
        Figure::ReceivedRecipients => "recipients of messages received",
        Figure::GreylistedAttempts => "greylisted attempts",
        Figure::SuspendedAttempts => "attempts put aside without contact",
        // Not remembered, so no rule can name it.
        other => other.word(),
    }
}

const fn door_word(door: Door) -> &'static str {
    match door {
        Door::Held => "door_held",
        other => other.word(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_measure_and_back() {
        for word in Measure::words() {
            assert_eq!(Measure::from_word(word).map(Measure::word), Some(word));
        }
        let mut words = Measure::words();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Measure::words().len(), "no name means two things");
        assert_eq!(Measure::from_word("bounce"), None);
        let is_plain = |phrase: &str| phrase.contains(' ') && !phrase.contains('_');
        assert!(words.iter().filter_map(|word| Measure::from_word(word)).all(|measure| is_plain(measure.phrase())));
    }

    #[test]
    fn greylisting_is_left_out() {
        let mut figures = Figures::default();
        figures.add(Figure::Attempts, 10);
        figures.add(Figure::Accepted, 4);
        let sums = Sums { counts: Counts::of(&figures), recipients: 10, deferred: 6, greylisted: 5 };
        let refusal = Measure::Ratio(Ratio::Refusal).of(&sums);
        assert_eq!((refusal.count, refusal.of), (1, 5));
        let deferral = Measure::Ratio(Ratio::Deferral).of(&sums);
        assert_eq!((deferral.count, deferral.of), (1, 10));
    }
}
