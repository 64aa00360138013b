//! Where to, and where from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::str::FromStr;

/// The server: `HOST`, `HOST:PORT`, or a URL with `https://`. The port is 443
/// where none is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    host: String,
    port: u16,
}

/// No server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a server: HOST:PORT or https://HOST")]
pub struct NotAServer;

impl Server {
    /// Its name, or its address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Server {
    type Err = NotAServer;

    fn from_str(text: &str) -> Result<Self, NotAServer> {
        let text = text.strip_prefix("https://").unwrap_or(text);
        let text = text.strip_suffix('/').unwrap_or(text);
        let (host, port) = match text.strip_prefix('[') {
            // [::1]:443
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or(NotAServer)?;
                let port = match after {
                    "" => None,
                    after => Some(after.strip_prefix(':').ok_or(NotAServer)?),
                };
                (host, port)
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let good = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if host.is_empty() || !host.chars().all(good) {
            return Err(NotAServer);
        }
        let port = match port {
            None => 443,
            Some(port) => port.parse().map_err(|_| NotAServer)?,
        };
        if port == 0 {
            return Err(NotAServer);
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Where the door is: `unix:PATH`, or a port of 127.0.0.1; port 0 is any that
/// is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A Unix socket, for its user alone.
    Unix(PathBuf),
    /// A port of loopback.
    Loopback(SocketAddrV4),
}

/// No place for a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a place to listen on: unix:PATH, or 127.0.0.1:PORT (no other address: it would be reachable by others)"
)]
pub struct NotAPlace;

impl FromStr for Listen {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(NotAPlace),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let (address, port) = text.rsplit_once(':').ok_or(NotAPlace)?;
        let address = match address {
            "localhost" => Ipv4Addr::LOCALHOST,
            address => match address.parse() {
                Ok(IpAddr::V4(address)) if address.is_loopback() => address,
                _ => return Err(NotAPlace),
            },
        };
        let port = port.parse().map_err(|_| NotAPlace)?;
        Ok(Self::Loopback(SocketAddrV4::new(address, port)))
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Loopback(address) => write!(f, "{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_a_port_and_nothing_else() {
        let read = |text: &str| text.parse::<Server>().map(|server| server.to_string());
        assert_eq!(read("intranet").as_deref(), Ok("intranet:443"));
        assert_eq!(read("https://intranet/").as_deref(), Ok("intranet:443"));
        assert_eq!(read("db.example:5432").as_deref(), Ok("db.example:5432"));
        assert_eq!(read("https://[::1]:8443").as_deref(), Ok("[::1]:8443"));
        for bad in [
            "", ":1", "a:0", "a:65536", "a:b", "a/b", "http://a", "[::1", "[::1]x", "a b",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_door_is_a_unix_socket_or_on_loopback_and_nowhere_else() {
        let read = |text: &str| text.parse::<Listen>().map(|place| place.to_string());
        assert_eq!(read("unix:/run/x").as_deref(), Ok("unix:/run/x"));
        assert_eq!(read("127.0.0.1:0").as_deref(), Ok("127.0.0.1:0"));
        assert_eq!(read("localhost:8080").as_deref(), Ok("127.0.0.1:8080"));
        for bad in [
            "",
            "unix:",
            "8080",
            "0.0.0.0:1",
            "192.0.2.1:1",
            "[::]:1",
            "host:1",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
