//! A program that signs in one way and measures it: a process of its own, because
//! libpcsclite learns from the environment of its birth where pcscd is.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use e2e::agent::protocol;
use e2e::{Failure, Result, programs};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use super::{card, module::Module};
use crate::cpu;

/// The digest, or the message, that is signed.
const DIGEST: [u8; 32] = [7; 32];

/// How to come by a signature.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Command,
    Visit,
    Agent,
    Module,
    Ykcs11,
    OpenSc,
}

impl Way {
    pub(super) const ALL: [Self; 6] = [
        Self::Command,
        Self::Visit,
        Self::Agent,
        Self::Module,
        Self::Ykcs11,
        Self::OpenSc,
    ];

    /// For the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Visit => "visit",
            Self::Agent => "agent",
            Self::Module => "module",
            Self::Ykcs11 => "ykcs11",
            Self::OpenSc => "opensc",
        }
    }

    /// For the table.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Command => "card: the one command",
            Self::Visit => "card: connect, PIN, sign, reset",
            Self::Agent => "dlogin agent, as ssh asks it",
            Self::Module => "libdlogin_pkcs11.so and agent",
            Self::Ykcs11 => "ykcs11, PIN left open",
            Self::OpenSc => "OpenSC, PIN left open",
        }
    }
}

/// `bench agent-client WAY N AGENT PCSCD`: N signatures, and what they cost this
/// process and those two, as JSON.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let usage = || Failure::new("bench agent-client WAY N AGENT PCSCD");
    let [way, number, agent, pcscd] = args else {
        return Err(usage());
    };
    let way = Way::ALL
        .into_iter()
        .find(|known| known.name() == way)
        .ok_or_else(usage)?;
    let watched = Watched {
        agent: agent.parse()?,
        pcscd: pcscd.parse()?,
    };
    let number = number.parse()?;
    match way {
        Way::Command => card::command(&pin()?, &DIGEST, |sign| watched.measure(number, sign)),
        Way::Visit => {
            let card = card::Place::find(&pin()?)?;
            watched.measure(number, || card.visit(&DIGEST))
        }
        Way::Agent => {
            let socket = folder()?.join("agent.sock");
            let key = protocol::listed(&socket)?.into_iter().next();
            let key = key.ok_or_else(|| Failure::new("the agent lists no key"))?;
            watched.measure(number, || protocol::sign(&socket, &key, &DIGEST))
        }
        Way::Module => {
            let module = Module::load(&programs::ours("libdlogin_pkcs11.so")?)?;
            let session = module.session("tls", None)?;
            watched.measure(number, || session.sign(&DIGEST))
        }
        Way::Ykcs11 => {
            let module = Module::load(&programs::library("libykcs11.so.2")?)?;
            let session = module.session("Private key for PIV Authentication", Some(&pin()?))?;
            watched.measure(number, || session.sign(&DIGEST))
        }
        Way::OpenSc => {
            let module = Module::load(&programs::library("opensc-pkcs11.so")?)?;
            let session = module.session("PIV AUTH key", Some(&pin()?))?;
            watched.measure(number, || session.sign(&DIGEST))
        }
    }
}

/// The PIN of this laptop's person.
fn pin() -> Result<String> {
    Ok(std::env::var("LAPTOP_PIN")?)
}

fn folder() -> Result<PathBuf> {
    Ok(PathBuf::from(std::env::var("XDG_RUNTIME_DIR")?).join("dlogin"))
}

/// The processes that work for this one.
struct Watched {
    agent: u32,
    pcscd: u32,
}

impl Watched {
    /// Signs once for warming up and then so often; prints what it took.
    fn measure(&self, number: u32, mut sign: impl FnMut() -> Result<Vec<u8>>) -> Result<()> {
        sign()?;
        let before = self.spent()?;
        let mut wall = Vec::new();
        for _ in 0..number {
            let began = Instant::now();
            sign()?;
            wall.push(milliseconds(began.elapsed()));
        }
        let after = self.spent()?;
        let spent: Vec<f64> = after
            .into_iter()
            .zip(before)
            .map(|(after, before)| milliseconds(after.saturating_sub(before)))
            .collect();
        println!("{}", json!({"wall_ms": wall, "spent_ms": spent}));
        Ok(())
    }

    fn spent(&self) -> Result<[Duration; 3]> {
        let own = clock_gettime(ClockId::ProcessCPUTime);
        let own = Duration::new(own.tv_sec.try_into()?, own.tv_nsec.try_into()?);
        Ok([own, cpu::of(self.agent)?, cpu::of(self.pcscd)?])
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
