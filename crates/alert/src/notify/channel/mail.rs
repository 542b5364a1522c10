//! A notice as a mail: text and HTML, the pictures within, threaded by ids that follow from the notice.

use std::time::SystemTime;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

use crate::error::Error;
use crate::event::Notice;

/// What a mail is made of.
pub struct Letter<'a> {
    /// From whom.
    pub from: &'a str,
    /// To whom.
    pub to: &'a [String],
    /// The subject: one line.
    pub subject: &'a str,
    /// The text.
    pub text: &'a str,
    /// The page.
    pub html: &'a str,
    /// Pictures in the page as PNG, each by the name by which the page shows it.
    pub pictures: Vec<(&'a str, Vec<u8>)>,
    /// The name of this host, for ids.
    pub host: &'a str,
}

/// The id of the mail about a notice: the same whenever and by whichever route it is sent.
pub fn message_id(notice: &str, host: &str) -> String {
    let host: String = host.chars().filter(|character| character.is_ascii_alphanumeric() || ".-".contains(*character)).collect();
    format!("<mailvane.{notice}@{}>", if host.is_empty() { "localhost" } else { &host })
}

/// The mail as it is sent.
///
/// # Errors
/// [`Error::Mail`] when an address or a header cannot be written.
pub fn write(letter: &Letter<'_>, notice: &Notice, date: SystemTime) -> Result<Vec<u8>, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Mail(error.to_string());
    let address = |text: &str| text.parse::<Address>().map_err(|error| wrong(&error));
    let mut mail = Message::builder()
        .date(date)
        .from(Mailbox::new(Some("Mailvane".to_owned()), address(letter.from)?))
        .subject(super::super::clean::subject(letter.subject))
        .message_id(Some(message_id(&notice.id, letter.host)));
    for to in letter.to {
        mail = mail.to(Mailbox::new(None, address(to)?));
    }
    if let Some(first) = &notice.answers {
        let id = message_id(first, letter.host);
        mail = mail.in_reply_to(id.clone()).references(id);
    }
    let token = format!("{}; incident={}", notice.id, notice.incident);
    for (name, value) in [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All"), ("X-Mailvane-Alert", token.as_str())] {
        let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|error| wrong(&error))?;
        mail = mail.raw_header(HeaderValue::new(name, value.to_owned()));
    }
    let html = SinglePart::html(letter.html.to_owned());
    let text = MultiPart::alternative().singlepart(SinglePart::plain(letter.text.to_owned()));
    let page = if letter.pictures.is_empty() {
        text.singlepart(html)
    } else {
        let mut related = MultiPart::related().singlepart(html);
        for (name, bytes) in &letter.pictures {
            let kind = ContentType::parse("image/png").map_err(|error| wrong(&error))?;
            let picture = Attachment::new_inline_with_name((*name).to_owned(), format!("{name}.png")).body(bytes.clone(), kind);
            related = related.singlepart(picture);
        }
        text.multipart(related)
    };
    Ok(mail.multipart(page).map_err(|error| wrong(&error))?.formatted())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::words::Content;
    use super::super::super::words::tests::{notice, words};
    use super::super::super::{html, text};
    use super::*;

    fn mail(notice: &Notice, subject: &str) -> String {
        let words = words(notice, Content::Full);
        let letter = Letter {
            from: "mailvane@example.com",
            to: &["ops@example.org".to_owned()],
            subject,
            text: &text::write(&words),
            html: &html::write(&words, true),
            pictures: vec![(html::PICTURE, b"\x89PNG".to_vec())],
            host: "mx1.example.com",
        };
        String::from_utf8(write(&letter, notice, SystemTime::UNIX_EPOCH).unwrap()).unwrap()
    }

    fn headers(mail: &str) -> Vec<&str> {
        mail.split("\r\n\r\n").next().unwrap().split("\r\n").collect()
    }

    #[test]
    fn the_resolution_answers_the_alarm() {
        let alarm = mail(&notice(), "x");
        assert!(headers(&alarm).contains(&"Message-ID: <mailvane.00000000000000aa@mx1.example.com>"), "{alarm}");
        let over = Notice { id: "cc".into(), answers: Some("00000000000000aa".into()), ..notice() };
        let answer = mail(&over, "x");
        for header in [
            "In-Reply-To: <mailvane.00000000000000aa@mx1.example.com>",
            "References: <mailvane.00000000000000aa@mx1.example.com>",
            "Auto-Submitted: auto-generated",
            "X-Mailvane-Alert: cc; incident=00000000000000bb",
        ] {
            assert!(headers(&answer).contains(&header), "{header} in {:#?}", headers(&answer));
        }
        for part in ["multipart/alternative", "multipart/related", "image/png", "Content-ID: <trend>", "text/plain", "text/html"] {
            assert!(answer.contains(part), "{part} in {answer}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_subject_makes_a_header(subject in "[a-zé\r\n\t :\u{0}]{0,300}") {
            let mail = mail(&notice(), &format!("{subject}\r\nBcc: eve@example.org\r\n\r\nbody"));
            let names: Vec<&str> = headers(&mail).into_iter().filter(|line| !line.starts_with([' ', '\t'])).filter_map(|line| line.split_once(": ")).map(|line| line.0).collect();
            prop_assert!(!names.contains(&"Bcc"), "{names:?}");
            prop_assert_eq!(names.iter().filter(|name| **name == "Subject").count(), 1);
        }
    }
}
