//! The seam to `reply`: what a failure means, and who runs a relay.

use std::sync::Arc;

use ahash::AHashMap;

use mailvane_model::Verdict;
use mailvane_model::word::{Fault, Reason, Scope};
use mailvane_reply::judge::Failure;

/// Relay hosts whose provider is remembered. Past it all are asked for again.
const HOSTS: usize = 50_000;

/// Judges failures and names providers.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    providers: Vec<Box<str>>,
    provider_of_host: AHashMap<Box<str>, u16>,
}

impl Verdicts {
    /// The number of the provider that runs a host; 0 is nobody known.
    #[inline]
    pub(crate) fn provider(&mut self, host: &str) -> u16 {
        if host.is_empty() {
            return 0;
        }
        match self.provider_of_host.get(host) {
            Some(number) => *number,
            None => self.new_host(host),
        }
    }

    fn new_host(&mut self, host: &str) -> u16 {
        if self.provider_of_host.len() >= HOSTS {
            self.provider_of_host.clear();
        }
        let number = self.number("");
        self.provider_of_host.insert(host.into(), number);
        number
    }

    /// The number of a provider by its name.
    pub(crate) fn number(&mut self, name: &str) -> u16 {
        if self.providers.is_empty() {
            self.providers.push("".into());
        }
        if let Some(place) = self.providers.iter().position(|each| &**each == name) {
            return place as u16;
        }
        if self.providers.len() >= usize::from(u16::MAX) {
            return 0;
        }
        self.providers.push(name.into());
        (self.providers.len() - 1) as u16
    }

    /// The name of a provider.
    pub(crate) fn provider_name(&self, number: u16) -> &str {
        self.providers.get(usize::from(number)).map_or("", |name| name)
    }

    /// What a failure means.
    pub(crate) fn judge(&self, failure: &Failure<'_>) -> Arc<Verdict> {
        Arc::new(by_code(failure))
    }
}

/// A verdict from the enhanced code alone.
fn by_code(failure: &Failure<'_>) -> Verdict {
    let code = failure.enhanced_code;
    let (reason, scope, fault) = match code.split_once('.').map_or("", |(_, rest)| rest) {
        "1.1" | "1.10" => (Reason::UnknownRecipient, Scope::Recipient, Fault::Recipient),
        "2.1" => (Reason::InactiveRecipient, Scope::Recipient, Fault::Recipient),
        "2.2" => (Reason::MailboxFull, Scope::Recipient, Fault::Recipient),
        _ => (Reason::Unclassified, Scope::Unknown, Fault::Unknown),
    };
    Verdict { reason: Some(reason), scope, fault, permanent: !failure.deferred, retry: failure.deferred, ..Verdict::default() }
}
