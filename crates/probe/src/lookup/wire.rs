//! Questions to bytes and bytes to replies. Nothing of hickory leaves the folder `lookup`.

use hickory_resolver::proto::dnssec::PublicKey;
use hickory_resolver::proto::dnssec::rdata::DNSSECRData;
use hickory_resolver::proto::op::{DnsRequestOptions, Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_resolver::proto::rr::{Name, RData, Record as WireRecord, RecordType};

use super::{Data, Kind, Outcome, Question, Record, name};

/// Bytes of an answer over UDP that we take before TCP is tried: what passes every path unbroken (RFC 9715).
pub(super) const UDP_PAYLOAD: u16 = 1232;
/// Most CNAME records followed inside one answer.
const ALIAS_LIMIT: usize = 16;

/// A full stop inside a label, in our form: a character that cannot be asked for, so that such a name is shown and never confused.
const INNER_STOP: char = '\u{ff0e}';

/// The wire form of a name. Characters up to U+00FF stand for the byte of the same number, as [`from_wire`] writes them.
pub(super) fn to_wire(text: &str) -> Result<Name, String> {
    if let Some(defect) = name::defect(text) {
        return Err(format!("{text}: {defect}"));
    }
    let mut labels: Vec<Vec<u8>> = Vec::new();
    for label in name::labels(text) {
        let bytes: Option<Vec<u8>> = label.chars().map(|letter| u8::try_from(letter).ok()).collect();
        labels.push(bytes.ok_or_else(|| format!("{text}: letters outside of DNS; write the name in its `xn--` form"))?);
    }
    Name::from_labels(labels.iter().map(Vec::as_slice)).map_err(|error| format!("{text}: {error}"))
}

/// Our form of a name: lower case, each byte as the character of the same number.
pub(super) fn from_wire(wire: &Name) -> String {
    let label = |bytes: &[u8]| -> String { bytes.iter().map(|byte| if *byte == b'.' { INNER_STOP } else { char::from(*byte) }).collect() };
    wire.iter().map(label).collect::<Vec<_>>().join(".").to_ascii_lowercase()
}

/// hickory's word for a kind.
pub(super) fn record_type(kind: Kind) -> RecordType {
    match kind {
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
        Kind::Caa => RecordType::CAA,
        Kind::Cname => RecordType::CNAME,
        Kind::Dnskey => RecordType::DNSKEY,
        Kind::Ds => RecordType::DS,
        Kind::Mx => RecordType::MX,
        Kind::Ns => RecordType::NS,
        Kind::Ptr => RecordType::PTR,
        Kind::Rrsig => RecordType::RRSIG,
        Kind::Soa => RecordType::SOA,
        Kind::Spf => RecordType::Unknown(99),
        Kind::Tlsa => RecordType::TLSA,
        Kind::Txt => RecordType::TXT,
    }
}

/// The bytes of a question.
pub(super) fn encode(question: &Question, id: u16) -> Result<Vec<u8>, String> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = question.recursive;
    message.metadata.checking_disabled = question.unchecked;
    // AD in a question asks a validating resolver to say whether it checked (RFC 6840 section 5.7).
    message.metadata.authentic_data = true;
    message.add_query(Query::query(to_wire(&question.name)?, record_type(question.kind)));
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD);
    message.set_edns(edns);
    message.to_vec().map_err(|error| error.to_string())
}

/// The bytes of a question as hickory's validator puts it: signatures asked for, all checking left to us.
pub(super) fn encode_for_validation(query: &Query, options: &DnsRequestOptions, id: u16) -> Result<Vec<u8>, String> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = options.recursion_desired;
    message.metadata.checking_disabled = true;
    message.add_query(query.clone());
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD).set_dnssec_ok(true);
    message.set_edns(edns);
    message.to_vec().map_err(|error| error.to_string())
}

/// Bytes that were read as a message and fit the question.
pub(super) struct Decoded {
    pub(super) message: Message,
    pub(super) truncated: bool,
}

/// Reads bytes; `None` when they answer something else (a late or forged packet), an error when they answer us and cannot be read.
pub(super) fn decode(bytes: &[u8], id: u16, asked: &Name, kind: RecordType) -> Option<Result<Decoded, String>> {
    if bytes.len() < 12 || bytes[..2] != id.to_be_bytes() || bytes[2] & 0x80 == 0 {
        return None;
    }
    let message = match Message::from_vec(bytes).or_else(|error| lenient(bytes).ok_or(error)) {
        Ok(message) => message,
        Err(error) => return Some(Err(error.to_string())),
    };
    // Servers that refuse may leave out the question.
    if message.queries.first().is_some_and(|query| query.name() != asked || query.query_type() != kind) {
        return None;
    }
    let truncated = message.metadata.truncation;
    Some(Ok(Decoded { message, truncated }))
}

