//! The driver: clients that order, and what the servers validate them by.

use std::collections::HashMap;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use e2e::http01::Http01;
use e2e::zone::Zone;
use e2e::{Failure, Result, process, programs};

use super::client::Client;
use super::{Place, Server};

/// What the servers are told about tokens: the key authorization of each.
pub(crate) type Answers = Arc<Mutex<HashMap<String, String>>>;

/// Everything but the server.
pub(crate) struct Load {
    place: Place,
    answers: Answers,
    http01: Http01,
    _zone: Zone,
    runtime: tokio::runtime::Runtime,
    /// No name is ordered twice.
    names: AtomicU32,
}

impl Load {
    pub(crate) fn new() -> Result<Self> {
        // Whoever was first chose the same.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::TempDir::with_prefix("bench-")?;
        let zone = Zone::start(&dir.path().join("zone"))?;
        let answers = Answers::default();
        let http01 = Http01::start({
            let answers = Arc::clone(&answers);
            move |token| lock(&answers).get(token).cloned()
        })?;
        Ok(Self {
            place: Place {
                resolver: zone.address(),
                http_port: http01.port(),
                dir,
            },
            answers,
            http01,
            _zone: zone,
            // The servers need the other core.
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            names: AtomicU32::new(0),
        })
    }

    /// Where a server is to run, and what it is to ask.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Clients with an account each.
    pub(crate) fn workers(&self, server: &Server, count: u32) -> Result<Vec<Client>> {
        self.runtime.block_on(async {
            let mut clients = Vec::new();
            for _ in 0..count {
                clients.push(Client::register(server, Arc::clone(&self.answers)).await?);
            }
            Ok(clients)
        })
    }

    /// Orders `flows` certificates; each client takes the next when it is free.
    pub(crate) fn run(&self, workers: &mut [Client], flows: u32) -> Result<()> {
        let left = AtomicU32::new(flows);
        let each = workers.iter_mut().map(|client| async {
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(1)
                })
                .is_ok()
            {
                let number = self.names.fetch_add(1, Ordering::Relaxed);
                client.order(&format!("n{number}.bench.test")).await?;
            }
            Ok(())
        });
        let validated = self.http01.hits();
        self.runtime.block_on(all(each))?;
        if self.http01.hits() - validated < u64::from(flows) {
            return Err(Failure::new("the server issued without validating"));
        }
        Ok(())
    }

    /// openssl judges the last certificate of each client.
    pub(crate) fn judge(&self, server: &Server, workers: &[Client]) -> Result<()> {
        let file = self.place.dir.path().join("chain.pem");
        for (name, chain) in workers.iter().filter_map(Client::last) {
            std::fs::write(&file, chain)?;
            let mut openssl = Command::new(programs::system("openssl")?);
            match server.issuing_root() {
                Some(root) => openssl
                    .args(["verify", "-purpose", "sslserver", "-x509_strict", "-CAfile"])
                    .arg(root)
                    .arg("-untrusted")
                    .arg(&file)
                    .args(["-verify_hostname", name]),
                // Pebble makes a new root each time.
                None => openssl.args(["x509", "-noout", "-checkhost", name, "-in"]),
            };
            let said = process::succeed(openssl.arg(&file))?;
            if said.contains("does NOT match") {
                return Err(Failure::new(said));
            }
        }
        Ok(())
    }
}

/// Runs all at once; the first failure ends them.
async fn all(flows: impl Iterator<Item = impl Future<Output = Result<()>>>) -> Result<()> {
    let mut flows: Vec<_> = flows.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        let mut failed = None;
        flows.retain_mut(|flow| match flow.as_mut().poll(context) {
            std::task::Poll::Pending => true,
            std::task::Poll::Ready(Ok(())) => false,
            std::task::Poll::Ready(Err(failure)) => {
                failed = Some(failure);
                false
            }
        });
        match failed {
            Some(failure) => std::task::Poll::Ready(Err(failure)),
            None if flows.is_empty() => std::task::Poll::Ready(Ok(())),
            None => std::task::Poll::Pending,
        }
    })
    .await
}

/// The answers; a client that died half-way left them whole.
pub(super) fn lock(answers: &Answers) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}
