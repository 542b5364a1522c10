//! DNSSEC checked by ourselves (RFC 4033 to 4035): the chain of signatures from the root down, over a resolver that only carries it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::StreamExt;
use futures_util::stream::{Stream, once};
use hickory_resolver::net::dnssec::DnssecDnsHandle;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::DnsHandle;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::rdata::DNSSECRData;
use hickory_resolver::proto::dnssec::{Proof, TrustAnchors};
use hickory_resolver::proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Query};
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use super::network::Server;
use super::{Boxed, Kind, Outcome, wire};

/// What the signatures say about an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Security {
    /// The chain holds from the root down to the answer (or to the proof that there is none).
    Secure,
    /// The zone is not signed, and its parent says so.
    Insecure,
    /// There should be signatures that hold, and there are not.
    Bogus(String),
    /// It could not be found out.
    Unknown(String),
}

/// A signature over the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// When it ends, in seconds since the epoch.
    pub expiration: i64,
    /// Its algorithm (the IANA registry of DNSSEC algorithm numbers).
    pub algorithm: u8,
}

/// An answer and what its signatures say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The result.
    pub security: Security,
    /// The signatures over the records asked for.
    pub signatures: Vec<Signature>,
    /// Whose answers it rests on.
    pub server: String,
}

/// Something that judges signatures.
pub trait Judge: Send + Sync {
    /// Judges the records of one kind at a name.
    fn judge<'a>(&'a self, name: &'a str, kind: Kind) -> Boxed<'a, Judgement>;
}

/// The keys that chains of signatures begin with.
#[derive(Clone)]
pub struct Anchors {
    keys: Arc<TrustAnchors>,
    /// The chain begins at the root, so a resolver that carries it has to hand out the signed keys of the root.
    of_root: bool,
}

impl Default for Anchors {
    /// Those of the root.
    fn default() -> Self {
        Anchors { keys: Arc::new(TrustAnchors::default()), of_root: true }
    }
}

impl Anchors {
    /// Keys of other zones, as DNSKEY records in the form of a zone file: for zones that hang below no signed parent, and for networks
    /// with a root of their own.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn read(text: &str) -> Result<Self, String> {
        let keys: TrustAnchors = text.parse().map_err(|error| format!("no DNSKEY records: {error}"))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(';')).count();
        if lines == 0 {
            return Err("there is no DNSKEY record in it".to_owned());
        }
        Ok(Anchors { of_root: !keys.is_empty(), keys: Arc::new(keys) })
    }
}

/// Judges by asking one resolver for records, keys and signatures, and checking all of them here.
pub struct Validator {
    server: Server,
    anchors: Anchors,
}

impl Validator {
    /// A validator over a resolver (or an authoritative server of everything, in tests), which trusts these keys.
    pub const fn new(server: Server, anchors: Anchors) -> Self {
        Validator { server, anchors }
    }

    async fn judged(&self, name: &str, kind: Kind) -> Judgement {
        let server = self.server.address().to_string();
        let unknown = |why: String| Judgement { security: Security::Unknown(why), signatures: Vec::new(), server: server.clone() };
        let asked = match wire::to_wire(name) {
            Ok(asked) => asked,
            Err(defect) => return unknown(defect),
        };
        let carrier = Carrier { server: self.server.clone(), failures: Arc::default(), unsigned: Arc::default() };
        let (failures, unsigned) = (Arc::clone(&carrier.failures), Arc::clone(&carrier.unsigned));
        let root = carrier.clone();
        let handle = DnssecDnsHandle::with_trust_anchor(carrier, Arc::clone(&self.anchors.keys));
        let mut options = DnsRequestOptions::default();
        options.use_edns = true;
        options.edns_set_dnssec_ok = true;
        let answer = handle.lookup(Query::query(asked, wire::record_type(kind)), options).next().await;
        // A question that failed on the way looks like a broken chain to the checker: it is not one.
        if failures.load(Ordering::Relaxed) > 0 {
            return unknown("a question about keys or signatures was not answered".to_owned());
        }
        if unsigned.load(Ordering::Relaxed) > 0 {
            return unknown("the resolver does not hand out signatures".to_owned());
        }
        let judgement = match answer {
            Some(Ok(response)) => {
                Judgement { security: proof_of(&response), signatures: signatures(&response, kind), server: server.clone() }
            }
            Some(Err(error)) => Judgement { security: of_error(&error), signatures: Vec::new(), server: server.clone() },
            None => return unknown("no answer".to_owned()),
        };
        if self.anchors.of_root && matches!(judgement.security, Security::Bogus(_)) && !root.reaches_root().await {
            return unknown("the resolver does not hand out the signed keys of the root".to_owned());
        }
        judgement
    }
}

