//! What goes wrong on purpose: kind, target, share, size, time; and which alerts count as having found it.

use crate::chance::Chance;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// A provider refuses for good, because of us.
    Refusal,
    /// A provider throttles.
    Throttle,
    /// A provider does not answer.
    Unreachable,
    /// No destination answers.
    NoWayOut,
    /// An account sends spam to strangers.
    Hijack,
    /// The records of one sender domain are broken: it is refused everywhere.
    SenderBroken,
    /// An account mails a list of which two in five addresses are dead.
    BadList,
    /// The application that sends most stops.
    SenderSilent,
    /// The world cannot reach us.
    InboundSilent,
    /// A policy service is down: 451 to everybody.
    PolicyDown,
    /// A password is found by guessing.
    Guessed,
    /// We bounce what we accepted, to forged senders.
    Backscatter,
    /// Notices for mail that we never sent.
    Forged,
}

impl Kind {
    pub(crate) const ALL: [Kind; 13] = [
        Kind::Refusal,
        Kind::Throttle,
        Kind::Unreachable,
        Kind::NoWayOut,
        Kind::Hijack,
        Kind::SenderBroken,
        Kind::BadList,
        Kind::SenderSilent,
        Kind::InboundSilent,
        Kind::PolicyDown,
        Kind::Guessed,
        Kind::Backscatter,
        Kind::Forged,
    ];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Kind::Refusal => "provider refuses (550)",
            Kind::Throttle => "provider throttles (421)",
            Kind::Unreachable => "provider unreachable",
            Kind::NoWayOut => "no way out",
            Kind::Hijack => "account hijacked",
            Kind::SenderBroken => "sender domain refused",
            Kind::BadList => "mailing to a dead list",
            Kind::SenderSilent => "sender silent",
            Kind::InboundSilent => "no incoming mail",
            Kind::PolicyDown => "policy service down",
            Kind::Guessed => "password found",
            Kind::Backscatter => "backscatter",
            Kind::Forged => "forged-sender wave",
        }
    }

    /// Whether a fixed threshold on failing attempts could see it at all.
    pub(crate) const fn is_failure(self) -> bool {
        matches!(
            self,
            Kind::Refusal | Kind::Throttle | Kind::Unreachable | Kind::NoWayOut | Kind::Hijack | Kind::SenderBroken | Kind::BadList
        )
    }
}

/// One incident.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub(crate) kind: Kind,
    /// Provider, sender or user, by kind.
    pub(crate) target: usize,
    /// The share of what it could touch that it does touch.
    pub(crate) share: f64,
    /// How many messages it is meant to touch.
    pub(crate) size: u32,
    /// Minutes from the start of the simulation.
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// How many it did touch, and all that its target had in that time.
    pub(crate) touched: u32,
    pub(crate) of: u32,
    /// The minute of the first one.
    pub(crate) first: Option<i64>,
}

impl Incident {
    pub(crate) fn is_on(&self, minute: i64) -> bool {
        self.start <= minute && minute < self.end
    }

    /// Notes a message of the target, and whether it was touched.
    pub(crate) fn note(&mut self, minute: i64, touched: bool) {
        self.of += 1;
        if touched {
            self.touched += 1;
            self.first.get_or_insert(minute);
        }
    }

    /// Whether it is large enough for the goal: 50 messages, and a third of its target's.
    pub(crate) fn is_large(&self) -> bool {
        self.touched >= 50 && f64::from(self.touched) * 3.0 >= f64::from(self.of) * 0.999
    }
}

/// The sizes that are tried.
const SIZES: [u32; 6] = [12, 25, 60, 150, 500, 2_500];
/// The shares that are tried.
const SHARES: [f64; 3] = [1.0, 0.6, 0.4];
/// An incident lasts at least and at most so many minutes.
const SPAN: (f64, f64) = (15.0, 7.0 * 1440.0);

/// What a host knows of its targets: mean messages a minute.
pub(crate) struct Rates<'a> {
    pub(crate) providers: &'a [f64],
    pub(crate) senders: &'a [f64],
    pub(crate) users: &'a [f64],
    pub(crate) outbound: f64,
    pub(crate) inbound: f64,
}

/// The incidents of a month, one after the other with quiet days between. What cannot reach its size in a week is left out.
pub(crate) fn plan(chance: &mut Chance, rates: &Rates<'_>, from: i64, until: i64) -> Vec<Incident> {
    let mut incidents = Vec::new();
    let mut at = from + chance.below(1440) as i64;
    let mut tries = 0;
    while at < until - 1440 && tries < 60 {
        tries += 1;
        let kind = Kind::ALL[chance.below(Kind::ALL.len())];
        let size = SIZES[chance.below(SIZES.len())];
        let (target, rate) = match kind {
            Kind::Refusal | Kind::Throttle | Kind::Unreachable => {
                let target = chance.below(5);
                (target, rates.providers[target])
            }
            Kind::NoWayOut => (0, rates.outbound),
            Kind::SenderBroken => {
                let target = chance.below(2);
                (target, rates.senders[target])
            }
            Kind::SenderSilent => (1, rates.senders[1]),
            Kind::Hijack | Kind::BadList | Kind::Guessed => {
                let target = chance.below(rates.users.len());
                // These have a pace of their own: an hour or two, whatever the account usually does.
                (target, f64::from(size) / (30.0 + chance.part() * 120.0))
            }
            Kind::InboundSilent | Kind::PolicyDown => (0, rates.inbound),
            Kind::Backscatter | Kind::Forged => (0, f64::from(size) / (30.0 + chance.part() * 120.0)),
        };
        let share = match kind {
            Kind::Refusal | Kind::Throttle | Kind::SenderBroken => SHARES[chance.below(SHARES.len())],
            _ => 1.0,
        };
        let span = f64::from(size) / (rate * share);
        if span > SPAN.1 {
            continue;
        }
        let end = at + span.max(SPAN.0).ceil() as i64;
        if end >= until {
            continue;
        }
        incidents.push(Incident { kind, target, share, size, start: at, end, touched: 0, of: 0, first: None });
        at = end + 1440 + chance.below(1440) as i64;
    }
    incidents
}
