//! Is mail flowing? One word and one sentence.
//!
//! "Accepted at the last try" rules: final outcomes come days later, so a provider that answers 421 to everything has none
//! and must not look healthy.

use mailvane_metric::{Figure, Figures, Rate, Rates};
use mailvane_model::word::{Direction, Reason};
use mailvane_render::sentence;

use super::figures::{Open, count};

/// Fewer recipients say little about a whole.
const SAMPLE_MIN: u64 = 20;
/// Fewer recipients of a provider say little about it.
const PROVIDER_MIN: u64 = 10;
/// Below this share accepted mail is not flowing.
const STUCK: f64 = 0.5;
/// Below this share accepted something needs a look.
const LOW: f64 = 0.9;
/// A provider that accepts less refuses most.
const REFUSES: f64 = 0.5;
/// From this share of all recipients on a provider is everybody's trouble.
const CONSIDERABLE: f64 = 0.25;
/// From this share of failures on something needs a look.
const FAILS: f64 = 0.1;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// Mail flows.
    Good,
    /// It flows, but something needs a look.
    Attention,
    /// A large share does not get through.
    Trouble,
    /// Nothing was tried.
    Quiet,
    /// Not known.
    Unknown,
}

impl Health {
    /// The word in answers.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Health::Good => "good",
            Health::Attention => "attention",
            Health::Trouble => "trouble",
            Health::Quiet => "quiet",
            Health::Unknown => "unknown",
        }
    }
}

/// What health is judged by.
pub(crate) struct Facts<'a> {
    /// Whose mail.
    pub(crate) direction: Option<Direction>,
    /// The figures of the whole window.
    pub(crate) whole: &'a Figures,
    /// Those of its last hour that is known.
    pub(crate) recent: Option<&'a Figures>,
    /// The provider that most recipients are refused by, with its figures.
    pub(crate) worst: Option<(&'a str, &'a Figures)>,
    /// The main reason there.
    pub(crate) reason: Option<Reason>,
    /// What is in the queue.
    pub(crate) open: Open,
    /// Refusals at our door.
    pub(crate) refused: u64,
    /// Whether anything of the window has been read.
    pub(crate) reached: bool,
    /// Whether anything has been read at all.
    pub(crate) read: bool,
}

/// The judgement.
pub(crate) struct Judged {
    /// In one word.
    pub(crate) health: Health,
    /// In one sentence.
    pub(crate) sentence: String,
}

/// Judges.
pub(crate) fn judge(facts: &Facts<'_>) -> Judged {
    let said = |health, sentence: &str| Judged { health, sentence: sentence.to_owned() };
    if !facts.read {
        return said(Health::Unknown, "No mail log has been read yet.");
    }
    if count(facts.whole, Figure::Recipients) == 0 && facts.whole.finals() == 0 {
        return if facts.reached {
            quiet(facts)
        } else {
            said(Health::Unknown, "Nothing of this time has been read: what is known ends before it.")
        };
    }
    let accepted = Rates::of(facts.whole).acceptance;
    let (health, because) = weigh(facts, accepted);
    let of = format!("{} of {} recipients tried were accepted at their last try", grouped(accepted.count), grouped(accepted.of));
    let lead = match (health, facts.direction) {
        (Health::Trouble, _) => "Mail is not flowing as it should",
        (Health::Attention, _) => "Mail is flowing, but not all of it",
        (_, Some(Direction::Inbound)) => "Mail is coming in",
        _ => "Mail is flowing",
    };
    let waits = match facts.open.queued {
        0 => String::new(),
        1 => "; 1 waits".to_owned(),
        queued => format!("; {} wait", grouped(queued)),
    };
    Judged { health, sentence: format!("{lead}: {of}{}{waits}{because}.", share(accepted)) }
}

fn quiet(facts: &Facts<'_>) -> Judged {
    let lead = match facts.direction {
        Some(Direction::Inbound) => "No mail came in in this time",
        Some(Direction::Outbound) => "No mail was sent in this time",
        _ => "No mail was delivered or tried in this time",
    };
    let waits =
        if facts.open.queued == 0 { String::new() } else { format!("; {} recipients wait in the queue", grouped(facts.open.queued)) };
    let refused =
        if facts.refused == 0 { String::new() } else { format!("; {} attempts to send mail here were refused", grouped(facts.refused)) };
    Judged { health: Health::Quiet, sentence: format!("{lead}{waits}{refused}.") }
}

fn weigh(facts: &Facts<'_>, accepted: Rate) -> (Health, String) {
    let recent = facts.recent.map(|figures| Rates::of(figures).acceptance).unwrap_or_default();
    let low = |rate: Rate, limit: f64| rate.of >= SAMPLE_MIN && rate.value().is_some_and(|value| value < limit);
    let because = blame(facts);
    if low(accepted, STUCK) {
        return (Health::Trouble, because);
    }
    if low(recent, STUCK) {
        return (Health::Trouble, format!("; in the last hour {} of {}{because}", grouped(recent.count), grouped(recent.of)));
    }
    if let Some((_, figures)) = refusing(facts) {
        let considerable = figures.get(Figure::Recipients) as f64 >= CONSIDERABLE * accepted.of as f64;
        return (if considerable { Health::Trouble } else { Health::Attention }, because);
    }
    let failure = Rates::of(facts.whole).failure;
    let fails = failure.of >= SAMPLE_MIN && failure.value().is_some_and(|value| value >= FAILS);
    let none = accepted.of >= 3 && accepted.count == 0;
    let piles_up = facts.open.queued > SAMPLE_MIN && facts.open.queued > accepted.count;
    if low(accepted, LOW) || low(recent, LOW) || fails || none || piles_up {
        return (Health::Attention, because);
    }
    (Health::Good, String::new())
}

