//! Completion in real shells, and the man pages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::site::Site;
use e2e::terminal::Terminal;
use e2e::{process, programs};

/// A laptop that logged in once, with the programs on the PATH.
struct Home {
    site: Site,
    path: String,
}

impl Home {
    fn after_a_login(serial: u32) -> Self {
        let site = Site::enrolled(serial).unwrap();
        site.laptop().succeed(&[]).unwrap();
        let bin = programs::ours("dlogin").unwrap();
        let path = format!(
            "{}:{}",
            bin.parent().unwrap().display(),
            std::env::var("PATH").unwrap()
        );
        Self { site, path }
    }

    fn dir(&self) -> &Path {
        self.site.laptop().home()
    }

    fn command(&self, program: &str) -> Command {
        let program = programs::system(program).unwrap();
        let mut command = self.site.laptop().command(&program);
        command.env("PATH", &self.path).env("TERM", "dumb");
        command
    }

    /// What the shell is to read.
    fn script(&self, program: &str, shell: &str) -> String {
        let program = programs::ours(program).unwrap();
        let mut command = self.site.laptop().command(&program);
        process::succeed(command.args(["completions", shell])).unwrap()
    }
}

/// Types what each case has, and TAB, at the shell's prompt.
fn completes(shell: &str, home: &Home, start: &str) {
    let mut script = home.command("script");
    script.env("PS1", "ready> ");
    let mut terminal = Terminal::run_as(script, start).unwrap();
    for (keys, expected) in CASES {
        terminal.wait_for("ready> ").unwrap();
        terminal.take_shown();
        terminal.type_in(&format!("{keys}\t")).unwrap();
        terminal
            .wait_for(expected)
            .unwrap_or_else(|error| panic!("{shell}: {keys:?}: {error}"));
        terminal.take_shown();
        // Ctrl-U and Enter: a new prompt.
        terminal.type_in("\u{15}\n").unwrap();
    }
    terminal.wait_for("ready> ").unwrap();
    terminal.type_in("exit\n").unwrap();
    terminal.end().unwrap();
}

/// What is typed, and what stands there after TAB.
const CASES: &[(&str, &str)] = &[
    ("dlogin stat", "dlogin status"),
    ("dlogin --if", "dlogin --if-needed"),
    ("dlogin ssh-config --wr", "dlogin ssh-config --write"),
    ("dlogin setup --use pr", "dlogin setup --use proof"),
    ("dlogin tls-", "dlogin tls-disk"),
    ("ca key rev", "ca key revoke"),
];

#[test]
fn bash_completes_commands_options_and_granted_profiles() {
    let home = Home::after_a_login(36_000_001);
    let rc = home.dir().join("bashrc");
    let text = format!(
        "PS1='ready> '\n{}\n{}\n",
        home.script("dlogin", "bash"),
        home.script("ca", "bash")
    );
    std::fs::write(&rc, text).unwrap();
    let start = format!("exec bash --noprofile --rcfile {}", rc.display());
    completes("bash", &home, &start);
}

#[test]
fn zsh_completes_from_the_first_tab_when_the_script_is_on_fpath() {
    let home = Home::after_a_login(36_000_002);
    let folder = home.dir().join("functions");
    std::fs::create_dir(&folder).unwrap();
    for program in ["dlogin", "ca"] {
        let script = home.script(program, "zsh");
        std::fs::write(folder.join(format!("_{program}")), script).unwrap();
    }
    let rc = format!(
        "PS1='ready> '\nfpath=({} $fpath)\nautoload -Uz compinit\ncompinit -u -D\n",
        folder.display()
    );
    std::fs::write(home.dir().join(".zshrc"), rc).unwrap();
    completes("zsh", &home, "exec zsh -d -i");
}

