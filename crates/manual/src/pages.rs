//! Man pages: one for the program and one for each of its commands.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, Command};
use clap_mangen::Man;
use roff::{Roff, bold, roman};
use time::{Date, OffsetDateTime};

use crate::blocks::{Block, Row, Topic};

/// The section of the manual (man(1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// 1: programs for everybody.
    User,
    /// 8: programs for whoever runs the machine.
    System,
}

impl Section {
    fn number(self) -> &'static str {
        match self {
            Self::User => "1",
            Self::System => "8",
        }
    }
}

/// The manual of one program.
#[derive(Clone, Debug)]
pub struct Manual {
    command: Command,
    help: String,
    section: Section,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Such as `dlogin-trust.1`.
    pub file_name: String,
    /// In roff's man macros (man(7)).
    pub text: String,
}

/// In the order of man-pages(7).
const TOPICS: [(Topic, &str); 5] = [
    (Topic::ExitStatus, "EXIT STATUS"),
    (Topic::Environment, "ENVIRONMENT"),
    (Topic::Files, "FILES"),
    (Topic::Notes, "NOTES"),
    (Topic::Examples, "EXAMPLES"),
];

impl Manual {
    /// `help` is the text below the options of the program's own `--help`.
    #[must_use]
    pub fn new(command: Command, help: &str, section: Section) -> Self {
        Self {
            command,
            help: help.to_owned(),
            section,
        }
    }

    /// All pages, the program's own first. `date` is the day of the last
    /// change, such as 2026-11-25.
    #[must_use]
    pub fn pages(&self, date: &str) -> Vec<Page> {
        let mut command = self.command.clone().disable_help_subcommand(true);
        command.build();
        let blocks = Block::all(&self.help);
        let program = command.get_name().to_owned();
        let mut pages = Vec::new();
        self.add(
            &mut pages,
            &command,
            &Whole {
                program,
                blocks,
                date,
            },
        );
        pages
    }

    /// Writes them into `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, folder: &Path, date: &str) -> io::Result<Vec<PathBuf>> {
        std::fs::create_dir_all(folder)?;
        self.pages(date)
            .into_iter()
            .map(|page| {
                let path = folder.join(page.file_name);
                std::fs::write(&path, page.text)?;
                Ok(path)
            })
            .collect()
    }

    fn add(&self, pages: &mut Vec<Page>, command: &Command, whole: &Whole<'_>) {
        let number = self.section.number();
        let version = self.command.get_version().unwrap_or_default();
        let named = command
            .clone()
            .subcommand_help_heading("COMMANDS")
            .subcommand_value_name("COMMAND")
            .mut_args(with_values);
        let man = Man::new(named)
            .section(number)
            .date(whole.date)
            .source(format!("{} {version}", whole.program))
            .manual("dlogin");
        let mut text = Vec::new();
        // Nothing that writes into memory fails.
        let _ = self.render(&man, command, whole, &mut text);
        pages.push(Page {
            file_name: man.get_filename(),
            text: String::from_utf8_lossy(&text).into_owned(),
        });
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            self.add(pages, sub, whole);
        }
    }

    fn render(
        &self,
        man: &Man,
        command: &Command,
        whole: &Whole<'_>,
        to: &mut Vec<u8>,
    ) -> io::Result<()> {
        man.render_title(to)?;
        man.render_name_section(to)?;
        man.render_synopsis_section(to)?;
        man.render_description_section(to)?;
        if command.get_arguments().any(|each| !each.is_hide_set()) {
            man.render_options_section(to)?;
        }
        if command.get_subcommands().any(|each| !each.is_hide_set()) {
            man.render_subcommands_section(to)?;
        }
        let is_program = command.get_name() == whole.program;
        let mut rest = Roff::new();
        for (topic, title) in TOPICS {
            let mut blocks = whole
                .blocks
                .iter()
                .filter(|block| block.topic() == topic)
                .peekable();
            // A command's page has what is true of each command.
            let wanted = is_program || topic == Topic::ExitStatus;
            if !wanted || blocks.peek().is_none() {
                continue;
            }
            rest.control("SH", [title]);
            for (at, block) in blocks.enumerate() {
                if at > 0 && matches!(block, Block::Paragraph(_)) {
                    rest.control("PP", []);
                }
                set(&mut rest, block);
            }
        }
        if !is_program {
            rest.control("SH", ["SEE ALSO"]);
            rest.text([
                bold(whole.program.as_str()),
                roman(format!("({})", self.section.number())),
            ]);
        }
        rest.to_writer(to)
    }
}

/// What all pages of a manual share.
struct Whole<'a> {
    program: String,
    blocks: Vec<Block>,
    date: &'a str,
}

fn set(page: &mut Roff, block: &Block) {
    match block {
        Block::Paragraph(text) => {
            page.text([roman(text.as_str())]);
        }
        Block::Table { title, rows } => {
            if block.topic() == Topic::Examples {
                page.control("SS", [title.as_str()]);
            }
            for Row { term, text } in rows {
                page.control("TP", []);
                page.text([bold(term.as_str())]);
                page.text([roman(text.as_str())]);
            }
        }
    }
}

/// An argument that takes one of a few words says so in its text: the list that
/// would be made of them has empty paragraphs, which mandoc finds wrong.
fn with_values(argument: Arg) -> Arg {
    let values: Vec<_> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| value.get_name().to_owned())
        .collect();
    if values.is_empty() || argument.is_hide_possible_values_set() {
        return argument;
    }
    let help = argument.get_long_help().or(argument.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    argument
        .hide_possible_values(true)
        .long_help(format!("{help} (one of {})", values.join(", ")))
}

/// The day that pages are dated by: that of `SOURCE_DATE_EPOCH`, so that a
/// build can be repeated, or today's.
#[must_use]
pub fn today(source_date_epoch: Option<&str>) -> String {
    let day: Date = source_date_epoch
        .and_then(|seconds| seconds.parse().ok())
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or_else(OffsetDateTime::now_utc)
        .date();
    day.to_string()
}