/// A record without data, as a TXT record of no strings, makes hickory refuse the whole message, except in an update: so it is read as one.
fn lenient(bytes: &[u8]) -> Option<Message> {
    const UPDATE: u8 = 5 << 3;
    let mut bytes = bytes.to_vec();
    bytes[2] = bytes[2] & 0x87 | UPDATE;
    Message::from_vec(&bytes).ok()
}

/// What a message says.
pub(super) struct Said {
    pub(super) outcome: Outcome,
    pub(super) ttl: Option<u32>,
    pub(super) aliases: Vec<String>,
    pub(super) raw: String,
}

/// The meaning of a message as the answer to a question.
pub(super) fn read(message: &Message, question: &Question) -> Said {
    let raw: Vec<String> = message.answers.iter().map(ToString::to_string).collect();
    let (aliases, records) = follow(message, question);
    let ttl = records.iter().map(|record| record.ttl).min().or_else(|| negative_ttl(message));
    let outcome = outcome(message, question, &aliases, records);
    Said { outcome, ttl, aliases, raw: raw.join("\n") }
}

fn outcome(message: &Message, question: &Question, aliases: &[String], records: Vec<Record>) -> Outcome {
    match message.metadata.response_code {
        ResponseCode::NoError if !records.is_empty() => Outcome::Found(records),
        ResponseCode::NoError => match aliases.last() {
            Some(last) if !has_soa(message) => Outcome::Alias(last.clone()),
            _ => nothing(message, question),
        },
        // Also with CNAME records before it: it speaks of the last name (RFC 6604 section 3).
        ResponseCode::NXDomain => Outcome::NxDomain,
        ResponseCode::ServFail => failure(message),
        ResponseCode::Refused => Outcome::Refused,
        other => Outcome::Code(other.to_str().to_owned()),
    }
}

/// No error and no record: none of this kind, or a referral.
fn nothing(message: &Message, question: &Question) -> Outcome {
    let hosts: Vec<String> = message
        .authorities
        .iter()
        .filter(|record| name::is_within(&question.name, &from_wire(&record.name)))
        .filter_map(|record| if let RData::NS(host) = &record.data { Some(from_wire(&host.0)) } else { None })
        .collect();
    if hosts.is_empty() || has_soa(message) || message.metadata.authoritative { Outcome::NoData } else { Outcome::Referral(hosts) }
}

fn has_soa(message: &Message) -> bool {
    message.authorities.iter().any(|record| matches!(record.data, RData::SOA(_)))
}

/// How long "there is none" may be kept (RFC 2308 section 5).
fn negative_ttl(message: &Message) -> Option<u32> {
    message.authorities.iter().find_map(|record| if let RData::SOA(soa) = &record.data { Some(record.ttl.min(soa.minimum)) } else { None })
}

/// Follows the CNAME records of the answer section to the records asked for.
fn follow(message: &Message, question: &Question) -> (Vec<String>, Vec<Record>) {
    let kind = record_type(question.kind);
    let mut owner = question.name.clone();
    let mut aliases = Vec::new();
    while aliases.len() < ALIAS_LIMIT {
        let here: Vec<&WireRecord> = message.answers.iter().filter(|record| from_wire(&record.name) == owner).collect();
        let found: Vec<Record> = here.iter().filter(|record| record.record_type() == kind).map(|record| convert(record)).collect();
        if !found.is_empty() {
            return (aliases, found);
        }
        let next = here.iter().find_map(|record| if let RData::CNAME(target) = &record.data { Some(from_wire(&target.0)) } else { None });
        match next {
            Some(next) if !aliases.contains(&next) => {
                aliases.push(next.clone());
                owner = next;
            }
            _ => break,
        }
    }
    (aliases, Vec::new())
}

/// SERVFAIL, with what the server says about why (RFC 8914); codes 5 to 12 speak of signatures.
fn failure(message: &Message) -> Outcome {
    let Some((code, text)) = extended_error(message) else { return Outcome::ServFail(String::new()) };
    let why = match (extended_word(code), text.is_empty()) {
        (Some(word), true) => word.to_owned(),
        (Some(word), false) => format!("{word}: {text}"),
        (None, _) => format!("extended error {code} {text}").trim_end().to_owned(),
    };
    if (5..=12).contains(&code) { Outcome::Bogus(why) } else { Outcome::ServFail(why) }
}

fn extended_error(message: &Message) -> Option<(u16, String)> {
    let option = message.edns.as_ref()?.option(EdnsCode::Unknown(15))?;
    let EdnsOption::Unknown(15, bytes) = option else { return None };
    let code = u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]);
    Some((code, String::from_utf8_lossy(&bytes[2..]).into_owned()))
}

