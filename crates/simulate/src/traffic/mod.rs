//! Kinds of traffic, how often each comes and what it does.

mod background;
mod bounce;
mod delivery;
mod inbound;
mod refused;
mod submission;

use mailvane_model::Time;

use crate::host::{Host, Options};
use crate::rhythm::Pace;

/// A kind of traffic.
pub(crate) struct Traffic {
    pub(crate) pace: Pace,
    /// Pieces a day for each message a day.
    share: f64,
    /// Pieces a day that come whatever the size of the host.
    base: f64,
    needs_postscreen: bool,
    pub(crate) play: fn(&mut Host, Time),
}

impl Traffic {
    /// How many pieces come on an average day.
    pub(crate) fn per_day(&self, messages_per_day: u32) -> f64 {
        self.share * f64::from(messages_per_day) + self.base
    }

    /// Whether the host has it at all.
    pub(crate) fn runs(&self, options: &Options) -> bool {
        !self.needs_postscreen || options.postscreen
    }
}

/// The newsletter's share of all accepted messages, averaged over the week.
pub(crate) const NEWSLETTER_SHARE: f64 = 0.08;

const fn kind(pace: Pace, share: f64, base: f64, play: fn(&mut Host, Time)) -> Traffic {
    Traffic { pace, share, base, needs_postscreen: false, play }
}

/// All traffic but the newsletter. The order is part of what a seed means.
pub(crate) static TRAFFIC: [Traffic; 12] = [
    kind(Pace::Office, 0.17, 0.0, Host::user_submits),
    kind(Pace::Machine, 0.20, 0.0, Host::application_sends),
    kind(Pace::Machine, 0.02, 12.0, Host::program_mails),
    kind(Pace::World, 0.53, 0.0, Host::world_sends),
    kind(Pace::World, 0.44, 40.0, Host::refused_client),
    kind(Pace::Steady, 0.07, 300.0, Host::login_guess),
    kind(Pace::World, 0.06, 30.0, Host::idle_client),
    Traffic { pace: Pace::World, share: 0.26, base: 60.0, needs_postscreen: true, play: Host::screened_bot },
    kind(Pace::Steady, 0.0, 288.0, Host::monitoring_check),
    kind(Pace::Steady, 0.0, 220.0, Host::statistics),
    kind(Pace::Office, 0.05, 50.0, Host::mailbox_login),
    kind(Pace::Steady, 0.0, 6.0, Host::warning),
];
