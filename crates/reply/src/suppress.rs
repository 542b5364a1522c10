//! Which addresses should not be mailed again, from what happened to each: a pure decision over evidence.
//!
//! Only what is about the recipient counts. Block lists, reputation, authentication, policy, network trouble and replies
//! that nobody understood never put an address on the list. Mailvane lists, it does not block.

use mailvane_model::time::Time;
use mailvane_model::verdict::Verdict;
use mailvane_model::word::Reason;

/// A full mailbox counts after so many bounces,
pub const FULL_BOUNCES: u32 = 3;
/// over at least so long, in seconds.
pub const FULL_SPAN_SECONDS: i64 = 14 * 24 * 3600;
/// A domain that is gone must be seen twice, so far apart, in seconds.
pub const DOMAIN_SPAN_SECONDS: i64 = 24 * 3600;
/// A burst: one provider calls at least so many formerly good addresses unknown
pub const BURST_ADDRESSES: u32 = 10;
/// within this time, in seconds,
pub const BURST_SPAN_SECONDS: i64 = 6 * 3600;
/// and they are at least this share, in percent, of the addresses that it called unknown in that time.
pub const BURST_SHARE_PERCENT: u32 = 30;

/// What happened to one address: refusals by one reason, and the last success.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence<'a> {
    /// Why it was refused last. Only the bounces for this reason are counted below.
    pub reason: Reason,
    /// Whether the last refusal was final.
    pub permanent: bool,
    /// Confidence in the verdict, percent.
    pub confidence: u8,
    /// Who refused it.
    pub provider: &'a str,
    /// How often it bounced for this reason.
    pub bounces: u32,
    /// The first refusal for this reason.
    pub first: Time,
    /// The last refusal.
    pub last: Time,
    /// The last success before the first refusal, or ever.
    pub delivered_before: Option<Time>,
    /// The last success after the last refusal.
    pub delivered_after: Option<Time>,
}

/// What one provider said of addresses in the hours around a refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Burst {
    /// Addresses that it called unknown or closed.
    pub unknown: u32,
    /// Those among them that it had accepted before.
    pub formerly_good: u32,
}

/// What to do with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Do not mail it again.
    Suppress(Ground),
    /// Shown apart as "provider trouble?": the provider calls many good addresses unknown at once.
    HeldBack,
    /// More evidence is needed: what is still missing.
    NotYet(Missing),
    /// It does not belong on the list.
    Keep,
}

/// Why an address is on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The receiving side says that it does not exist or is closed.
    Gone,
    /// Full again and again.
    FullForLong,
    /// Its domain does not exist or takes no mail.
    DomainGone,
    /// The recipient complained.
    Complained,
}

impl Ground {
    /// In a word, for lists that programs read.
    pub const fn word(self) -> &'static str {
        match self {
            Ground::Gone => "gone",
            Ground::FullForLong => "full_for_long",
            Ground::DomainGone => "domain_gone",
            Ground::Complained => "complained",
        }
    }

    /// For people.
    pub const fn text(self) -> &'static str {
        match self {
            Ground::Gone => "the address does not exist or is closed",
            Ground::FullForLong => "full for two weeks and more",
            Ground::DomainGone => "its domain does not exist or takes no mail",
            Ground::Complained => "the recipient complained",
        }
    }
}

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// More bounces of a full mailbox, or over a longer time.
    FullBounces,
    /// A second look at the domain, a day later.
    SecondLook,
    /// A reply that is clearer than this one.
    Confidence,
}

impl Missing {
    /// In a word, for lists that programs read.
    pub const fn word(self) -> &'static str {
        match self {
            Missing::FullBounces => "full_bounces",
            Missing::SecondLook => "second_look",
            Missing::Confidence => "confidence",
        }
    }

    /// For people.
    pub const fn text(self) -> &'static str {
        match self {
            Missing::FullBounces => "a full mailbox must bounce three times over 14 days",
            Missing::SecondLook => "a domain must be gone twice, a day apart",
            Missing::Confidence => "the reply is not clear enough",
        }
    }
}

/// Least confidence at which a verdict may put an address on the list, percent.
pub const MIN_CONFIDENCE: u8 = 60;

/// Whether a verdict blames the address for good: what counts as a hard bounce of the address itself.
pub fn blames_address(verdict: &Verdict) -> bool {
    verdict.permanent && matches!(verdict.reason, Some(Reason::UnknownRecipient | Reason::InactiveRecipient | Reason::BadDomain))
}

/// Decides over one address. `burst` is what its provider said of addresses within [`BURST_SPAN_SECONDS`] around `last`.
pub fn decide(evidence: &Evidence<'_>, burst: Burst) -> Decision {
    if evidence.delivered_after.is_some() {
        return Decision::Keep;
    }
    match evidence.reason {
        Reason::UnknownRecipient | Reason::InactiveRecipient => gone(evidence, burst),
        Reason::BadDomain => domain_gone(evidence),
        Reason::MailboxFull => full(evidence),
        Reason::Complaint => Decision::Suppress(Ground::Complained),
        _ => Decision::Keep,
    }
}

