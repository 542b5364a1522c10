//! Messages of programs of this machine: they name no host (syslog(3) writes none), so they get its name, as from any syslog daemon.

use super::framing::line;

/// The name of this machine as syslog daemons write it: without its domain. Empty when it cannot be read.
pub(super) fn host_name() -> String {
    let name =
        std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname")).unwrap_or_default();
    let name = name.trim().split('.').next().unwrap_or_default();
    if name.bytes().all(|byte| byte.is_ascii_graphic()) { name.to_owned() } else { String::new() }
}

/// A message as one line, with the name of this machine where none is written.
pub(super) fn local_line(message: &[u8], host: &[u8], lines: &mut Vec<u8>) {
    match host_place(message).filter(|_| !host.is_empty()) {
        Some(place) => {
            lines.extend_from_slice(&message[..place]);
            lines.extend_from_slice(host);
            lines.push(b' ');
            line(&message[place..], lines);
        }
        None => line(message, lines),
    }
}

/// Where the host belongs in `<22>Nov  2 08:00:00 program[pid]: text` (RFC 3164 section 4.1.2, without its host); none where one is written,
/// or the message is of another form.
fn host_place(message: &[u8]) -> Option<usize> {
    let priority = match message {
        [b'<', rest @ ..] => rest.iter().take(4).position(|byte| *byte == b'>')? + 2,
        _ => 0,
    };
    let place = priority + stamp_length(message.get(priority..)?)?;
    let tag = message[place..].split(|byte| byte.is_ascii_whitespace()).next()?;
    let is_tag = tag.ends_with(b":") && tag.len() > 1 || tag.ends_with(b"]") && tag.contains(&b'[');
    is_tag.then_some(place)
}

/// The length of a time and the blank after it.
fn stamp_length(text: &[u8]) -> Option<usize> {
    const OLD: &[u8; 16] = b"Aaa dd dd:dd:dd ";
    let is_old = text.len() > OLD.len()
        && OLD.iter().zip(text).all(|(form, byte)| match form {
            b'A' => byte.is_ascii_uppercase(),
            b'a' => byte.is_ascii_lowercase(),
            b'd' => byte.is_ascii_digit() || *byte == b' ',
            _ => form == byte,
        });
    if is_old {
        return Some(OLD.len());
    }
    // RFC 3339: `2026-11-02T08:00:00.123456+01:00 `.
    let end = text.iter().take(40).position(|byte| *byte == b' ')?;
    let is_new = end >= 19 && text[4] == b'-' && text[10] == b'T' && text[..4].iter().all(u8::is_ascii_digit);
    is_new.then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(message: &str) -> String {
        let mut lines = Vec::new();
        local_line(message.as_bytes(), b"mx1", &mut lines);
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn a_message_without_a_host_gets_the_name_of_this_machine() {
        assert_eq!(
            named("<22>Nov  2 08:00:00 postfix/qmgr[7]: 4A0001: removed\n"),
            "<22>Nov  2 08:00:00 mx1 postfix/qmgr[7]: 4A0001: removed\n"
        );
        assert_eq!(named("<22>Nov 12 08:00:00 exim: text"), "<22>Nov 12 08:00:00 mx1 exim: text\n");
        assert_eq!(named("Nov 12 08:00:00 a[1]: b"), "Nov 12 08:00:00 mx1 a[1]: b\n");
        assert_eq!(named("<22>2026-11-02T08:00:00.123456+01:00 a[1]: b"), "<22>2026-11-02T08:00:00.123456+01:00 mx1 a[1]: b\n");
    }

    #[test]
    fn other_messages_stay_as_they_are() {
        for message in [
            "<22>Nov  2 08:00:00 mail postfix/qmgr[7]: 4A0001: removed",
            "<22>1 2026-11-02T08:00:00Z - a 1 - - b",
            "<22>a[1]: b",
            "by unix",
            "<22>Nov  2 08:00:00 :",
            "<22>Nov  2 08:00:00",
        ] {
            assert_eq!(named(message), format!("{message}\n"));
        }
    }

    #[test]
    fn this_machine_has_a_name() {
        assert!(!host_name().contains('.'));
        assert!(!host_name().contains(char::is_whitespace));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn no_bytes_panic_and_none_are_lost(message in prop::collection::vec(any::<u8>(), 0..80)) {
            let (mut plain, mut named) = (Vec::new(), Vec::new());
            line(&message, &mut plain);
            local_line(&message, b"mx1", &mut named);
            prop_assert!(named == plain || named.len() == plain.len() + 4);
        }
    }
}