impl Judge for Validator {
    fn judge<'a>(&'a self, name: &'a str, kind: Kind) -> Boxed<'a, Judgement> {
        Box::pin(self.judged(name, kind))
    }
}

/// The worst proof among the records of an answer, or of its denial.
fn proof_of(response: &DnsResponse) -> Security {
    let proofs = |records: &[hickory_resolver::proto::rr::Record]| -> Vec<Proof> {
        records.iter().filter(|record| !matches!(record.data, RData::DNSSEC(DNSSECRData::RRSIG(_)))).map(|record| record.proof).collect()
    };
    let mut found = proofs(&response.answers);
    if found.is_empty() {
        found = proofs(&response.authorities);
    }
    if found.is_empty() {
        return Security::Unknown("an answer without records or proof".to_owned());
    }
    if found.contains(&Proof::Bogus) {
        return Security::Bogus("a signature is missing, run out or wrong".to_owned());
    }
    if found.contains(&Proof::Indeterminate) {
        return Security::Unknown("no chain from the root could be followed".to_owned());
    }
    if found.contains(&Proof::Insecure) { Security::Insecure } else { Security::Secure }
}

fn of_error(error: &NetError) -> Security {
    match error {
        NetError::Dns(DnsError::Nsec { proof, .. }) => match proof {
            Proof::Bogus => Security::Bogus("the proof that there is no such record does not hold".to_owned()),
            Proof::Insecure => Security::Insecure,
            Proof::Secure => Security::Secure,
            Proof::Indeterminate => Security::Unknown(error.to_string()),
        },
        NetError::Dns(DnsError::DnssecBogus) => Security::Bogus("signatures do not hold".to_owned()),
        _ => Security::Unknown(error.to_string()),
    }
}

fn signatures(response: &DnsResponse, kind: Kind) -> Vec<Signature> {
    let covered = wire::record_type(kind);
    let rrsigs = response.answers.iter().filter_map(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) if signature.input().type_covered == covered => Some(signature.input()),
        _ => None,
    });
    rrsigs.map(|input| Signature { expiration: i64::from(input.sig_expiration.get()), algorithm: u8::from(input.algorithm) }).collect()
}

/// Carries hickory's questions to one server, and remembers what went wrong on the way.
#[derive(Clone)]
struct Carrier {
    server: Server,
    failures: Arc<AtomicU32>,
    unsigned: Arc<AtomicU32>,
}

impl Carrier {
    /// Does the server hand out the keys of the root with a signature?
    async fn reaches_root(self) -> bool {
        let mut options = DnsRequestOptions::default();
        options.edns_set_dnssec_ok = true;
        let query = Query::query(Name::root(), RecordType::DNSKEY);
        let answer = self.carry(DnsRequest::from_query(query, options)).await;
        answer.is_ok_and(|response| response.answers.iter().any(is_signature))
    }

