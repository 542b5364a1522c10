//! The domains that a user may see.

/// Domains of one user.
const DOMAINS_MAX: usize = 200;
/// Bytes of a domain (RFC 1035 section 2.3.4).
const DOMAIN_MAX: usize = 253;

/// Domains as they are kept: lower case, no dot at the end. None given would mean all, and is refused here; what is wrong otherwise.
pub(crate) fn read(given: &[String]) -> Result<Vec<String>, String> {
    let given: Vec<String> = given.iter().map(|domain| domain.trim().trim_end_matches('.').to_lowercase()).collect();
    if given.is_empty() || given.len() > DOMAINS_MAX {
        return Err(format!("domains: give 1 to {DOMAINS_MAX}, or none at all for every domain"));
    }
    let fits = |each: char| each.is_alphanumeric() || ".-_".contains(each);
    let is_domain = |domain: &&String| !domain.is_empty() && domain.len() <= DOMAIN_MAX && domain.chars().all(fits);
    match given.iter().find(|domain| !is_domain(domain)) {
        Some(wrong) => Err(format!("domains: `{wrong}` is not a domain")),
        None => Ok(given),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_kept_as_rows_have_them() {
        assert_eq!(read(&["Example.COM.".into(), " example.net ".into()]), Ok(vec!["example.com".into(), "example.net".into()]));
        for wrong in [vec![], vec![String::new()], vec!["a b".into()], vec!["x\ny".into()], vec!["joe@example.com".into()]] {
            assert!(read(&wrong).is_err(), "{wrong:?}");
        }
    }
}
