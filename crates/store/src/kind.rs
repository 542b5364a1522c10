//! The kinds of rows, each with a code that stands for it on disk and never changes.

/// A kind of row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// Messages.
    Messages = 0,
    /// Attempts.
    Attempts = 1,
    /// Outcomes.
    Outcomes = 2,
    /// Rejections.
    Rejections = 3,
    /// Logins.
    Auths = 4,
    /// Connections.
    Sessions = 5,
    /// Notices.
    Notices = 6,
}

impl Kind {
    /// Every kind, in the order of their codes.
    pub const ALL: [Kind; 7] =
        [Kind::Messages, Kind::Attempts, Kind::Outcomes, Kind::Rejections, Kind::Auths, Kind::Sessions, Kind::Notices];

    /// The number that stands for it on disk.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The kind of a number from disk.
    pub fn from_code(code: u8) -> Option<Self> {
        Kind::ALL.get(usize::from(code)).copied()
    }

    /// The word in file names.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Messages => "messages",
            Kind::Attempts => "attempts",
            Kind::Outcomes => "outcomes",
            Kind::Rejections => "rejections",
            Kind::Auths => "auths",
            Kind::Sessions => "sessions",
            Kind::Notices => "notices",
        }
    }
}
