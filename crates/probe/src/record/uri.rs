//! Addresses for reports: `mailto:` and, for TLS-RPT, `https:` (RFC 9989 section 4.7, RFC 8460 section 3).

use std::fmt;

/// Where reports go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportUri {
    /// By mail: local part and domain, decoded.
    Mail(String, String),
    /// By HTTPS: the whole address.
    Https(String),
}

/// Why a report address is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// No scheme, or one that reports cannot use.
    #[error("`{0}` does not begin with {1}")]
    Scheme(String, &'static str),
    /// `mailto:` without an address.
    #[error("`{0}` holds no mail address")]
    Address(String),
    /// `https:` without a host.
    #[error("`{0}` holds no host")]
    Host(String),
}

impl ReportUri {
    /// Reads one address; also says whether an obsolete size limit (`!10m`) stood at its end.
    pub fn parse(text: &str, https: bool) -> Result<(Self, bool), UriError> {
        let text = text.trim();
        if let Some(address) = strip_scheme(text, "mailto:") {
            let (address, sized) = without_size(address);
            // Headers (`?subject=`) may follow the address (RFC 6068).
            let address = percent_decode(address.split('?').next().unwrap_or_default());
            let (local, domain) = address.rsplit_once('@').ok_or_else(|| UriError::Address(text.to_owned()))?;
            let good = !local.is_empty()
                && domain.contains('.')
                && crate::lookup::name::defect(domain).is_none()
                && !domain.contains([' ', '@', ',']);
            return if good {
                Ok((ReportUri::Mail(local.to_owned(), domain.to_ascii_lowercase()), sized))
            } else {
                Err(UriError::Address(text.to_owned()))
            };
        }
        match strip_scheme(text, "https://") {
            Some(rest) if https => {
                let host = rest.split(['/', '?', ':']).next().unwrap_or_default();
                if host.contains('.') || host.starts_with('[') {
                    Ok((ReportUri::Https(text.to_owned()), false))
                } else {
                    Err(UriError::Host(text.to_owned()))
                }
            }
            _ => Err(UriError::Scheme(text.to_owned(), if https { "`mailto:` or `https:`" } else { "`mailto:`" })),
        }
    }
}

impl fmt::Display for ReportUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReportUri::Mail(local, domain) => write!(formatter, "mailto:{local}@{domain}"),
            ReportUri::Https(address) => formatter.write_str(address),
        }
    }
}

fn strip_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    text.get(..scheme.len()).filter(|head| head.eq_ignore_ascii_case(scheme)).map(|_| &text[scheme.len()..])
}

/// Without `!` and a size; a `!` that belongs to the address is written `%21`.
fn without_size(address: &str) -> (&str, bool) {
    match address.rsplit_once('!') {
        Some((address, size)) if size.trim_end_matches(['k', 'm', 'g', 't']).bytes().all(|byte| byte.is_ascii_digit()) => (address, true),
        _ => (address, false),
    }
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let decoded = (*first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match decoded {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let mail = |local: &str, domain: &str| ReportUri::Mail(local.to_owned(), domain.to_owned());
        assert_eq!(ReportUri::parse("mailto:rua@example.com", false), Ok((mail("rua", "example.com"), false)));
        assert_eq!(ReportUri::parse("MAILTO:r%2Cua%21@Example.com!10m", false), Ok((mail("r,ua!", "example.com"), true)));
        assert!(ReportUri::parse("https://example.com/report", true).is_ok());
        for bad in [
            "rua@example.com",
            "__mailto:rua@example.com",
            "mailto:rua",
            "mailto:@example.com",
            "https://example.com/",
            "mailto:",
            "ftp://example.com",
            "mailto:a@b",
        ] {
            assert!(ReportUri::parse(bad, false).is_err(), "{bad}");
        }
    }
}
