//! The seam to `reply`: what a failure means, and who runs a relay.

use std::sync::Arc;

use ahash::AHashMap;

use mailvane_model::Verdict;
use mailvane_reply::judge::{Failure, Judge};
use mailvane_reply::provider::Providers;

/// Relay hosts whose provider is remembered. Past it all are asked for again.
const HOSTS: usize = 50_000;

/// Judges failures and names providers.
#[derive(Debug)]
pub(crate) struct Verdicts {
    judge: Judge,
    providers: Providers,
    provider_of_host: AHashMap<Box<str>, Arc<str>>,
    nobody: Arc<str>,
}

impl Default for Verdicts {
    fn default() -> Self {
        Verdicts { judge: Judge::embedded(), providers: Providers::embedded(), provider_of_host: AHashMap::new(), nobody: "".into() }
    }
}

impl Verdicts {
    /// Judges by these rules and names providers by this list from now on.
    pub(crate) fn replace(&mut self, judge: Judge, providers: Providers) {
        (self.judge, self.providers) = (judge, providers);
        self.provider_of_host.clear();
    }

    /// The provider that runs a host; empty when nobody is known.
    #[inline]
    pub(crate) fn provider(&mut self, host: &str) -> Arc<str> {
        if host.is_empty() {
            return self.nobody.clone();
        }
        match self.provider_of_host.get(host) {
            Some(provider) => provider.clone(),
            None => self.new_host(host),
        }
    }

    fn new_host(&mut self, host: &str) -> Arc<str> {
        if self.provider_of_host.len() >= HOSTS {
            self.provider_of_host.clear();
        }
        let provider: Arc<str> = self.providers.of_host(host).into();
        self.provider_of_host.insert(host.into(), provider.clone());
        provider
    }

    /// The version of the rules.
    pub(crate) fn version(&self) -> u32 {
        self.judge.version()
    }

    /// What a failure means.
    pub(crate) fn judge(&self, failure: &Failure<'_>) -> Arc<Verdict> {
        self.judge.judge(failure)
    }

    /// What a refusal of ours means.
    pub(crate) fn judge_own(&self, failure: &Failure<'_>) -> Arc<Verdict> {
        self.judge.judge_own(failure)
    }
}