/// The worst provider, when it refuses or defers most of what it is sent.
fn refusing<'a>(facts: &Facts<'a>) -> Option<(&'a str, &'a Figures)> {
    facts.worst.filter(|(_, figures)| {
        let accepted = Rates::of(figures).acceptance;
        accepted.of >= PROVIDER_MIN && accepted.value().is_some_and(|value| value < REFUSES)
    })
}

/// Who or what it is because of.
fn blame(facts: &Facts<'_>) -> String {
    let Some((key, figures)) = facts.worst else { return String::new() };
    let accepted = Rates::of(figures).acceptance;
    let missing = accepted.of.saturating_sub(accepted.count);
    if missing == 0 {
        return String::new();
    }
    let why = facts.reason.map(|reason| format!(", mostly because {}", clause(reason))).unwrap_or_default();
    if key.is_empty() {
        return format!(". For {} no host could be reached{why}", recipients(missing));
    }
    let providers = crate::rules::current().providers.clone();
    format!(". {} has not taken {} of {}{why}", providers.name(key), grouped(missing), grouped(accepted.of))
}

fn recipients(count: u64) -> String {
    if count == 1 { "1 recipient".to_owned() } else { format!("{} recipients", grouped(count)) }
}

/// The reason as what follows "because".
fn clause(reason: Reason) -> String {
    match reason {
        Reason::Greylisted => "it greylists, which passes by itself".to_owned(),
        Reason::RateLimited
        | Reason::TooManyConnections
        | Reason::VirusAttachment
        | Reason::Complaint
        | Reason::AutoReply
        | Reason::RemoteTemporary
        | Reason::RemoteError => format!("of {}", sentence::why(Some(reason))),
        Reason::Unclassified => "of reasons we have no name for".to_owned(),
        reason => sentence::why(Some(reason)).to_owned(),
    }
}

fn share(rate: Rate) -> String {
    rate.value().map(|value| format!(" ({:.1} %)", value * 100.0)).unwrap_or_default()
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(recipients: i64, accepted: i64) -> Figures {
        let mut figures = Figures::default();
        figures.add(Figure::Recipients, recipients);
        figures.add(Figure::Accepted, accepted);
        figures.add(Figure::Delivered, accepted);
        figures
    }

    fn facts<'a>(whole: &'a Figures, worst: Option<(&'a str, &'a Figures)>) -> Facts<'a> {
        Facts {
            direction: Some(Direction::Outbound),
            whole,
            recent: None,
            worst,
            reason: None,
            open: Open::default(),
            refused: 0,
            reached: true,
            read: true,
        }
    }

    #[test]
    fn a_provider_that_defers_everything_does_not_look_healthy() {
        let (whole, google) = (figures(1000, 900), figures(90, 0));
        let judged = judge(&Facts { reason: Some(Reason::RateLimited), ..facts(&whole, Some(("google", &google))) });
        assert_eq!(judged.health, Health::Attention);
        assert!(judged.sentence.contains("has not taken 90 of 90, mostly because of too much mail"), "{}", judged.sentence);
        let google = figures(300, 2);
        assert_eq!(judge(&facts(&whole, Some(("google", &google)))).health, Health::Trouble);
    }

    #[test]
    fn nothing_accepted_is_trouble_though_nothing_failed_for_good() {
        let whole = figures(50, 0);
        assert_eq!(judge(&facts(&whole, None)).health, Health::Trouble);
        let few = figures(3, 0);
        assert_eq!(judge(&facts(&few, None)).health, Health::Attention);
    }

    #[test]
    fn a_bad_last_hour_shows_though_the_day_was_good() {
        let (day, hour) = (figures(5000, 4900), figures(100, 5));
        let judged = judge(&Facts { recent: Some(&hour), ..facts(&day, None) });
        assert_eq!(judged.health, Health::Trouble);
        assert!(judged.sentence.contains("in the last hour 5 of 100"), "{}", judged.sentence);
    }

    #[test]
    fn good_quiet_and_unknown_are_told_apart() {
        let whole = figures(1234, 1230);
        let good = judge(&facts(&whole, None));
        assert_eq!(
            (good.health, good.sentence.as_str()),
            (Health::Good, "Mail is flowing: 1,230 of 1,234 recipients tried were accepted at their last try (99.7 %).")
        );
        let nothing = Figures::default();
        assert_eq!(judge(&facts(&nothing, None)).health, Health::Quiet);
        assert_eq!(judge(&Facts { reached: false, ..facts(&nothing, None) }).health, Health::Unknown);
        assert_eq!(judge(&Facts { read: false, ..facts(&nothing, None) }).health, Health::Unknown);
    }
}
