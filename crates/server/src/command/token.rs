//! `mailvane token`: tokens of the API, from the command line.

use std::io::Write;

use anyhow::{Context, Result, bail};
use mailvane_model::Time;
use mailvane_store::access::{Access as Rows, NewToken};

use super::user::{find, note, open};
use crate::Ending;
use crate::access::role::{Role, scope_words};
use crate::access::secret;
use crate::cli::{Token, TokenWhat};

/// Runs it.
pub(crate) fn run(arguments: &Token, now: Time) -> Result<Ending> {
    let rows = open(&arguments.place)?;
    match &arguments.what {
        TokenWhat::Add { user, name, scopes, days } => add(&rows, user, name, scopes, *days, now)?,
        TokenWhat::List => list(&rows, now)?,
        TokenWhat::Revoke { id } => {
            let known = rows.tokens(None)?.into_iter().find(|token| token.id == *id);
            let known = known.with_context(|| format!("there is no token {id}: `mailvane token list` shows them"))?;
            rows.remove_token(*id, None)?;
            note(&rows, now, "token_revoked", &format!("{} of {} ({}…)", known.name, known.owner, known.prefix))?;
        }
    }
    Ok(Ending::Fine)
}

fn add(rows: &Rows, user: &str, name: &str, scopes: &[String], days: Option<u32>, now: Time) -> Result<()> {
    let user = find(rows, user)?;
    let most = Role::of_user(&user.role);
    for scope in scopes {
        let role = Role::of_scope(scope).with_context(|| format!("`{scope}` is not a scope: use {}", scope_words()))?;
        if Some(role) > most {
            bail!("a token of {} cannot have the scope {scope}: the user is {}", user.name, user.role);
        }
    }
    let (token, prefix) = secret::token()?;
    let expires = days.map(|days| now.plus(i64::from(days) * Time::DAY));
    let scopes = scopes.join(" ");
    let hash = secret::hash(&token);
    rows.add_token(&NewToken { user: user.id, hash: &hash, name, prefix: &prefix, scopes: &scopes, created: now, expires })?;
    note(rows, now, "token_added", &format!("{name} of {} ({prefix}…): {scopes}", user.name))?;
    // Alone on standard output, for scripts; it is not shown again.
    writeln!(std::io::stdout(), "{token}")?;
    Ok(())
}

fn list(rows: &Rows, now: Time) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for token in rows.tokens(None)? {
        let ends = match token.expires {
            None => "no end".to_owned(),
            Some(time) if time <= now => format!("ended {}", time.rfc3339(0)),
            Some(time) => format!("until {}", time.rfc3339(0)),
        };
        let seen = token.seen.map_or_else(|| "never used".to_owned(), |seen| format!("last used {}", seen.rfc3339(0)));
        writeln!(out, "{:>4} {}… {:<16} {:<20} {}; {ends}; {seen}", token.id, token.prefix, token.owner, token.scopes, token.name)?;
    }
    Ok(())
}
