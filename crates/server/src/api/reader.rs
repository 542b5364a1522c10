//! Who reads an answer: what he may see, and in which zone.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono_tz::Tz;
use mailvane_analytics::Within;

use super::Api;
use super::problem::Problem;
use crate::access::Identity;
use crate::access::address::Origin;

/// What the guard found out about a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Who asks, if known.
    pub(crate) identity: Option<Arc<Identity>>,
    /// From where.
    pub(crate) origin: Arc<Origin>,
}

impl Caller {
    /// The address of whoever asks.
    pub(crate) fn address(&self) -> IpAddr {
        self.origin.address
    }
}

/// A known reader: every question about mail is asked by one.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    /// Who it is.
    pub(crate) identity: Arc<Identity>,
    /// The zone of answers unless another is asked for.
    pub(crate) zone: Tz,
}

impl Reader {
    /// The domains he may see; none means all.
    pub(crate) fn within(&self) -> Option<&Within> {
        self.identity.within.as_ref()
    }

    /// Somebody who may see everything, in UTC.
    #[cfg(test)]
    pub(crate) fn of_all() -> Self {
        Reader { identity: Arc::new(Identity::open()), zone: Tz::UTC }
    }
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Problem> {
        // Without the guard before it no request is answered.
        parts.extensions.get::<Caller>().cloned().ok_or_else(Problem::login_required)
    }
}

impl FromRequestParts<Arc<Api>> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, api).await?;
        let identity = caller.identity.ok_or_else(Problem::login_required)?;
        Ok(Reader { identity, zone: api.shared.about.zone })
    }
}
