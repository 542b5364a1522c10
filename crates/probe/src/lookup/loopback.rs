//! Real name servers on loopback for tests: a zone, signed or not, a server that says nothing, one that refuses or fails.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::dnssec::crypto::EcdsaSigningKey;
use hickory_resolver::proto::dnssec::rdata::DNSKEY;
use hickory_resolver::proto::dnssec::{Algorithm, DnssecSigner, SigningKey, TrustAnchors};
use hickory_resolver::proto::rr::rdata::{A, MX, NS, SOA, TXT};
use hickory_resolver::proto::rr::{LowerName, Name, RData, Record};
use hickory_server::Server as NameServer;
use hickory_server::dnssec::NxProofKind;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use tokio::net::{TcpListener, UdpSocket};

/// A zone `example.test` and who serves it. The server ends with the runtime of the test.
pub(super) struct Loopback {
    pub(super) address: SocketAddr,
    pub(super) anchors: TrustAnchors,
}

/// How the zone is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    No,
    Yes,
    /// A record is changed after signing.
    Broken,
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn records() -> Vec<Record> {
    let at = |owner: &str, data: RData| Record::from_rdata(name(owner), 300, data);
    let soa = SOA::new(name("ns1.example.test."), name("host.example.test."), 1, 86_400, 7200, 3_600_000, 300);
    let long = |number: usize| RData::TXT(TXT::new(vec![format!("{number}{}", "x".repeat(240)); 8]));
    let mut records = vec![
        at("example.test.", RData::SOA(soa)),
        at("example.test.", RData::NS(NS(name("ns1.example.test.")))),
        at("example.test.", RData::MX(MX::new(10, name("mx.example.test.")))),
        at("example.test.", RData::TXT(TXT::new(vec!["v=spf1 ".to_owned(), "mx -all".to_owned()]))),
        at("mx.example.test.", RData::A(A::new(192, 0, 2, 10))),
        at("ns1.example.test.", RData::A(A::new(192, 0, 2, 53))),
    ];
    records.extend((0..4).map(|number| at("long.example.test.", long(number))));
    records
}

impl Loopback {
    /// Serves the zone.
    pub(super) async fn zone(signed: Signed) -> Loopback {
        let origin = name("example.test.");
        let mut zone: InMemoryZoneHandler<TokioRuntimeProvider> =
            InMemoryZoneHandler::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny, Some(NxProofKind::Nsec));
        for record in records() {
            assert!(zone.upsert_mut(record, 1));
        }
        let mut anchors = TrustAnchors::empty();
        if signed != Signed::No {
            let der = EcdsaSigningKey::generate_pkcs8(Algorithm::ECDSAP256SHA256).unwrap();
            let key = EcdsaSigningKey::from_pkcs8(&der, Algorithm::ECDSAP256SHA256).unwrap();
            let public = key.to_public_key().unwrap();
            anchors.insert_with_name(&public, LowerName::from(&origin));
            let signer = DnssecSigner::new(DNSKEY::from_key(&public), Box::new(key), origin.clone(), Duration::from_secs(86_400));
            zone.add_zone_signing_key_mut(signer).unwrap();
            zone.secure_zone_mut().unwrap();
        }
        if signed == Signed::Broken {
            tamper(&mut zone);
        }
        let mut catalog = Catalog::new();
        catalog.upsert(LowerName::from(&origin), vec![Arc::new(zone)]);
        let mut server = NameServer::new(catalog);
        let (udp, tcp) = sockets().await;
        let address = udp.local_addr().unwrap();
        server.register_socket(udp);
        server.register_listener(tcp, Duration::from_secs(5), 64);
        tokio::spawn(async move { server.block_until_done().await });
        Loopback { address, anchors }
    }

    /// Takes questions and never answers.
    pub(super) async fn silent() -> (SocketAddr, UdpSocket) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        (socket.local_addr().unwrap(), socket)
    }

    /// Answers every question with this code, after a packet that answers nothing of ours.
    pub(super) async fn failing(code: u8) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let mut answer = buffer[..length].to_vec();
                answer[2] |= 0x80;
                answer[3] = code;
                let mut forged = answer.clone();
                forged[0] ^= 0xff;
                let _ = socket.send_to(&forged, from).await;
                let _ = socket.send_to(&answer, from).await;
            }
        });
        address
    }
}

/// Gives the MX record another host, and leaves the signature over the old one.
fn tamper(zone: &mut InMemoryZoneHandler<TokioRuntimeProvider>) {
    use hickory_resolver::proto::rr::{RecordType, RrKey};
    let key = RrKey::new(LowerName::from(name("example.test.")), RecordType::MX);
    let set = zone.records_get_mut().get_mut(&key).unwrap();
    let signatures: Vec<Record> = set.records_with_rrsigs().filter(|record| record.record_type() == RecordType::RRSIG).cloned().collect();
    let mut changed = hickory_resolver::proto::rr::RecordSet::new(name("example.test."), RecordType::MX, 1);
    changed.insert(Record::from_rdata(name("example.test."), 300, RData::MX(MX::new(10, name("evil.example.test.")))), 1);
    for signature in signatures {
        changed.insert_rrsig(signature);
    }
    *set = Arc::new(changed);
}

/// A UDP socket and a TCP listener on the same port.
async fn sockets() -> (UdpSocket, TcpListener) {
    for _ in 0..50 {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
    panic!("no port is free for both UDP and TCP");
}
