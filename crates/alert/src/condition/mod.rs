//! The kinds of conditions, one file each. A condition looks at what is remembered and says, group by group, whether it holds.

mod auth_failures;
mod backlog;
mod burst;
mod coverage;
mod deadman;
mod disk;
mod finding;
mod log_gap;
mod outside_network;
mod provider_block;
mod rate_limit;
mod rate_spike;
mod reading;
mod scope;
mod silence;
mod stopped;
mod surge;
mod threshold;
mod trouble;

pub use reading::{Group, Reading, Verdict};
pub(crate) use scope::matches as scope_matches;
pub(crate) use scope::{Scene, Scope, can_follow};

use crate::rule::read::Reader;

macro_rules! kinds {
    ($($(#[$meta:meta])* $variant:ident = $word:literal $type:path,)+) => {
        /// One condition of any kind.
        #[derive(Clone, Debug)]
        pub enum Condition {
            $($(#[$meta])* $variant($type),)+
        }

        impl Condition {
            /// The kinds by name.
            pub const KINDS: &'static [&'static str] = &[$($word,)+];

            /// Reads the table `[condition]`; `None` when it is not known what kind it is.
            pub(crate) fn read(reader: &Reader<'_>) -> Option<Self> {
                let kinds: Vec<(&str, &str)> = Self::KINDS.iter().map(|kind| (*kind, *kind)).collect();
                match reader.word("kind", None, &kinds)? {
                    $($word => Some(Condition::$variant(<$type>::read(reader))),)+
                    _ => None,
                }
            }

            /// Its kind.
            pub const fn kind(&self) -> &'static str {
                match self { $(Condition::$variant(_) => $word,)+ }
            }

            /// Says of every group of interest whether it holds.
            pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
                match self { $(Condition::$variant(condition) => condition.evaluate(scene, out),)+ }
            }
        }
    };
}

kinds! {
    /// A number above or below a fixed limit.
    Threshold = "threshold" threshold::Threshold,
    /// A rate far above its own past.
    RateSpike = "rate_spike" rate_spike::RateSpike,
    /// A provider that refuses nearly all of our mail.
    ProviderBlock = "provider_block" provider_block::ProviderBlock,
    /// Outbound mail as a whole not moving.
    Stopped = "stopped" stopped::Stopped,
    /// A count far above its own past.
    Surge = "surge" surge::Surge,
    /// One account sends far more than it ever did.
    Burst = "burst" burst::Burst,
    /// Expected mail that did not come.
    Silence = "silence" silence::Silence,
    /// A queue that is deep, old, growing or about to expire.
    Backlog = "backlog" backlog::Backlog,
    /// Guessing, spraying, and success after many failures.
    AuthFailures = "auth_failures" auth_failures::AuthFailures,
    /// More than an account may send in an hour or a day.
    RateLimit = "rate_limit" rate_limit::RateLimit,
    /// A login from outside the networks that a user belongs to.
    OutsideNetwork = "outside_network" outside_network::OutsideNetwork,
    /// The result of a probe.
    Finding = "finding" finding::FindingOf,
    /// Lines that are missing.
    LogGap = "log_gap" log_gap::LogGap,
    /// Lines that were not understood.
    Coverage = "parse_coverage" coverage::CoverageBelow,
    /// A disk that logs fill up.
    Disk = "disk" disk::DiskFilling,
    /// Trouble of our own daemons.
    Trouble = "trouble" trouble::TroubleHere,
    /// A log in which nothing is written any more, or that is not read any more.
    Deadman = "deadman" deadman::Deadman,
}

impl Condition {
    /// How near a reading is to firing: 1 at the limit.
    pub(crate) fn nearness(&self, reading: &Reading) -> f64 {
        let is_low = match self {
            Condition::Silence(_) | Condition::Disk(_) => true,
            Condition::Threshold(threshold) => threshold.is_low(),
            _ => false,
        };
        match (is_low, reading.value, reading.limit) {
            (true, value, limit) if value > 0.0 => limit / value,
            (true, _, limit) => limit,
            (false, value, limit) if limit > 0.0 => value / limit,
            (false, value, _) => value,
        }
    }

    /// Whether it compares with a learned past, so that for its first days it may only be a ticket.
    pub const fn learns(&self) -> bool {
        matches!(self, Condition::RateSpike(_) | Condition::Surge(_) | Condition::Burst(_) | Condition::Silence(_))
    }
}
