//! A day with `dlogin agent`: real ssh, scp, git, rsync, ansible and ssh-add against a
//! real sshd, the key in the (virtual) YubiKey, touches counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod card;
mod day;
mod desktop;
mod forwarding;
mod logins;
mod messages;
mod pin;
mod process;
mod programs;
mod refusals;
mod touches;
