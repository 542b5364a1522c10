//! Does a server still speak TLS 1.0 or 1.1, which RFC 8996 bans? No library of ours offers them, so one hello is written by hand
//! and only the first bytes of the answer are read. Nothing is ever sent by such a connection.

use super::{Fault, Talk};

/// TLS 1.1 on the wire: what we offer at most.
const VERSION: [u8; 2] = [3, 2];
/// Suites of that time: ECDHE and RSA with AES in CBC mode.
const SUITES: [u16; 8] = [0xc013, 0xc014, 0xc009, 0xc00a, 0x0033, 0x0039, 0x002f, 0x0035];
/// Bytes of the answer that tell: record head, then the head of the hello or the alert.
const HEAD: usize = 7;

/// What the server made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It went on with this version.
    Accepted(&'static str),
    /// It refused.
    Refused,
}

/// Offers TLS 1.1 at most, on a connection where a handshake may begin.
pub async fn offer(talk: &mut Talk, host: &str) -> Result<Answer, Fault> {
    let head = match talk.exchange_raw(&hello(host), HEAD).await {
        Ok(head) => head,
        // Some servers just hang up.
        Err(Fault::Closed) => return Ok(Answer::Refused),
        Err(fault) => return Err(fault),
    };
    // A handshake record whose first message is a ServerHello: the version of the record is the one chosen.
    match (head[0], head[5], [head[1], head[2]]) {
        (22, 2, [3, 1]) => Ok(Answer::Accepted("TLS 1.0")),
        (22, 2, [3, 2]) => Ok(Answer::Accepted("TLS 1.1")),
        (21 | 22, ..) => Ok(Answer::Refused),
        _ => Err(Fault::Garbage("what came back is not TLS".to_owned())),
    }
}

/// A ClientHello (RFC 4346 section 7.4.1.2). Its random bytes need not be secret, for no keys will follow from it.
fn hello(host: &str) -> Vec<u8> {
    let mut body = VERSION.to_vec();
    body.extend((0..32u8).map(|at| at.wrapping_mul(37).wrapping_add(11)));
    body.push(0);
    body.extend((SUITES.len() as u16 * 2).to_be_bytes());
    body.extend(SUITES.iter().flat_map(|suite| suite.to_be_bytes()));
    body.extend([1, 0]);
    let mut extensions = Vec::new();
    if host.parse::<std::net::IpAddr>().is_err() && host.len() < 256 {
        let length = host.len() as u16;
        let entry = [(length + 3).to_be_bytes().as_slice(), &[0], &length.to_be_bytes(), host.as_bytes()].concat();
        extension(&mut extensions, 0, &entry);
    }
    // Groups secp256r1, secp384r1, x25519; points uncompressed; secure renegotiation.
    extension(&mut extensions, 10, &[0, 6, 0, 23, 0, 24, 0, 29]);
    extension(&mut extensions, 11, &[1, 0]);
    extension(&mut extensions, 0xff01, &[0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let mut message = vec![1];
    message.extend(&(body.len() as u32).to_be_bytes()[1..]);
    message.extend(body);
    let mut record = vec![22, 3, 1];
    record.extend((message.len() as u16).to_be_bytes());
    record.extend(message);
    record
}

fn extension(out: &mut Vec<u8>, kind: u16, data: &[u8]) {
    out.extend(kind.to_be_bytes());
    out.extend((data.len() as u16).to_be_bytes());
    out.extend(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_of_the_hello_is_right() {
        for host in ["mail.example.com", "192.0.2.1"] {
            let hello = hello(host);
            let of = |at: usize| usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
            assert_eq!(of(3), hello.len() - 5);
            assert_eq!(of(7), hello.len() - 9);
            let extensions = 5 + 4 + 2 + 32 + 1 + 2 + SUITES.len() * 2 + 2;
            assert_eq!(of(extensions), hello.len() - extensions - 2);
        }
    }
}
