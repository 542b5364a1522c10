//! The small fixed list of rollups: by which dimension, and in which steps of time.

use mailvane_model::Time;

macro_rules! coded {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $code:literal $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$variant_meta])* $variant = $code,)+
        }

        impl $name {
            /// Every one, by code.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The written form.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            /// The number that stands for it on disk.
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The one of a number from disk.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some($name::$variant),)+ _ => None }
            }

            /// The one of a written form.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }
    };
}

coded! {
    /// One dimension beside time and stream.
    Cube {
        /// None: the key is empty.
        Total = 0 "total",
        /// Who runs the receiving system; empty where there is none.
        Provider = 1 "provider",
        /// The recipient's domain.
        Domain = 2 "domain",
        /// The sender's domain.
        SenderDomain = 3 "sender_domain",
        /// The reason of a failure or a rejection; what succeeds is not in it.
        Reason = 4 "reason",
        /// The host that was spoken to.
        Relay = 5 "relay",
        /// The address of the client that brought messages, was refused, or tried to log in.
        Client = 6 "client",
        /// The SASL user of a message or of an accepted login; mail without one is not in it.
        User = 7 "user",
        /// As `Total`, at the time of arrival: first tries and outcomes of the mail that came in then.
        Cohort = 8 "cohort",
        /// As `Provider`, at the time of arrival.
        CohortProvider = 9 "cohort_provider",
    }
}

coded! {
    /// The width of a step of time.
    Width {
        /// One minute.
        Minute = 0 "minute",
        /// 15 minutes.
        Quarter = 1 "quarter",
        /// One hour.
        Hour = 2 "hour",
        /// One day of UTC.
        Day = 3 "day",
    }
}

impl Width {
    /// Every width, at the place of its code: from the finest to the widest.
    pub const ALL_BY_CODE: [Width; 4] = [Width::Minute, Width::Quarter, Width::Hour, Width::Day];

    /// Its microseconds.
    pub const fn micros(self) -> i64 {
        match self {
            Width::Minute => Time::MINUTE,
            Width::Quarter => 15 * Time::MINUTE,
            Width::Hour => Time::HOUR,
            Width::Day => Time::DAY,
        }
    }

    /// The start of the step that holds a time.
    pub const fn floor(self, time: Time) -> Time {
        time.floor(self.micros())
    }
}

impl Cube {
    /// Whether the cube is kept in steps of this width: the wide ones (domains, clients) only by the hour and the day.
    pub const fn at(self, width: Width) -> bool {
        match self {
            Cube::Total | Cube::Provider | Cube::Reason => true,
            Cube::Relay | Cube::User | Cube::Cohort | Cube::CohortProvider => !matches!(width, Width::Minute),
            Cube::Domain | Cube::SenderDomain | Cube::Client => matches!(width, Width::Hour | Width::Day),
        }
    }

    /// Whether it keeps the parts of the delay (a, b, c, d); all keep the whole.
    pub const fn has_delay_parts(self) -> bool {
        matches!(self, Cube::Total | Cube::Provider)
    }

    /// Whether its rows stand at the time the mail arrived instead of the time of the event.
    pub const fn is_cohort(self) -> bool {
        matches!(self, Cube::Cohort | Cube::CohortProvider)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes_lead_back() {
        for cube in Cube::ALL {
            assert_eq!(Cube::from_code(cube.code()), Some(*cube));
            assert_eq!(Cube::from_word(cube.word()), Some(*cube));
            assert!(cube.at(Width::Hour), "the widest step has every cube");
        }
        for width in Width::ALL {
            assert_eq!(Width::from_code(width.code()), Some(*width));
        }
        assert_eq!(Width::Quarter.floor(Time::from_seconds(1000)), Time::from_seconds(900));
    }
}
