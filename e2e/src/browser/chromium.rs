//! Chromium, by chromedriver.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Browse, Group, PATIENCE, text_of, write_picture};
use crate::laptop::Laptop;
use crate::{Failure, Result, programs};

/// A running Chromium.
#[derive(Debug)]
pub struct Chromium {
    _driver: Group,
    port: u16,
    session: String,
}

impl Chromium {
    /// Starts it. `policies` is what it finds as `/etc/chromium`: the folder is
    /// one for the whole machine, and is changed for this process alone.
    pub fn start(laptop: &Laptop, policies: &Path) -> Result<Self> {
        let mut command = laptop.adopt(Command::new(programs::system("unshare")?));
        if rustix::process::getuid().is_root() {
            command.arg("--mount");
        } else {
            command.args(["--mount", "--map-root-user"]);
        }
        command
            .args(["sh", "-c"])
            .arg("mount --bind \"$1\" /etc/chromium && exec \"$2\" --port=0")
            .arg("sh")
            .arg(policies)
            .arg(programs::system("chromedriver")?);
        let mut driver = Group::start(command, &laptop.home().join("chromedriver.log"))?;
        let port = driver.wait_for("a port of chromedriver", |log| {
            let (_, rest) = log.split_once("started successfully on port ")?;
            rest.split(|c: char| !c.is_ascii_digit())
                .next()?
                .parse()
                .ok()
        })?;
        let mut chromium = Self {
            _driver: driver,
            port,
            session: String::new(),
        };
        let data = laptop.home().join("chromium");
        fs::create_dir_all(&data)?;
        let answer = chromium.request(
            "POST",
            "/session",
            &json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": [
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--window-size=1000,600",
                format!("--user-data-dir={}", data.display()),
            ]}}}}),
        )?;
        chromium.session = text_of(&answer, "/sessionId")?;
        Ok(chromium)
    }

    fn ask(&mut self, method: &str, command: &str, body: &Value) -> Result<Value> {
        let path = format!("/session/{}{command}", self.session);
        self.request(method, &path, body)
    }

    fn request(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let body = if method == "GET" {
            String::new()
        } else {
            body.to_string()
        };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )?;
        // It keeps the connection open: the length tells the end.
        let mut stream = BufReader::new(stream);
        let mut status = String::new();
        stream.read_line(&mut status)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let body = &String::from_utf8_lossy(&body);
        let value: Value = serde_json::from_str(body)?;
        if status.starts_with("HTTP/1.1 200") {
            return Ok(value.get("value").cloned().unwrap_or_default());
        }
        Err(Failure::new(format!(
            "{path}: {}",
            text_of(&value, "/value/message").unwrap_or_else(|_| body.to_string())
        )))
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Chromium's own processes end with it.
        let _ = self.ask("DELETE", "", &json!({}));
    }
}

impl Browse for Chromium {
    fn open(&mut self, url: &str) -> Result<()> {
        self.ask("POST", "/url", &json!({ "url": url })).map(drop)
    }

    fn text(&mut self) -> Result<String> {
        let script = json!({ "script": "return document.body.innerText", "args": [] });
        let answer = self.ask("POST", "/execute/sync", &script)?;
        text_of(&answer, "")
    }

    fn screenshot(&mut self, file: &Path) -> Result<()> {
        let answer = self.ask("GET", "/screenshot", &json!({}))?;
        write_picture(&text_of(&answer, "")?, file)
    }
}
