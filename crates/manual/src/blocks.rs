//! The text below the options of `--help`, taken apart.
//!
//! Blocks are separated by empty lines. A block is a title with a colon and
//! lines that are set in:
//!
//! ```text
//! Every day:
//!   dlogin           everything that was granted
//!   dlogin --some-very-long-option
//!                    what a line has no room for
//! ```
//!
//! or a paragraph.

/// What a block is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    ExitStatus,
    Environment,
    Files,
    Notes,
    Examples,
}

/// One block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Table { title: String, rows: Vec<Row> },
    Paragraph(String),
}

/// What is explained, and how.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) term: String,
    pub(crate) text: String,
}

/// A line that is set in further than this goes on with the one above.
const TERMS_BEGIN_BEFORE: usize = 7;

impl Block {
    pub(crate) fn all(help: &str) -> Vec<Self> {
        help.split("\n\n")
            .map(|block| block.trim_matches('\n'))
            .filter(|block| !block.is_empty())
            .map(Self::of)
            .collect()
    }

    fn of(block: &str) -> Self {
        match block.split_once(":\n") {
            Some((title, lines)) if lines.starts_with(' ') && !title.contains('\n') => {
                Self::Table {
                    title: title.to_owned(),
                    rows: rows(lines),
                }
            }
            _ => Self::Paragraph(joined(block)),
        }
    }

    pub(crate) fn topic(&self) -> Topic {
        match self {
            Self::Paragraph(_) => Topic::Notes,
            Self::Table { title, .. } => match title.as_str() {
                "Exit codes" => Topic::ExitStatus,
                "Environment" => Topic::Environment,
                "Files" => Topic::Files,
                _ => Topic::Examples,
            },
        }
    }
}

fn rows(lines: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in lines.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        match rows.last_mut() {
            Some(row) if indent >= TERMS_BEGIN_BEFORE => {
                if !row.text.is_empty() {
                    row.text.push(' ');
                }
                row.text.push_str(text);
            }
            _ => {
                let (term, text) = text.split_once("  ").unwrap_or((text, ""));
                rows.push(Row {
                    term: term.to_owned(),
                    text: text.trim_start().to_owned(),
                });
            }
        }
    }
    rows
}

fn joined(block: &str) -> String {
    block.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_paragraphs_are_told_apart() {
        let help = "\
First steps:
  trust URL        pin the CA
  setup --some-very-long-option
                   make the
                   key

It says
so: really.

Exit codes:
    0  done
  130  interrupted";
        let blocks = Block::all(help);
        let row = |term: &str, text: &str| Row {
            term: term.to_owned(),
            text: text.to_owned(),
        };
        assert_eq!(
            blocks,
            [
                Block::Table {
                    title: "First steps".to_owned(),
                    rows: vec![
                        row("trust URL", "pin the CA"),
                        row("setup --some-very-long-option", "make the key"),
                    ],
                },
                Block::Paragraph("It says so: really.".to_owned()),
                Block::Table {
                    title: "Exit codes".to_owned(),
                    rows: vec![row("0", "done"), row("130", "interrupted")],
                },
            ]
        );
        let topics: Vec<_> = blocks.iter().map(Block::topic).collect();
        assert_eq!(topics, [Topic::Examples, Topic::Notes, Topic::ExitStatus]);
    }
}
