//! An agent that speaks the real language on a real socket and signs, with the
//! key that it was given, or does something worse.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use dlogin_service::{Answer, Input, Refusal, Request, Sign, read_frame, write_frame};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};

/// What it does when asked.
#[derive(Clone)]
pub enum Manner {
    /// Signs.
    Sign(SigningKey),
    /// Says no.
    Refuse(Refusal),
    /// Never answers.
    Silent,
    /// Answers with bytes that mean nothing.
    Babble(Vec<u8>),
    /// Closes the connection.
    HangUp,
}

/// The agent; it listens until the test's process ends.
pub struct Agent {
    asked: Arc<Mutex<Vec<Sign>>>,
    manner: Arc<Mutex<Manner>>,
}

impl Agent {
    pub fn start(folder: &Path, manner: Manner) -> Self {
        let agent = Self {
            asked: Arc::default(),
            manner: Arc::new(Mutex::new(manner)),
        };
        let listener = UnixListener::bind(folder.join("service.sock")).unwrap();
        let (asked, manner) = (agent.asked.clone(), agent.manner.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (asked, manner) = (asked.clone(), manner.lock().unwrap().clone());
                std::thread::spawn(move || converse(stream.unwrap(), &asked, &manner));
            }
        });
        agent
    }

    /// What it was asked to sign so far.
    pub fn asked(&self) -> Vec<Sign> {
        self.asked.lock().unwrap().clone()
    }

    /// What it does from now on.
    pub fn change(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }
}

fn converse(mut stream: UnixStream, asked: &Mutex<Vec<Sign>>, manner: &Manner) {
    while let Ok(Some(frame)) = read_frame(&mut stream) {
        let Ok(Request::Sign(sign)) = Request::from_bytes(&frame) else {
            panic!("nothing but signatures is asked of the agent");
        };
        asked.lock().unwrap().push(sign.clone());
        let answer = match manner {
            Manner::Sign(key) => {
                let signature: Signature = match &sign.input {
                    Input::Digest(digest) => key.sign_prehash(digest).unwrap(),
                    Input::Message(message) => key.sign(message),
                };
                Answer::Signature(signature.to_der().as_bytes().to_vec())
            }
            Manner::Refuse(refusal) => Answer::Refused(refusal.clone()),
            Manner::Silent => continue,
            Manner::Babble(bytes) => {
                let _ = write_frame(&mut stream, bytes);
                continue;
            }
            Manner::HangUp => return,
        };
        let _ = write_frame(&mut stream, &answer.to_bytes());
    }
}
