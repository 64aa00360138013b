//! Firefox, by Marionette: the half of WebDriver that is in Firefox itself.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Browse, Group, PATIENCE, text_of, write_picture};
use crate::laptop::Laptop;
use crate::{Failure, Result, process, programs};

/// A running Firefox.
#[derive(Debug)]
pub struct Firefox {
    _process: Group,
    connection: TcpStream,
    last: u64,
}

impl Firefox {
    /// Makes a profile on a laptop that has none, as Firefox's own first start
    /// does; its folder.
    pub fn create_profile(laptop: &Laptop, name: &str) -> Result<PathBuf> {
        let mut firefox = laptop.command(&programs::system("firefox-esr")?);
        firefox.args(["--headless", "--no-remote", "-CreateProfile", name]);
        process::succeed(&mut firefox)?;
        let found = [".mozilla/firefox", ".config/mozilla/firefox"]
            .iter()
            .filter_map(|root| fs::read_dir(laptop.home().join(root)).ok())
            .flat_map(|entries| entries.flatten())
            .map(|entry| entry.path())
            .find(|path| path.to_string_lossy().ends_with(&format!(".{name}")))
            .ok_or_else(|| Failure::new("Firefox made no profile"))?;
        fs::write(
            found.join("user.js"),
            "user_pref(\"marionette.port\", 0);\n\
             user_pref(\"network.captive-portal-service.enabled\", false);\n\
             user_pref(\"network.connectivity-service.enabled\", false);\n\
             user_pref(\"app.update.disabledForTesting\", true);\n\
             user_pref(\"browser.shell.checkDefaultBrowser\", false);\n",
        )?;
        Ok(found)
    }

    /// Starts it with a profile.
    pub fn start(laptop: &Laptop, profile: &Path) -> Result<Self> {
        let mut command = laptop.command(&programs::system("firefox-esr")?);
        command
            .args(["--headless", "--no-remote", "--marionette", "--profile"])
            .arg(profile);
        let said = profile.join("MarionetteActivePort");
        let _ = fs::remove_file(&said);
        let mut process = Group::start(command, &laptop.home().join("firefox.log"))?;
        let port: u16 = process.wait_for("a port of Marionette", |_| {
            fs::read_to_string(&said).ok()?.trim().parse().ok()
        })?;
        let connection = TcpStream::connect(("127.0.0.1", port))?;
        connection.set_read_timeout(Some(PATIENCE))?;
        let mut firefox = Self {
            _process: process,
            connection,
            last: 0,
        };
        // It says who it is first.
        firefox.read()?;
        firefox.ask("WebDriver:NewSession", &json!({}))?;
        Ok(firefox)
    }

    fn ask(&mut self, what: &str, parameters: &Value) -> Result<Value> {
        self.last += 1;
        let message = json!([0, self.last, what, parameters]).to_string();
        self.connection
            .write_all(format!("{}:{message}", message.len()).as_bytes())?;
        let answer = self.read()?;
        match answer.as_array().map(Vec::as_slice) {
            Some([_, _, Value::Null, result]) => Ok(result.clone()),
            Some([_, _, error, _]) => Err(Failure::new(format!("{what}: {error}"))),
            _ => Err(Failure::new(format!("{what}: {answer}"))),
        }
    }

    /// `LENGTH:JSON`.
    fn read(&mut self) -> Result<Value> {
        let mut length = 0;
        loop {
            let mut byte = [0];
            self.connection.read_exact(&mut byte)?;
            match byte {
                [digit @ b'0'..=b'9'] => length = length * 10 + usize::from(digit - b'0'),
                [b':'] => break,
                [other] => return Err(Failure::new(format!("no length: {other}"))),
            }
        }
        let mut message = vec![0; length];
        self.connection.read_exact(&mut message)?;
        Ok(serde_json::from_slice(&message)?)
    }
}

impl Browse for Firefox {
    fn open(&mut self, url: &str) -> Result<()> {
        self.ask("WebDriver:Navigate", &json!({ "url": url }))
            .map(drop)
    }

    fn text(&mut self) -> Result<String> {
        let script = json!({ "script": "return document.body.innerText", "args": [] });
        let answer = self.ask("WebDriver:ExecuteScript", &script)?;
        text_of(&answer, "/value")
    }

    fn screenshot(&mut self, file: &Path) -> Result<()> {
        let answer = self.ask("WebDriver:TakeScreenshot", &json!({ "full": false }))?;
        write_picture(&text_of(&answer, "/value")?, file)
    }
}
