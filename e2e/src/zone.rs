//! A small DNS server for validations: every name is on loopback, and TXT
//! records are files that the clients' hook scripts write.
//!
//! One datagram in, one out (RFC 1035 §4.1). It answers A with 127.0.0.1, TXT
//! with the lines of the file of that name, and everything else, AAAA and CAA
//! included, with an empty answer.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::Result;

const A: u16 = 1;
const TXT: u16 = 16;
/// Length of the header before the question.
const HEADER: usize = 12;

/// A running name server; it ends when dropped.
#[derive(Debug)]
pub struct Zone {
    dir: PathBuf,
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Zone {
    /// Starts it on a free port of loopback; `dir` holds the TXT records.
    pub fn start(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let socket = UdpSocket::bind(("127.0.0.1", 0))?;
        let address = socket.local_addr()?;
        let ended = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new().name("zone".into()).spawn({
            let (dir, ended) = (dir.to_owned(), Arc::clone(&ended));
            move || serve(&socket, &dir, &ended)
        })?;
        Ok(Self {
            dir: dir.to_owned(),
            address,
            ended,
            thread: Some(thread),
        })
    }

    /// Where it answers, UDP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder of the TXT records: one file for each name, one value a line.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Zone {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // A datagram of any kind wakes the thread, which then sees that it is over.
        if let Ok(socket) = UdpSocket::bind(("127.0.0.1", 0)) {
            let _ = socket.send_to(&[0], self.address);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(socket: &UdpSocket, dir: &Path, ended: &AtomicBool) {
    let mut buffer = [0; 1500];
    loop {
        let Ok((len, from)) = socket.recv_from(&mut buffer) else {
            return;
        };
        if ended.load(Ordering::Acquire) {
            return;
        }
        if let Some(answer) = buffer.get(..len).and_then(|query| answer(query, dir)) {
            // Whoever asked is gone, or asks again.
            let _ = socket.send_to(&answer, from);
        }
    }
}

/// The answer to a query with one question; `None` for anything else.
fn answer(query: &[u8], dir: &Path) -> Option<Vec<u8>> {
    let is_response = query.get(2)? & 0x80 != 0;
    if is_response || query.get(4..6)? != [0, 1] {
        return None;
    }
    let (name, end) = question_name(query)?;
    let kind = u16::from_be_bytes(*query.get(end..)?.first_chunk()?);
    let data = match kind {
        A => vec![vec![127, 0, 0, 1]],
        TXT => text_records(dir, &name),
        _ => Vec::new(),
    };
    let mut out = Vec::with_capacity(512);
    out.extend(query.get(..2)?);
    // A response, authoritative, recursion desired as asked and available.
    out.extend([0x84 | (query.get(2)? & 1), 0x80]);
    out.extend(1_u16.to_be_bytes());
    out.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
    out.extend([0; 4]);
    out.extend(query.get(HEADER..end + 4)?);
    for record in data {
        // The name of the question, class IN, no time to live.
        out.extend([0xc0, 0x0c]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 0]);
        out.extend(u16::try_from(record.len()).ok()?.to_be_bytes());
        out.extend(record);
    }
    Some(out)
}

/// The name asked for, in lower case without the last dot, and where it ends.
fn question_name(query: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = HEADER;
    loop {
        let len = usize::from(*query.get(at)?);
        at += 1;
        match len {
            0 => return Some((labels.join("."), at)),
            // A pointer: nobody compresses the only name of a query.
            64.. => return None,
            _ => {
                let label = std::str::from_utf8(query.get(at..at + len)?).ok()?;
                if label.contains(['/', '.']) {
                    return None;
                }
                labels.push(label.to_ascii_lowercase());
                at += len;
            }
        }
    }
}

fn text_records(dir: &Path, name: &str) -> Vec<Vec<u8>> {
    let values = fs::read_to_string(dir.join(name)).unwrap_or_default();
    values
        .lines()
        .filter_map(|value| {
            let len = u8::try_from(value.len()).ok()?;
            Some(std::iter::once(len).chain(value.bytes()).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(kind: u16) -> Vec<u8> {
        let mut query = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend(b"\x01B\x07Example\x00");
        query.extend(kind.to_be_bytes());
        query.extend([0, 1]);
        query
    }

    #[test]
    fn a_name_is_on_loopback() {
        let dir = tempfile::tempdir().unwrap();
        let answer = answer(&query(A), dir.path()).unwrap();
        assert_eq!(&answer[..2], [7, 9]);
        assert_eq!(&answer[6..8], [0, 1]);
        assert!(answer.ends_with(&[0, 4, 127, 0, 0, 1]));
    }

    #[test]
    fn text_is_what_the_file_of_the_name_says() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            &answer(&query(TXT), dir.path()).unwrap()[6..8],
            [0, 0],
            "no file, no record"
        );
        fs::write(dir.path().join("b.example"), "one\ntwo\n").unwrap();
        let answer = answer(&query(TXT), dir.path()).unwrap();
        assert_eq!(&answer[6..8], [0, 2]);
        assert!(answer.ends_with(b"\x03two"));
    }

    #[test]
    fn what_is_no_query_gets_no_answer() {
        let dir = tempfile::tempdir().unwrap();
        let good = query(A);
        for len in 0..good.len() {
            let _ = answer(&good[..len], dir.path());
        }
        assert_eq!(answer(&[], dir.path()), None);
        let mut response = good.clone();
        response[2] |= 0x80;
        assert_eq!(answer(&response, dir.path()), None);
        let mut path = good;
        path[13] = b'/';
        assert_eq!(answer(&path, dir.path()), None);
    }
}
