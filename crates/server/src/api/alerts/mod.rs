//! `/alerts`: what goes on, what was, what is told to whom, and what people do about it.

mod act;
mod backtest;
mod show;

pub(crate) use act::{acknowledge, end_silence, silence, test};
pub(crate) use backtest::backtest;
pub(crate) use show::{get, history, notices, rules, silences};