const fn extended_word(code: u16) -> Option<&'static str> {
    Some(match code {
        5 => "DNSSEC indeterminate",
        6 => "DNSSEC bogus",
        7 => "signature expired",
        8 => "signature not yet valid",
        9 => "DNSKEY missing",
        10 => "RRSIGs missing",
        11 => "no zone key bit set",
        12 => "NSEC missing",
        22 => "no reachable authority",
        23 => "network error",
        27 => "unsupported NSEC3 iterations",
        _ => return None,
    })
}

fn convert(record: &WireRecord) -> Record {
    Record { name: from_wire(&record.name), ttl: record.ttl, data: data(&record.data) }
}

fn data(data: &RData) -> Data {
    match data {
        RData::A(address) => Data::A(address.0),
        RData::AAAA(address) => Data::Aaaa(address.0),
        RData::CAA(caa) => Data::Caa {
            critical: caa.issuer_critical,
            tag: caa.tag.to_ascii_lowercase(),
            value: String::from_utf8_lossy(&caa.value).into_owned(),
        },
        RData::CNAME(target) => Data::Cname(from_wire(&target.0)),
        RData::MX(mx) => Data::Mx { preference: mx.preference, host: from_wire(&mx.exchange) },
        RData::NS(host) => Data::Ns(from_wire(&host.0)),
        RData::PTR(host) => Data::Ptr(from_wire(&host.0)),
        RData::SOA(soa) => Data::Soa {
            mname: from_wire(&soa.mname),
            rname: from_wire(&soa.rname),
            serial: soa.serial,
            refresh: i64::from(soa.refresh),
            retry: i64::from(soa.retry),
            expire: i64::from(soa.expire),
            minimum: soa.minimum,
        },
        RData::TLSA(tlsa) => Data::Tlsa {
            usage: tlsa.cert_usage.into(),
            selector: tlsa.selector.into(),
            matching: tlsa.matching.into(),
            data: tlsa.cert_data.clone(),
        },
        RData::TXT(txt) => Data::Txt(txt.txt_data.iter().map(|part| part.to_vec()).collect()),
        RData::DNSSEC(data) => signed(data),
        other => Data::Other(other.to_string()),
    }
}

fn signed(data: &DNSSECRData) -> Data {
    match data {
        DNSSECRData::DNSKEY(key) => Data::Dnskey {
            flags: key.flags(),
            algorithm: u8::from(key.public_key().algorithm()),
            key: key.public_key().public_bytes().to_vec(),
            tag: key.calculate_key_tag().unwrap_or_default(),
        },
        DNSSECRData::DS(ds) => Data::Ds { tag: ds.key_tag(), algorithm: u8::from(ds.algorithm()), digest_type: u8::from(ds.digest_type()) },
        DNSSECRData::RRSIG(signature) => {
            let input = signature.input();
            Data::Rrsig {
                covers: input.type_covered.to_string(),
                algorithm: u8::from(input.algorithm),
                inception: i64::from(input.sig_inception.get()),
                expiration: i64::from(input.sig_expiration.get()),
                signer: from_wire(&input.signer_name),
                tag: input.key_tag,
            }
        }
        other => Data::Other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for name in ["", "example.com", "_dmarc.example.com", "a b%20.example.com", "\u{e4}.example"] {
            assert_eq!(from_wire(&to_wire(name).unwrap()), name);
        }
        let inner = Name::from_labels([&b"a.b"[..], b"example"]).unwrap();
        assert!(to_wire(&from_wire(&inner)).is_err());
        assert!(to_wire("\u{4e2d}.example").is_err());
    }

    #[test]
    fn a_record_without_data_does_not_hide_the_others() {
        let mut bytes = encode(&Question::new("example.com", Kind::Txt), 7).unwrap();
        let question = 12 + 13 + 4;
        bytes.truncate(question);
        bytes[2] |= 0x80;
        (bytes[7], bytes[11]) = (2, 0);
        bytes.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 9, 0, 3, 2, b'h', b'i']);
        bytes.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 9, 0, 0]);
        let decoded = decode(&bytes, 7, &to_wire("example.com").unwrap(), RecordType::TXT).unwrap().map_err(|_| ()).unwrap();
        let said = read(&decoded.message, &Question::new("example.com", Kind::Txt));
        let texts: Vec<String> = said.outcome.records().iter().filter_map(|record| record.data.text()).collect();
        assert_eq!(texts, ["hi"]);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]
        #[test]
        fn no_packet_makes_it_panic(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120)) {
            if bytes.len() > 2 {
                (bytes[0], bytes[1]) = (0, 7);
                bytes[2] |= 0x80;
            }
            if let Some(Ok(decoded)) = decode(&bytes, 7, &Name::root(), RecordType::TXT) {
                let _ = read(&decoded.message, &Question::new("", Kind::Txt));
            }
        }
    }
}
