//! Reply to verdict.

use mailvane_model::word::Stage;

/// A failure to judge, as it stands in a log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Failure<'a> {
    /// Who runs the far side, empty when not known or when there was none.
    pub provider: &'a str,
    /// The whole reason as the MTA logged it: `host mx[ip] said: 550 5.1.1 ... (in reply to RCPT TO command)`,
    /// `connect to mx[ip]:25: Connection timed out`, `unknown user: "x"`, or a bare reply.
    pub text: &'a str,
    /// The enhanced code that the MTA logged beside it (`dsn=`), empty when there is none.
    pub enhanced_code: &'a str,
    /// The step of the session, unknown when the text does not say.
    pub stage: Stage,
    /// Whether the attempt was deferred (and not bounced).
    pub deferred: bool,
}
