//! What `dlogin` and `ca` say of themselves outside `--help`: man pages, and
//! what makes a shell complete their arguments. Both come from the same
//! [`clap::Command`] and the same text below the options, so that they cannot
//! say different things.
//!
//! ```
//! use clap::{Arg, Command};
//!
//! let command = Command::new("greet").about("Greets").arg(Arg::new("name"));
//! let help = "Examples:\n  greet alice   say hello to alice";
//! let pages = manual::Manual::new(command, help, manual::Section::User).pages("2026-11-25");
//! assert_eq!(pages[0].file_name, "greet.1");
//! assert!(pages[0].text.contains(".SH EXAMPLES"));
//! ```
//!
//! It knows neither program, and reads nothing of the person's.

mod blocks;
mod completion;
mod pages;

pub use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
pub use completion::{Shell, VARIABLE, answer_shell, words};
pub use pages::{Manual, Page, Section, today};
