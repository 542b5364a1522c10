//! What a verdict means in plain words: cause, steps to fix it, links, who must act, what to tell the sender.
//!
//! A rule's own words come first, then those of its reason (`data/explanations.toml`); the provider's postmaster page
//! is added. For successes and commands see [`crate::dialogue`].

use std::collections::BTreeMap;
use std::sync::OnceLock;

use mailvane_model::verdict::Verdict;
use mailvane_model::word::{Fault, Reason};
use serde::Deserialize;

use crate::judge::Judge;
use crate::provider::Providers;

/// A verdict in plain words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// A few words, for a heading.
    pub title: String,
    /// Why it happens, one or two sentences.
    pub cause: String,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// Where to read on or ask, the most specific first.
    pub links: Vec<String>,
    /// Who must act, a sentence.
    pub act: &'static str,
    /// A sentence for the sender of the message.
    pub tell_sender: String,
}

/// The words of one reason.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    title: String,
    cause: String,
    steps: Vec<String>,
    tell: String,
}

const EMBEDDED: &str = include_str!("../data/explanations.toml");

fn words(reason: Reason) -> Option<&'static Words> {
    static WORDS: OnceLock<BTreeMap<String, Words>> = OnceLock::new();
    // A broken embedded file fails the tests of this crate; in production it would leave the texts empty.
    WORDS.get_or_init(|| toml::from_str(EMBEDDED).unwrap_or_default()).get(reason.word())
}

/// The heading of a reason: `The mailbox is full`.
pub fn title(reason: Reason) -> &'static str {
    words(reason).map_or("", |words| words.title.as_str())
}

/// A reason in plain words, without provider and rule.
pub fn reason(reason: Reason) -> Explanation {
    let fault = crate::reason::meaning(reason).fault;
    let words = words(reason).cloned().unwrap_or_default();
    Explanation { title: words.title, cause: words.cause, steps: words.steps, links: Vec::new(), act: act(fault), tell_sender: words.tell }
}

/// A verdict in plain words; `provider` is the id of who runs the far side and may be empty.
pub fn verdict(judge: &Judge, providers: &Providers, verdict: &Verdict, provider: &str) -> Explanation {
    let mut explanation = reason(verdict.reason.unwrap_or_default());
    explanation.act = act(verdict.fault);
    let name = verdict.rule.strip_prefix("expired:").unwrap_or(&verdict.rule);
    if let Some(rule) = judge.rule(name) {
        if let Some(cause) = &rule.cause {
            explanation.cause.clone_from(cause);
        }
        if !rule.steps.is_empty() {
            explanation.steps.clone_from(&rule.steps);
        }
        explanation.links.clone_from(&rule.links);
    }
    if let Some(provider) = providers.get(provider) {
        // Where to ask is of use when it is about us; a dead address is nobody's to plead.
        let about_us = verdict.fault == Fault::Us && verdict.scope != mailvane_model::word::Scope::Recipient;
        let contact = if about_us { provider.contact.as_str() } else { "" };
        for link in [provider.postmaster.as_str(), contact] {
            if !link.is_empty() && !explanation.links.iter().any(|known| known == link) {
                explanation.links.push(link.to_owned());
            }
        }
    }
    explanation
}

/// Who must act, as a sentence.
pub const fn act(fault: Fault) -> &'static str {
    match fault {
        Fault::Us => "We, the sending side, must act.",
        Fault::Recipient => "The recipient (or the recipient's organisation) must act.",
        Fault::Receiver => "The operator of the receiving system must act.",
        Fault::Network => "Who runs the network or the name servers in between must act; mostly it passes by itself.",
        Fault::Unknown => "Nobody must act.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Failure;

    #[test]
    fn every_reason_has_its_words() {
        for known in Reason::ALL {
            let explanation = reason(*known);
            assert!(!explanation.title.is_empty(), "{known} has no title");
            assert!(explanation.cause.len() > 20, "{known} has no cause");
            assert!(!explanation.steps.is_empty(), "{known} has no steps");
            assert!(explanation.tell_sender.ends_with('.'), "{known} has no sentence for the sender");
        }
    }

    #[test]
    fn a_rules_words_and_the_providers_page_come_in() {
        let judge = Judge::embedded();
        let providers = Providers::embedded();
        let failure = Failure {
            provider: "microsoft_consumer",
            text: "550 5.7.1 part of their network is on our block list (S3150).",
            ..Failure::default()
        };
        let explanation = verdict(&judge, &providers, &judge.judge(&failure), "microsoft_consumer");
        assert!(explanation.cause.contains("Microsoft"), "{}", explanation.cause);
        assert!(explanation.links.iter().any(|link| link.contains("snds")), "{:?}", explanation.links);
        assert_eq!(explanation.act, act(Fault::Us));
    }

    #[test]
    fn every_link_is_one() {
        for rule in Judge::embedded().rules() {
            for link in &rule.links {
                assert!(link.starts_with("https://"), "{}: {link}", rule.name);
            }
        }
    }
}
