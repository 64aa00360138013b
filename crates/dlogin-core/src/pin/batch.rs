//! ssh that was told to ask nobody.

use std::os::unix::process::parent_id;

/// Whether the ssh that started this process (ssh_config(5), `Match exec`) was told so
/// on its command line: `-o BatchMode=yes`, which is also what `scp -B` and `sftp -b`
/// hand on. What a configuration file says is not seen, nor anything where there is no
/// proc(5).
#[must_use]
pub fn in_batch_mode() -> bool {
    let parent = parent_id();
    let Some(line) = command_line(parent) else {
        return false;
    };
    // The shell that ssh has it run by: some stay, some become what they run.
    if line.split('\0').nth(1) == Some("-c") {
        return parent_of(parent)
            .and_then(command_line)
            .is_some_and(|line| asks_nobody(&line));
    }
    asks_nobody(&line)
}

fn command_line(process: u32) -> Option<String> {
    let line = std::fs::read(format!("/proc/{process}/cmdline")).ok()?;
    Some(String::from_utf8_lossy(&line).into_owned())
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program, in parentheses, may hold anything.
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

/// Arguments as proc(5) has them: each ends with a NUL.
fn asks_nobody(line: &str) -> bool {
    let mut args = line.split_terminator('\0');
    let ssh = args
        .next()
        .is_some_and(|program| program.rsplit('/').next() == Some("ssh"));
    let mut args = args.take_while(|arg| *arg != "--");
    let mut first = None;
    // As ssh has it, the first that is given counts.
    while let (None, Some(arg)) = (first, args.next()) {
        let option = match arg.strip_prefix("-o") {
            Some("") => args.next(),
            other => other,
        };
        first = option.and_then(batch_mode);
    }
    ssh && first == Some(true)
}

/// What an option says of it: `BatchMode=yes`, `batchmode yes`.
fn batch_mode(option: &str) -> Option<bool> {
    let (name, value) = option.trim().split_once(['=', ' '])?;
    let value = value.trim_matches([' ', '=', '"']);
    name.eq_ignore_ascii_case("BatchMode")
        .then_some(matches!(value, "yes" | "true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_says_so_in_every_form_that_it_takes() {
        for (line, expected) in [
            ("ssh\0-o\0BatchMode=yes\0host\0", true),
            ("/usr/bin/ssh\0-x\0-oBatchMode=yes\0host\0", true),
            ("ssh\0host\0-o\0batchmode yes\0true\0", true),
            ("ssh\0-oBatchMode = yes\0host\0", true),
            ("ssh\0-oBatchMode=no\0-oBatchMode=yes\0host\0", false),
            ("ssh\0-o\0BatchMode=no\0host\0", false),
            ("ssh\0-o\0User=a\0host\0", false),
            ("ssh\0--\0host\0-oBatchMode=yes\0", false),
            ("bash\0-c\0ssh -oBatchMode=yes\0", false),
            ("bash\0-oBatchMode=yes\0", false),
            ("ssh\0-o\0", false),
            ("", false),
        ] {
            assert_eq!(asks_nobody(line), expected, "{line:?}");
        }
    }
}