/// Whether what a provider said looks like trouble of its own.
pub fn is_burst(burst: Burst) -> bool {
    burst.formerly_good >= BURST_ADDRESSES && burst.formerly_good * 100 >= burst.unknown * BURST_SHARE_PERCENT
}

fn gone(evidence: &Evidence<'_>, burst: Burst) -> Decision {
    if !evidence.permanent {
        return Decision::Keep;
    }
    // An address that never worked is not doubted because others are.
    if evidence.delivered_before.is_some() && is_burst(burst) {
        return Decision::HeldBack;
    }
    if evidence.confidence < MIN_CONFIDENCE {
        return Decision::NotYet(Missing::Confidence);
    }
    Decision::Suppress(Ground::Gone)
}

fn domain_gone(evidence: &Evidence<'_>) -> Decision {
    if !evidence.permanent {
        return Decision::Keep;
    }
    let apart = evidence.last.seconds() - evidence.first.seconds();
    if evidence.bounces >= 2 && apart >= DOMAIN_SPAN_SECONDS {
        Decision::Suppress(Ground::DomainGone)
    } else {
        Decision::NotYet(Missing::SecondLook)
    }
}

fn full(evidence: &Evidence<'_>) -> Decision {
    let apart = evidence.last.seconds() - evidence.first.seconds();
    if evidence.bounces >= FULL_BOUNCES && apart >= FULL_SPAN_SECONDS {
        Decision::Suppress(Ground::FullForLong)
    } else {
        Decision::NotYet(Missing::FullBounces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn evidence(reason: Reason) -> Evidence<'static> {
        Evidence {
            reason,
            permanent: true,
            confidence: 90,
            provider: "google",
            bounces: 1,
            first: Time::from_seconds(0),
            last: Time::from_seconds(0),
            delivered_before: None,
            delivered_after: None,
        }
    }

    #[test]
    fn an_address_that_does_not_exist_is_listed_at_once() {
        assert_eq!(decide(&evidence(Reason::UnknownRecipient), Burst::default()), Decision::Suppress(Ground::Gone));
        assert_eq!(decide(&evidence(Reason::InactiveRecipient), Burst::default()), Decision::Suppress(Ground::Gone));
        let unsure = Evidence { confidence: 40, ..evidence(Reason::UnknownRecipient) };
        assert_eq!(decide(&unsure, Burst::default()), Decision::NotYet(Missing::Confidence));
        let passing = Evidence { permanent: false, ..evidence(Reason::UnknownRecipient) };
        assert_eq!(decide(&passing, Burst::default()), Decision::Keep);
    }

    #[test]
    fn nothing_about_us_the_network_or_policy_lists_an_address() {
        let listing = [Reason::UnknownRecipient, Reason::InactiveRecipient, Reason::BadDomain, Reason::MailboxFull, Reason::Complaint];
        for reason in Reason::ALL.iter().filter(|reason| !listing.contains(reason)) {
            let many = Evidence { bounces: 100, last: Time::from_seconds(1000 * HOUR), ..evidence(*reason) };
            assert_eq!(decide(&many, Burst::default()), Decision::Keep, "{reason}");
        }
    }

    #[test]
    fn a_full_mailbox_needs_three_bounces_over_two_weeks() {
        let full = |bounces, days: i64| Evidence {
            bounces,
            permanent: false,
            last: Time::from_seconds(days * 24 * HOUR),
            ..evidence(Reason::MailboxFull)
        };
        assert_eq!(decide(&full(2, 30), Burst::default()), Decision::NotYet(Missing::FullBounces));
        assert_eq!(decide(&full(9, 13), Burst::default()), Decision::NotYet(Missing::FullBounces));
        assert_eq!(decide(&full(3, 14), Burst::default()), Decision::Suppress(Ground::FullForLong));
    }

    #[test]
    fn a_domain_must_be_gone_twice_a_day_apart() {
        let gone = |bounces, hours: i64| Evidence { bounces, last: Time::from_seconds(hours * HOUR), ..evidence(Reason::BadDomain) };
        assert_eq!(decide(&gone(1, 0), Burst::default()), Decision::NotYet(Missing::SecondLook));
        assert_eq!(decide(&gone(5, 23), Burst::default()), Decision::NotYet(Missing::SecondLook));
        assert_eq!(decide(&gone(2, 24), Burst::default()), Decision::Suppress(Ground::DomainGone));
    }

    #[test]
    fn a_burst_against_good_addresses_is_held_back_and_a_later_success_clears() {
        let burst = Burst { unknown: 40, formerly_good: 35 };
        let good = Evidence { delivered_before: Some(Time::from_seconds(-HOUR)), ..evidence(Reason::UnknownRecipient) };
        assert_eq!(decide(&good, burst), Decision::HeldBack);
        assert_eq!(decide(&evidence(Reason::UnknownRecipient), burst), Decision::Suppress(Ground::Gone));
        assert_eq!(decide(&good, Burst { unknown: 400, formerly_good: 12 }), Decision::Suppress(Ground::Gone));
        let alive = Evidence { delivered_after: Some(Time::from_seconds(HOUR)), ..evidence(Reason::UnknownRecipient) };
        assert_eq!(decide(&alive, Burst::default()), Decision::Keep);
    }
}