    async fn carry(self, request: DnsRequest) -> Result<DnsResponse, NetError> {
        let Some(query) = request.queries.first().cloned() else { return Err(NetError::Message("no question")) };
        let options = *request.options();
        let answer = self.server.exchange(query.name(), query.query_type(), |id| wire::encode_for_validation(&query, &options, id)).await;
        match answer {
            Ok((decoded, _)) => {
                // The root is signed: its keys without a signature mean that somebody on the way takes signatures away.
                let stripped = query.name().is_root()
                    && !decoded.message.answers.is_empty()
                    && decoded.message.answers.iter().all(|record| !is_signature(record));
                self.unsigned.fetch_add(u32::from(stripped), Ordering::Relaxed);
                let refused = !matches!(
                    decoded.message.metadata.response_code,
                    hickory_resolver::proto::op::ResponseCode::NoError | hickory_resolver::proto::op::ResponseCode::NXDomain
                );
                self.failures.fetch_add(u32::from(refused), Ordering::Relaxed);
                DnsResponse::from_message(decoded.message.into_response()).map_err(NetError::from)
            }
            Err(outcome) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                Err(if outcome == Outcome::Timeout { NetError::Timeout } else { NetError::Msg(outcome.to_string()) })
            }
        }
    }
}

fn is_signature(record: &hickory_resolver::proto::rr::Record) -> bool {
    matches!(record.data, RData::DNSSEC(DNSSECRData::RRSIG(_)))
}

impl DnsHandle for Carrier {
    type Response = Pin<Box<dyn Stream<Item = Result<DnsResponse, NetError>> + Send>>;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Self::Response {
        Box::pin(once(self.clone().carry(request)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::lookup::loopback::{Loopback, Signed};
    use crate::lookup::network::Patience;
    use crate::lookup::scripted::block_on;

    fn judge(signed: Signed, name: &str, kind: Kind) -> Judgement {
        block_on(async {
            let zone = Loopback::zone(signed).await;
            let server = Server::new(zone.address, Patience { each: Duration::from_secs(10), tries: 1 });
            Validator::new(server, Anchors { keys: Arc::new(zone.anchors), of_root: false }).judge(name, kind).await
        })
    }

    #[test]
    fn a_signed_zone_is_secure() {
        let judgement = judge(Signed::Yes, "example.test", Kind::Mx);
        assert_eq!(judgement.security, Security::Secure);
        assert_eq!(judgement.signatures.iter().map(|signature| signature.algorithm).collect::<Vec<_>>(), [13]);
    }

    #[test]
    fn a_signed_proof_that_there_is_none_is_secure() {
        assert_eq!(judge(Signed::Yes, "mx.example.test", Kind::Tlsa).security, Security::Secure);
    }

    #[test]
    fn a_record_changed_after_signing_is_bogus() {
        assert!(matches!(judge(Signed::Broken, "example.test", Kind::Mx).security, Security::Bogus(_)));
        assert_eq!(judge(Signed::Broken, "example.test", Kind::Txt).security, Security::Secure);
    }

    #[test]
    fn a_server_that_does_not_know_the_root_is_no_proof_of_anything() {
        let judgement = block_on(async {
            let zone = Loopback::zone(Signed::No).await;
            let server = Server::new(zone.address, Patience { each: Duration::from_secs(10), tries: 1 });
            Validator::new(server, Anchors::default()).judge("example.test", Kind::Mx).await
        });
        assert!(matches!(judgement.security, Security::Unknown(_)), "{judgement:?}");
    }

    #[test]
    fn anchors_are_read_from_a_zone_file() {
        let line = "example.test. 3600 IN DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==\n";
        assert!(Anchors::read(line).is_ok_and(|anchors| !anchors.of_root));
        assert!(Anchors::read("").is_err() && Anchors::read("no such thing").is_err());
    }

    #[test]
    fn silence_is_unknown_and_never_bogus() {
        let judgement = block_on(async {
            let (address, _socket) = Loopback::silent().await;
            let server = Server::new(address, Patience { each: Duration::from_millis(60), tries: 1 });
            Validator::new(server, Anchors::default()).judge("example.test", Kind::Mx).await
        });
        assert!(matches!(judgement.security, Security::Unknown(_)), "{judgement:?}");
    }
}
