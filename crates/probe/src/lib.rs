//! Active checks: DNS, SMTP, TLS, IMAP, POP3, block lists and web pages. Each check ends as a finding with the evidence it rests on.
