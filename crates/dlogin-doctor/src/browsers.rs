//! Whether browsers have the module, and what sites can do for fewer touches.

use std::ffi::OsString;

use dlogin_browser::{Browser, Home, find_module, status};

use crate::{Check, Patient};

const ID: &str = "browser";
/// From measurements: docs/browsers.md.
const SITES: &str = "each TLS handshake is a touch: a site that wants one serves HTTP/2 from one \
                     origin, with a long keep-alive and session tickets";
const FIREFOX: &str = "for sites that only speak HTTP/1.1, set \
                       network.http.max-persistent-connections-per-server to 1 in Firefox";

pub(crate) fn check(patient: &Patient, lookup: &impl Fn(&str) -> Option<OsString>) -> Vec<Check> {
    let Ok(home) = Home::from_lookup(lookup) else {
        return Vec::new();
    };
    let module = find_module(None, patient.program.as_deref()).ok();
    let status = match status(&home, &patient.paths, module.as_deref()) {
        Ok(status) => status,
        Err(error) => return vec![Check::warning(ID, error.to_string())],
    };
    let mut checks = Vec::new();
    for database in &status.databases {
        let name = match database.browser {
            Browser::Chromium => "Chromium and Chrome",
            Browser::Firefox => "Firefox",
        };
        let folder = database.folder.display();
        checks.push(match &database.module {
            Some(module) if !database.module_exists => Check::warning(
                ID,
                format!("{name} has a module that is gone: {}", module.display()),
            )
            .todo("dlogin browser install"),
            Some(_) => Check::ok(ID, format!("the module is in {name} ({folder})")),
            None if database.browser == Browser::Firefox
                && status.policies.firefox_module.is_some() =>
            {
                Check::ok(
                    ID,
                    format!("the module comes to {name} by a policy ({folder})"),
                )
            }
            None => Check::warning(ID, format!("the module is not in {name} ({folder})"))
                .todo("dlogin browser install, if you enter sites with it"),
        });
    }
    for rival in &status.policies.rivals {
        checks.push(
            Check::warning(
                ID,
                format!("{} sets AutoSelectCertificateForUrls, too", rival.display()),
            )
            .todo("browsers take one of the two files: join them"),
        );
    }
    for sandbox in &status.sandboxes {
        checks.push(
            Check::warning(
                ID,
                format!(
                    "{} is in a sandbox that the module does not reach",
                    sandbox.package
                ),
            )
            .todo("see `dlogin browser status`"),
        );
    }
    checks.push(Check::ok("sites", SITES).todo(FIREFOX));
    checks
}
