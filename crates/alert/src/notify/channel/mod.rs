//! The ways out, one file each. What is sent is made by pure functions; [`post`], [`smtp`] and [`command`] do the sending.

pub mod alertmanager;
pub mod command;
pub mod mail;
pub mod ntfy;
pub mod pagerduty;
pub mod post;
pub mod slack;
pub mod smtp;
pub mod webhook;
