//! The `ca.toml` that `ca init` writes.

use super::url::{CaUrl, Host};

/// The settings of a new CA, with comments. `listen` is given, or follows from the URL: an
/// address listens on itself, `localhost` on the loopback, a name on every address.
#[must_use]
pub fn template(url: &CaUrl, listen: Option<&str>) -> String {
    let listen = match (listen, url.host()) {
        (Some(listen), _) => listen.to_owned(),
        (None, Host::Ip(ip)) => std::net::SocketAddr::new(*ip, url.port()).to_string(),
        (None, Host::Dns(name)) if name == "localhost" => format!("127.0.0.1:{}", url.port()),
        (None, Host::Dns(_)) => format!("[::]:{}", url.port()),
    };
    include_str!("template.toml")
        .replace("@URL@", &url.to_string())
        // A TOML basic string and a Rust one agree on what an address may hold.
        .replace("\"@LISTEN@\"", &format!("{listen:?}"))
}
