//! TLS-RPT records: where senders report failures of TLS (RFC 8460 section 3).

use super::tags::{Tags, begins_with, wrong_record};
use super::{Read, ReportUri};

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsRpt {
    /// Where reports go.
    pub reports: Vec<ReportUri>,
}

/// Is this text a TLS-RPT record?
pub fn is_record(text: &str) -> bool {
    begins_with(text, "TLSRPTv1")
}

/// Reads the TXT record at `_smtp._tls`.
pub fn read(text: &str) -> Read<TlsRpt> {
    if !is_record(text) {
        return Read::useless(wrong_record(text, "v=TLSRPTv1"));
    }
    let tags = Tags::read(text);
    let mut faults = tags.faults.clone();
    let notes = tags.unknown(&["v", "rua"]).map(|tag| format!("`{tag}` is no field of TLS-RPT and is ignored")).collect();
    let Some(rua) = tags.get("rua") else {
        faults.push("no `rua`".to_owned());
        return Read { value: None, faults, notes };
    };
    let mut reports = Vec::new();
    for part in rua.split(',') {
        match ReportUri::parse(part, true) {
            Ok((uri, _)) => reports.push(uri),
            Err(error) => faults.push(format!("`rua`: {error}")),
        }
    }
    let value = (!reports.is_empty()).then_some(TlsRpt { reports });
    Read { value, faults, notes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        for good in ["v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv1;rua=https://example.com/r,mailto:a@example.com;"] {
            assert!(read(good).is_valid(), "{good}");
        }
        for bad in [
            "v=TLSRPTv1",
            "v=TLSRPTv1; rua=x",
            "v=TLSRPTv1; rua=mailto:a@example.com; rua=mailto:b@example.com",
            "v=spf1 -all",
            "v=TLSRPTv1; x=y",
        ] {
            assert!(!read(bad).is_valid(), "{bad}");
        }
    }
}
