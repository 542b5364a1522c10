//! Rows about records in DNS.

use std::path::Path;

use super::{DOMAIN, Row};
use crate::zone::{A, Failure, MX, NS, PTR, TLSA, TXT, Zone, base64, clean_of, rsa, wire};

/// Another zone, and what the check is told beside.
pub(crate) struct Change {
    /// The zone.
    pub(crate) zone: fn(Zone) -> Zone,
    /// More words of the command line.
    pub(crate) told: &'static [&'static str],
}

/// A row that changes the zone only.
const fn row(name: &'static str, expected: &'static [&'static str], zone: fn(Zone) -> Zone) -> Row<Change> {
    Row { name, change: Change { zone, told: &[] }, expected }
}

/// A row that tells the check of something else that our servers use.
const fn told(name: &'static str, told: &'static [&'static str], expected: &'static [&'static str], zone: fn(Zone) -> Zone) -> Row<Change> {
    Row { name, change: Change { zone, told }, expected }
}

/// The zone as it should be. SPF names the address itself, so that a row about the MX changes nothing else.
pub(crate) fn clean() -> Zone {
    let dbl = "dbl.spamhaus.org";
    clean_of(DOMAIN)
        .only_txt(DOMAIN, "v=spf1 ip4:192.0.2.10 -all")
        .caa("mail.example.test", "issue", "ca.example.net")
        // Block lists with their test entries, or they would not be believed.
        .a("2.0.0.127.zen.spamhaus.org", [127, 0, 0, 2])
        .a(&format!("dbltest.com.{dbl}"), [127, 0, 1, 2])
        .a("www.example.test", [192, 0, 2, 80])
}

/// The words of the command that looks at the clean domain.
pub(crate) fn command(resolvers: &[String], told: &[&str]) -> Vec<String> {
    let words = ["check", DOMAIN, "--json", "--ip", "192.0.2.10", "--helo", "mail.example.test", "--selector", "s1"];
    let resolvers = resolvers.iter().flat_map(|resolver| ["--resolver", resolver]);
    // What a row tells of addresses and names takes the place of the usual.
    let replaced = |option: &str| told.contains(&option) && ["--ip", "--helo"].contains(&option);
    let mut kept: Vec<&str> = words[..3].to_vec();
    kept.extend(words[3..].chunks(2).filter(|pair| !replaced(pair[0])).flatten());
    kept.into_iter().chain(resolvers).chain(told.iter().copied()).map(str::to_owned).collect()
}

/// A key that nobody publishes, as a signer would have it.
pub(crate) fn write_key(folder: &Path) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    std::fs::write(folder.join("dkim.key"), key.serialize_pem()).unwrap();
}

fn spf(zone: Zone, text: &str) -> Zone {
    zone.only_txt(DOMAIN, text)
}

fn dkim(zone: Zone, text: &str) -> Zone {
    zone.only_txt("s1._domainkey.example.test", text)
}

fn dmarc(zone: Zone, text: &str) -> Zone {
    zone.only_txt("_dmarc.example.test", text)
}

fn many(zone: Zone, count: u8, term: fn(String) -> String, record: fn(Zone, &str) -> Zone) -> Zone {
    let terms: Vec<String> = (0..count).map(|number| term(format!("n{number}.example.test"))).collect();
    let zone = spf(zone, &format!("v=spf1 ip4:192.0.2.10 {} -all", terms.join(" ")));
    (0..count).fold(zone, |zone, number| record(zone, &format!("n{number}.example.test")))
}

fn include(name: String) -> String {
    format!("include:{name}")
}

/// Where mail goes to.
const MX_ROWS: &[Row<Change>] = &[
    row("no MX record and no address", &["mx.exists"], |zone| zone.without(DOMAIN, MX)),
    row("no MX record, but an address", &["mx.exists"], |zone| zone.without(DOMAIN, MX).a(DOMAIN, [192, 0, 2, 80])),
    row("an MX host that does not exist", &["mx.host"], |zone| zone.mx(DOMAIN, "gone.example.test")),
    row("the only MX host has no address", &["mx.host", "mx.usable"], |zone| zone.without(DOMAIN, MX).mx(DOMAIN, "gone.example.test")),
    row("an MX host with a private address", &["mx.host"], |zone| zone.mx(DOMAIN, "in.example.test").a("in.example.test", [10, 0, 0, 1])),
    row("an MX host on loopback", &["mx.host"], |zone| zone.mx(DOMAIN, "in.example.test").a("in.example.test", [127, 0, 0, 1])),
    row("an MX that is an alias", &["mx.host"], |zone| {
        zone.mx(DOMAIN, "alias.example.test").cname("alias.example.test", "mail.example.test")
    }),
    row("an MX that is an address", &["mx.host"], |zone| zone.mx(DOMAIN, "192.0.2.10")),
    row("a null MX on a domain that sends", &["mx.null"], |zone| zone.without(DOMAIN, MX).mx(DOMAIN, "")),
    row("a null MX beside another", &["mx.null"], |zone| zone.mx(DOMAIN, "")),
    row("an MX host twice", &["mx.duplicate"], |zone| zone.add(DOMAIN, MX, [vec![0, 20], wire("mail.example.test")].concat())),
];

/// Names of the sending address.
const NAME_ROWS: &[Row<Change>] = &[
    row("a sending address without a name", &["ptr.exists"], |zone| zone.without("10.2.0.192.in-addr.arpa", PTR)),
    row("a name that does not lead back", &["ptr.confirmed"], |zone| {
        zone.without("10.2.0.192.in-addr.arpa", PTR).add("10.2.0.192.in-addr.arpa", PTR, wire("www.example.test"))
    }),
    row("a name that looks like one of a dial-up line", &["ptr.generic"], |zone| {
        zone.without("10.2.0.192.in-addr.arpa", PTR)
            .add("10.2.0.192.in-addr.arpa", PTR, wire("192-0-2-10.pool.example.net"))
            .a("192-0-2-10.pool.example.net", [192, 0, 2, 10])
    }),
    told("a HELO name without an address", &["--helo", "gone.example.test"], &["helo.name"], |zone| zone),
    told("HELO localhost", &["--helo", "localhost"], &["helo.name"], |zone| zone),
    told("a HELO name that leads elsewhere", &["--helo", "www.example.test"], &["helo.name"], |zone| zone),
    row("a sending address on a block list", &["dnsbl.listed"], |zone| zone.a("10.2.0.192.zen.spamhaus.org", [127, 0, 0, 4])),
    row("a domain on a block list", &["dnsbl.listed"], |zone| zone.a("example.test.dbl.spamhaus.org", [127, 0, 1, 4])),
    row("a block list that refuses to answer", &[], |zone| zone.a("10.2.0.192.zen.spamhaus.org", [127, 255, 255, 254])),
    row("a block list that lists the whole world", &[], |zone| {
        zone.a("10.2.0.192.zen.spamhaus.org", [127, 0, 0, 4]).a("1.0.0.127.zen.spamhaus.org", [127, 0, 0, 4])
    }),
];

/// Who may send.
const SPF_ROWS: &[Row<Change>] = &[
    row("no SPF record", &["spf.coverage", "spf.record"], |zone| zone.without(DOMAIN, TXT)),
    row("two SPF records", &["spf.coverage", "spf.record"], |zone| zone.txt(DOMAIN, "v=spf1 a -all")),
    row("a mechanism that does not exist", &["spf.coverage", "spf.syntax"], |zone| spf(zone, "v=spf1 ipv4:192.0.2.10 -all")),
    row("a sending address that SPF leaves out", &["spf.coverage"], |zone| spf(zone, "v=spf1 ip4:198.51.100.1 -all")),
    row("eleven lookups", &["spf.lookups"], |zone| many(zone, 11, include, |zone, at| zone.txt(at, "v=spf1 ip4:198.51.100.1 -all"))),
    row("nine lookups of ten", &["spf.lookups"], |zone| many(zone, 9, include, |zone, at| zone.txt(at, "v=spf1 ip4:198.51.100.1 -all"))),
    row("three terms that find nothing", &["spf.void", "spf.void-term"], |zone| many(zone, 3, |name| format!("a:{name}"), |zone, _| zone)),
    row("a term that finds nothing", &["spf.void-term"], |zone| spf(zone, "v=spf1 ip4:192.0.2.10 a:gone.example.test -all")),
    row("an include without a record", &["spf.below"], |zone| spf(zone, "v=spf1 ip4:192.0.2.10 include:gone.example.net -all")),
    row("an include with a broken record", &["spf.below"], |zone| {
        spf(zone, "v=spf1 ip4:192.0.2.10 include:spf.example.net -all").txt("spf.example.net", "v=spf1 ipv4:198.51.100.1 -all")
    }),
    row("an include that leads back", &["spf.loop"], |zone| {
        spf(zone, "v=spf1 ip4:192.0.2.10 include:spf.example.net -all").txt("spf.example.net", "v=spf1 include:example.test -all")
    }),
    row("an include whose name servers fail", &[], |zone| {
        spf(zone, "v=spf1 ip4:192.0.2.10 include:spf.broken.example -all").failing("broken.example", Failure::Broken)
    }),
    row("an include whose name servers are silent", &[], |zone| {
        spf(zone, "v=spf1 ip4:192.0.2.10 include:spf.silent.example -all").failing("silent.example", Failure::Silent)
    }),
    row("+all", &["spf.strength"], |zone| spf(zone, "v=spf1 ip4:192.0.2.10 +all")),
    row("?all", &["spf.strength"], |zone| spf(zone, "v=spf1 ip4:192.0.2.10 ?all")),
    row("a record without an end", &["spf.strength"], |zone| spf(zone, "v=spf1 ip4:192.0.2.10")),
    row("the mechanism ptr", &["spf.ptr"], |zone| spf(zone, "v=spf1 ip4:192.0.2.10 ptr -all")),
    row("terms after all", &["spf.after-all"], |zone| spf(zone, "v=spf1 ip4:192.0.2.10 -all ip4:198.51.100.1")),
    row("redirect beside all", &["spf.redirect"], |zone| {
        spf(zone, "v=spf1 ip4:192.0.2.10 -all redirect=spf.example.net").txt("spf.example.net", "v=spf1 -all")
    }),
    row("a huge network", &["spf.range"], |zone| spf(zone, "v=spf1 ip4:192.0.2.10 ip4:198.0.0.0/8 -all")),
    row("mx over eleven hosts", &["spf.hosts"], |zone| {
        let zone = spf(zone, "v=spf1 ip4:192.0.2.10 mx:many.example.net -all");
        (0..11u8).fold(zone, |zone, number| {
            let host = format!("h{number}.example.net");
            zone.mx("many.example.net", &host).a(&host, [198, 51, 100, number])
        })
    }),
    row("a record that needs a second try over TCP", &["spf.size"], |zone| {
        let terms: Vec<String> = (0..40).map(|number| format!("ip4:198.51.100.{number}")).collect();
        spf(zone, &format!("v=spf1 ip4:192.0.2.10 {} -all", terms.join(" ")))
    }),
    told("a smarthost that SPF does not know", &["--smarthost", "smtp.example.org"], &["spf.smarthost"], |zone| zone),
];

/// Signatures.
const DKIM_ROWS: &[Row<Change>] = &[
    row("no key for the selector", &["dkim.key"], |zone| zone.without("s1._domainkey.example.test", TXT)),
    row("a revoked key", &["dkim.key"], |zone| dkim(zone, "v=DKIM1; p=")),
    row("two keys at one selector", &["dkim.key"], |zone| {
        let second = format!("v=DKIM1; p={}", rsa(1024));
        zone.txt("s1._domainkey.example.test", &second)
    }),
    row("a key that lost its end", &["dkim.key"], |zone| dkim(zone, &format!("v=DKIM1; k=rsa; p={}", &rsa(2048)[..200]))),
    row("a key of 512 bits", &["dkim.key"], |zone| dkim(zone, &format!("v=DKIM1; k=rsa; p={}", rsa(512)))),
    row("a key of 1024 bits", &["dkim.key"], |zone| dkim(zone, &format!("v=DKIM1; k=rsa; p={}", rsa(1024)))),
    row("an Ed25519 key alone", &["dkim.key"], |zone| dkim(zone, &format!("v=DKIM1; k=ed25519; p={}", base64(&[7; 32])))),
    row("a key in test mode", &["dkim.testing"], |zone| dkim(zone, &format!("v=DKIM1; t=y; p={}", rsa(2048)))),
    row("a key that is not for mail", &["dkim.service"], |zone| dkim(zone, &format!("v=DKIM1; s=other; p={}", rsa(2048)))),
    row("a key for SHA-1 only", &["dkim.form"], |zone| dkim(zone, &format!("v=DKIM1; h=sha1; p={}", rsa(2048)))),
    told("a key that is not the signer's", &["--key", "s1=dkim.key"], &["dkim.match"], |zone| zone),
];

/// What receivers do with forged mail, and whom they tell.
const DMARC_ROWS: &[Row<Change>] = &[
    row("no DMARC record", &["dmarc.record"], |zone| zone.without("_dmarc.example.test", TXT)),
    row("two DMARC records", &["dmarc.record"], |zone| zone.txt("_dmarc.example.test", "v=DMARC1; p=none")),
    row("a record that does nothing", &["dmarc.record"], |zone| dmarc(zone, "v=DMARC1; p=rejected")),
    row("a policy that does not exist", &["dmarc.policy", "dmarc.syntax"], |zone| {
        dmarc(zone, "v=DMARC1; p=rejected; rua=mailto:dmarc@example.test")
    }),
    row("policy none", &["dmarc.policy"], |zone| dmarc(zone, "v=DMARC1; p=none; rua=mailto:dmarc@example.test")),
    row("test mode", &["dmarc.policy"], |zone| dmarc(zone, "v=DMARC1; p=reject; t=y; rua=mailto:dmarc@example.test")),
    row("a part of the mail only", &["dmarc.percent"], |zone| dmarc(zone, "v=DMARC1; p=reject; pct=20; rua=mailto:dmarc@example.test")),
    row("subdomains left open", &["dmarc.subdomains"], |zone| dmarc(zone, "v=DMARC1; p=reject; sp=none; rua=mailto:dmarc@example.test")),
    row("nobody gets the reports", &["dmarc.reports"], |zone| dmarc(zone, "v=DMARC1; p=reject")),
    row("reports to somebody who did not agree", &["dmarc.authorised"], |zone| {
        dmarc(zone, "v=DMARC1; p=reject; rua=mailto:dmarc@example.org")
    }),
    row("a report address without mailto", &["dmarc.reports", "dmarc.syntax"], |zone| {
        dmarc(zone, "v=DMARC1; p=reject; rua=dmarc@example.test")
    }),
    row("a tag that does not exist", &["dmarc.tag"], |zone| {
        dmarc(zone, "v=DMARC1; p=reject; police=reject; rua=mailto:dmarc@example.test")
    }),
];

/// Encryption on the way to us, and the rest.
const OTHER_ROWS: &[Row<Change>] = &[
    row("two MTA-STS records", &["mta-sts.record", "tls-rpt.record"], |zone| {
        zone.txt("_mta-sts.example.test", "v=STSv1; id=1")
            .txt("_mta-sts.example.test", "v=STSv1; id=2")
            .without("_smtp._tls.example.test", TXT)
    }),
    row("an MTA-STS id with a dash", &["mta-sts.record"], |zone| zone.txt("_mta-sts.example.test", "v=STSv1; id=2026-11-22")),
    row("MTA-STS without a web server", &["mta-sts.policy"], |zone| {
        zone.without_all("mta-sts.example.test").txt("_mta-sts.example.test", "v=STSv1; id=1")
    }),
    row("an SPF record at _mta-sts", &["mta-sts.record"], |zone| zone.txt("_mta-sts.example.test", "v=spf1 -all")),
    row("a broken TLS-RPT record", &["tls-rpt.record"], |zone| {
        zone.only_txt("_smtp._tls.example.test", "v=TLSRPTv1; rua=tls@example.test")
    }),
    row("two TLS-RPT records", &["tls-rpt.record"], |zone| zone.txt("_smtp._tls.example.test", "v=TLSRPTv1; rua=mailto:a@example.test")),
    row("a broken BIMI record", &["bimi.record"], |zone| {
        zone.txt("default._bimi.example.test", "v=BIMI1; l=http://www.example.test/logo.svg")
    }),
    row("BIMI without an enforced policy", &["bimi.dmarc", "dmarc.policy"], |zone| {
        dmarc(zone, "v=DMARC1; p=none; rua=mailto:dmarc@example.test")
            .txt("default._bimi.example.test", "v=BIMI1; l=https://www.example.test/logo.svg; a=https://www.example.test/logo.pem")
    }),
    row("CAA forbids every certificate", &["caa.record"], |zone| {
        zone.without("mail.example.test", 257).caa("mail.example.test", "issue", ";")
    }),
    row("a TLSA record that no sender can use", &["dane.record"], |zone| {
        zone.without("_25._tcp.mail.example.test", TLSA).add("_25._tcp.mail.example.test", TLSA, [vec![1, 1, 1], vec![7; 32]].concat())
    }),
    row("only one name server", &["zone.servers"], |zone| zone.without(DOMAIN, NS).add(DOMAIN, NS, wire("ns1.example.net"))),
    row("a name server without an address", &["zone.server"], |zone| zone.without("ns2.example.net", A)),
    row("a name server that is an alias", &["zone.server"], |zone| {
        zone.add(DOMAIN, NS, wire("ns3.example.net")).cname("ns3.example.net", "ns1.example.net")
    }),
    row("a zone that secondaries forget within a day", &["zone.soa"], |zone| zone.soa(DOMAIN, [3600, 600, 86_400, 3600])),
    row(
        "a domain that does not exist",
        &["dkim.key", "dmarc.record", "helo.name", "mx.exists", "ptr.confirmed", "spf.coverage", "spf.record", "zone.exists"],
        |zone| zone.without_all(DOMAIN),
    ),
];

/// All of them.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row<Change>> {
    [MX_ROWS, NAME_ROWS, SPF_ROWS, DKIM_ROWS, DMARC_ROWS, OTHER_ROWS].into_iter().flatten()
}
