//! Programs that use smart cards, by the library that they have loaded.

use std::fs;

/// Libraries and programs that go to a card.
const LIBRARIES: [&str; 2] = ["libpcsclite.so", "libykcs11.so"];
const PROGRAMS: [&str; 2] = ["scdaemon", "ykman"];

/// "NAME (process N)" of each, ourselves not among them. Processes of other
/// users cannot be seen.
pub(crate) fn programs() -> Vec<String> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let ours = std::process::id();
    let mut found: Vec<_> = processes
        .flatten()
        .filter_map(|entry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            if id == ours {
                return None;
            }
            let name = fs::read_to_string(entry.path().join("comm")).ok()?;
            let name = name.trim();
            let uses = PROGRAMS.contains(&name)
                || fs::read_to_string(entry.path().join("maps"))
                    .is_ok_and(|maps| LIBRARIES.iter().any(|library| maps.contains(library)));
            (uses && name != "dlogin" && name != "pcscd").then(|| (id, name.to_owned()))
        })
        .collect();
    found.sort_unstable();
    found
        .into_iter()
        .map(|(id, name)| format!("{name} (process {id})"))
        .collect()
}
