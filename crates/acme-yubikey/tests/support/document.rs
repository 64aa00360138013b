//! Reads the test vectors that `docs/protocol.md` prints.
//!
//! A vector is a fenced block whose info string is `vector NAME`. Each line is `name = kind value`,
//! where kind is `hex`, `text` or `int`; an indented line continues the one before.

use std::{collections::BTreeMap, fs, path::Path};

/// One block. What was not asked for when it is dropped is an error: no line of the document
/// goes unchecked.
pub(crate) struct Vector {
    name: String,
    lines: BTreeMap<String, (String, String)>,
    asked: std::cell::RefCell<std::collections::BTreeSet<String>>,
    wrong: std::cell::RefCell<Vec<String>>,
}

impl Vector {
    /// The block of this name.
    pub(crate) fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md");
        let document = fs::read_to_string(&path).expect("docs/protocol.md");
        let start = format!("```vector {name}\n");
        let (_, block) = document
            .split_once(&start)
            .unwrap_or_else(|| panic!("no vector {name}"));
        let (block, _) = block.split_once("```").expect("the block ends");
        let mut joined: Vec<String> = Vec::new();
        for line in block.lines().filter(|line| !line.is_empty()) {
            match (line.strip_prefix("    "), joined.last_mut()) {
                (Some(more), Some(last)) => last.push_str(more),
                _ => joined.push(line.to_owned()),
            }
        }
        let lines = joined.iter().map(|line| {
            let (name, value) = line.split_once(" = ").unwrap_or_else(|| panic!("{line:?}"));
            let (kind, value) = value.split_once(' ').unwrap_or((value, ""));
            (name.to_owned(), (kind.to_owned(), value.to_owned()))
        });
        Self {
            name: name.to_owned(),
            lines: lines.collect(),
            asked: Default::default(),
            wrong: Default::default(),
        }
    }

    pub(crate) fn hex(&self, name: &str) -> Vec<u8> {
        let text = self.line(name, "hex");
        assert_eq!(text.len() % 2, 0, "{}: {name}", self.name);
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
            .collect()
    }

    pub(crate) fn bytes<const N: usize>(&self, name: &str) -> [u8; N] {
        self.hex(name)
            .try_into()
            .unwrap_or_else(|_| panic!("{}: {name}", self.name))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.line(name, "text")
    }

    pub(crate) fn int(&self, name: &str) -> u64 {
        self.line(name, "int").parse().expect("a number")
    }

    /// Compares bytes that were computed with what the document prints.
    pub(crate) fn check_hex(&self, name: &str, computed: &[u8]) {
        let hex: String = computed.iter().map(|byte| format!("{byte:02x}")).collect();
        self.check(name, "hex", hex);
    }

    /// Compares text that was computed with what the document prints.
    pub(crate) fn check_text(&self, name: &str, computed: &str) {
        self.check(name, "text", computed.to_owned());
    }

    /// A line that another test checks.
    pub(crate) fn ignore(&self, name: &str) {
        self.asked.borrow_mut().insert(name.to_owned());
    }

    fn line(&self, name: &str, kind: &str) -> String {
        self.asked.borrow_mut().insert(name.to_owned());
        let (found, value) = self.lines.get(name).unwrap_or_else(|| {
            panic!(
                "vector {} has no {name}; it must say:\n{}",
                self.name,
                self.wrong.borrow().join("\n")
            )
        });
        assert_eq!(found, kind, "{}: {name}", self.name);
        value.clone()
    }

    fn check(&self, name: &str, kind: &str, computed: String) {
        self.asked.borrow_mut().insert(name.to_owned());
        let printed = self.lines.get(name).cloned().unwrap_or_default();
        if printed != (kind.to_owned(), computed.clone()) {
            self.wrong
                .borrow_mut()
                .push(format!("VECTOR {} {name} = {kind} {computed}", self.name));
        }
    }
}

impl Drop for Vector {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let wrong = self.wrong.borrow();
        assert!(
            wrong.is_empty(),
            "the document must say:\n{}",
            wrong.join("\n")
        );
        let asked = self.asked.borrow();
        let unchecked: Vec<_> = self
            .lines
            .keys()
            .filter(|name| !asked.contains(*name))
            .collect();
        assert!(
            unchecked.is_empty(),
            "vector {}: unchecked {unchecked:?}",
            self.name
        );
    }
}
