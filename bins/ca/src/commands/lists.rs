//! `ca crl`, `ca krl` and `ca root-crl`: what relying parties must know of revocations.

use std::io::Write;
use std::path::Path;

use acme_ca::Ca;
use acme_ca::audit::{self, Decision, OPERATOR, Outcome};
use acme_ca::ca::now;
use acme_ca::revocation::lists::ListName;
use acme_ca::revocation::{crl, file, root};

use crate::arguments::{Crl, CrlName, Krl, RootCrl};
use crate::exit::Failure;
use crate::print;

/// Neither is a secret, and other programs read them.
const MODE: u32 = 0o644;

pub(super) async fn crl(ca: &Ca, command: &Crl, json: bool) -> Result<(), Failure> {
    let now = now();
    let single = match command.name {
        CrlName::Clients => Some(ListName::Clients),
        CrlName::Servers => Some(ListName::Servers),
        CrlName::Root | CrlName::All => None,
    };
    let (pem, number, next_update) = match (single, command.name) {
        (Some(name), _) => {
            let list = ca.lists().current(name, now).await?;
            let pem = crl::to_pem(&list.body).map_err(|_| Failure::Pem)?;
            (pem, Some(list.number), list.next_update)
        }
        (None, CrlName::Root) => {
            let der = ca.root_crl().ok_or_else(no_root_crl)?;
            let pem = crl::to_pem(der).map_err(|_| Failure::Pem)?;
            (pem, None, None)
        }
        (None, _) => {
            // A server that checks whole chains lets nobody in without it.
            ca.root_crl().ok_or_else(no_root_crl)?;
            (ca.crls_pem(now).await?.0, None, None)
        }
    };
    let Some(out) = &command.out else {
        return if json {
            print::json(&serde_json::json!({
                "pem": pem, "number": number, "next_update": next_update,
            }))
        } else {
            print::lines(pem.trim_end())
        };
    };
    write(out, pem.as_bytes())?;
    if json {
        return print::json(&serde_json::json!({
            "out": out, "number": number, "next_update": next_update,
        }));
    }
    print::line(&format!("wrote {}", out.display()))
}

fn no_root_crl() -> Failure {
    Failure::NoSuch {
        what: "CRL of the root (pki/root.crl): `ca root-crl` makes it, with root.key in pki/"
            .into(),
    }
}

pub(super) async fn krl(ca: &Ca, command: &Krl, json: bool) -> Result<(), Failure> {
    let list = ca.lists().current(ListName::Krl, now()).await?;
    if command.out == Path::new("-") {
        std::io::stdout().write_all(&list.body)?;
        return Ok(std::io::stdout().flush()?);
    }
    write(&command.out, &list.body)?;
    if json {
        return print::json(&serde_json::json!({
            "out": command.out, "version": list.number, "made": list.made,
        }));
    }
    print::line(&format!(
        "wrote {} (KRL version {} of {})",
        command.out.display(),
        list.number,
        print::time(list.made)
    ))
}

pub(super) async fn root_crl(ca: &Ca, command: &RootCrl, json: bool) -> Result<(), Failure> {
    let now = now();
    let (number, revoked) = root::renew(ca.layout(), command.revoke.as_deref(), now)?;
    let mut decision = Decision::new(Outcome::Done, "root.crl", OPERATOR, "root", now)
        .fact("number", number)
        .fact("revoked", revoked);
    if let Some(file) = &command.revoke {
        decision = decision.fact("file", file.display());
    }
    audit::record(ca.store(), decision).await?;
    let path = ca.layout().root_crl();
    if json {
        return print::json(&serde_json::json!({
            "out": path, "number": number, "revoked": revoked,
        }));
    }
    print::line(&format!(
        "wrote {} (CRL number {number}, {revoked} revoked); restart `ca serve`, and take root.key away again",
        path.display()
    ))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    file::replace(path, bytes, MODE).map_err(|error| Failure::File {
        path: path.to_owned(),
        error,
    })
}