#[test]
fn fish_completes_and_explains() {
    let home = Home::after_a_login(36_000_003);
    let mut text = home.script("dlogin", "fish") + &home.script("ca", "fish");
    text.push_str("for line in $argv; complete -C $line; end\n");
    let file = home.dir().join("complete.fish");
    std::fs::write(&file, text).unwrap();
    let mut fish = home.command("fish");
    fish.arg("--no-config").arg(&file);
    fish.args(CASES.iter().map(|(typed, _)| typed));
    let shown = process::succeed(&mut fish).unwrap();
    for (_, expected) in CASES {
        let word = expected.split(' ').next_back().unwrap();
        let found = shown
            .lines()
            .any(|line| line.split('\t').next() == Some(word));
        assert!(found, "{word}: {shown}");
    }
    assert!(shown.contains("status\tShow which certificates"), "{shown}");
}

fn pages(program: &str) -> (tempfile::TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(programs::ours(program).unwrap());
    command.env("SOURCE_DATE_EPOCH", "1795564800");
    process::succeed(command.arg("man").arg(dir.path())).unwrap();
    let mut pages: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|page| page.unwrap().path())
        .collect();
    pages.sort();
    (dir, pages)
}

#[test]
fn mandoc_and_man_find_nothing_wrong_with_any_page() {
    for program in ["dlogin", "ca"] {
        let (_dir, pages) = pages(program);
        assert!(pages.len() > 8, "{pages:?}");
        for page in &pages {
            let mut mandoc = Command::new(programs::system("mandoc").unwrap());
            process::succeed(mandoc.args(["-T", "lint", "-W", "warning"]).arg(page)).unwrap();
            let mut man = Command::new(programs::system("man").unwrap());
            man.args(["--warnings=w", "-l"]).arg(page);
            let output = process::run(man.env("MANWIDTH", "80").env("LC_ALL", "C.UTF-8")).unwrap();
            assert!(output.status.success());
            assert_eq!(process::text(&output.stderr), "", "{}", page.display());
        }
    }
}

fn shown(page: &Path) -> String {
    let mut mandoc = Command::new(programs::system("mandoc").unwrap());
    let text = process::succeed(mandoc.args(["-T", "utf8", "-O", "width=200"]).arg(page)).unwrap();
    // Bold is a letter, a backspace and the letter again.
    let letters: Vec<char> = text.chars().collect();
    let mut plain = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let struck = letters.get(at + 1) == Some(&'\u{8}');
        if *letter != '\u{8}' && !struck {
            plain.push(*letter);
        }
    }
    plain
}

/// Each page is in the list of another, and the program's has what `--help` says.
#[test]
fn the_manual_says_what_help_says() {
    for (program, section) in [("dlogin", 1), ("ca", 8)] {
        let (dir, pages) = pages(program);
        let manual = shown(&dir.path().join(format!("{program}.{section}")));
        let mut command = Command::new(programs::ours(program).unwrap());
        let help = process::succeed(command.arg("--help")).unwrap();
        for title in ["EXIT STATUS", "ENVIRONMENT", "FILES", "NOTES", "EXAMPLES"] {
            assert!(
                manual.contains(&format!("\n{title}\n")),
                "{title}: {manual}"
            );
        }
        let words =
            |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        let (manual_words, all) = (words(&manual).join(" "), words(&help).join(" "));
        for option in all.split(' ').filter(|word| word.starts_with("--")) {
            assert!(manual_words.contains(option), "{option}: {manual}");
        }
        let table = help.split_once("Exit codes:\n").unwrap().1;
        for line in table.lines() {
            let line = words(line).join(" ");
            assert!(manual_words.contains(&line), "{line}: {manual}");
        }
        assert!(manual.contains("2026-11-25"), "{manual}");
        for page in &pages {
            let name = page.file_stem().unwrap().to_str().unwrap();
            // `ca-user-add` is in the list of `ca-user`, `ca-root-crl` in that of `ca`.
            let listed = pages
                .iter()
                .filter(|other| *other != page)
                .any(|other| shown(other).contains(&format!("{name}({section})")));
            assert!(name == program || listed, "{name}");
        }
    }
}
