//! A DNS server for tests: UDP and TCP on one port of the loopback, answers from a table that
//! can be changed at any time. It has no other part of the tests in it, so that any of them can
//! include this file.

#![allow(dead_code)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CAA, CNAME, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// What a name has.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    /// A or AAAA.
    Address(IpAddr),
    /// TXT.
    Text(String),
    /// CAA: whether it is critical, its tag, its value.
    Caa(bool, String, String),
    /// CNAME.
    Alias(String),
}

/// Several answers that take turns, or one.
type Turns = Vec<Vec<Data>>;

#[derive(Default)]
struct Zone {
    names: BTreeMap<String, Turns>,
    /// Names with which something is wrong.
    failing: BTreeMap<String, ResponseCode>,
    silent: Vec<String>,
    pause: Duration,
    /// Answers over UDP say that they are truncated.
    truncating: bool,
    asked: Vec<(String, RecordType)>,
    asked_over_tcp: usize,
}

/// A running server; it stops when this is dropped.
pub(crate) struct DnsServer {
    at: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// How often the threads look whether they should stop.
const LOOK: Duration = Duration::from_millis(20);

impl DnsServer {
    /// Starts one on a free port.
    pub(crate) fn start() -> Self {
        let (udp, tcp) = sockets();
        let at = udp.local_addr().unwrap();
        let zone = Arc::new(Mutex::new(Zone::default()));
        let stop = Arc::new(AtomicBool::new(false));
        udp.set_read_timeout(Some(LOOK)).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let over_udp = {
            let (zone, stop) = (Arc::clone(&zone), Arc::clone(&stop));
            std::thread::spawn(move || serve_udp(&udp, &zone, &stop))
        };
        let over_tcp = {
            let (zone, stop) = (Arc::clone(&zone), Arc::clone(&stop));
            std::thread::spawn(move || serve_tcp(&tcp, &zone, &stop))
        };
        Self {
            at,
            zone,
            stop,
            threads: vec![over_udp, over_tcp],
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.at
    }

    /// Gives a name these records, in place of what it had.
    pub(crate) fn set(&self, name: &str, data: impl IntoIterator<Item = Data>) {
        self.set_turns(name, [data.into_iter().collect()]);
    }

    /// Gives a name answers that take turns: each look-up of one type takes the next, and the
    /// last one stays.
    pub(crate) fn set_turns(&self, name: &str, turns: impl IntoIterator<Item = Vec<Data>>) {
        let turns = turns.into_iter().collect();
        self.zone().names.insert(key(name), turns);
    }

    /// Gives a name an address.
    pub(crate) fn address_of(&self, name: &str, address: &str) {
        self.set(name, [Data::Address(address.parse().unwrap())]);
    }

    /// Adds one TXT record to what a name has.
    pub(crate) fn add_text(&self, name: &str, text: &str) {
        let mut zone = self.zone();
        let turns = zone.names.entry(key(name)).or_insert_with(|| vec![vec![]]);
        turns[0].push(Data::Text(text.to_owned()));
    }

    /// Takes all records of a name away.
    pub(crate) fn remove(&self, name: &str) {
        self.zone().names.remove(&key(name));
    }

    /// Answers for a name with an error.
    pub(crate) fn fail(&self, name: &str, code: ResponseCode) {
        self.zone().failing.insert(key(name), code);
    }

    /// Never answers for a name.
    pub(crate) fn silence(&self, name: &str) {
        self.zone().silent.push(key(name));
    }

    /// Answers for it again.
    pub(crate) fn speak(&self, name: &str) {
        self.zone().silent.retain(|silent| *silent != key(name));
    }

    /// From now on every answer takes so long.
    pub(crate) fn slow_down(&self, pause: Duration) {
        self.zone().pause = pause;
    }

    /// From now on answers over UDP are truncated.
    pub(crate) fn truncate(&self) {
        self.zone().truncating = true;
    }

    /// What it was asked for so far.
    pub(crate) fn asked(&self) -> Vec<(String, RecordType)> {
        self.zone().asked.clone()
    }

    /// How often it was asked over TCP.
    pub(crate) fn asked_over_tcp(&self) -> usize {
        self.zone().asked_over_tcp
    }

    fn zone(&self) -> std::sync::MutexGuard<'_, Zone> {
        self.zone.lock().unwrap()
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The same free port of both kinds.
fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()) {
            return (udp, tcp);
        }
    }
}

fn key(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn serve_udp(socket: &UdpSocket, zone: &Mutex<Zone>, stop: &AtomicBool) {
    let mut buffer = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let Some(mut response) = answer(&buffer[..length], zone) else {
            continue;
        };
        let pause = zone.lock().unwrap().pause;
        std::thread::sleep(pause);
        if zone.lock().unwrap().truncating {
            response = response.truncate();
            response.metadata.truncation = true;
        }
        let _ = socket.send_to(&response.to_vec().unwrap(), from);
    }
}

fn serve_tcp(listener: &TcpListener, zone: &Mutex<Zone>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(LOOK);
            continue;
        };
        let _ = serve_connection(stream, zone, stop);
    }
}

fn serve_connection(
    mut stream: TcpStream,
    zone: &Mutex<Zone>,
    stop: &AtomicBool,
) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    while !stop.load(Ordering::Relaxed) {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query)?;
        zone.lock().unwrap().asked_over_tcp += 1;
        if let Some(response) = answer(&query, zone) {
            let bytes = response.to_vec().unwrap();
            stream.write_all(&u16::try_from(bytes.len()).unwrap().to_be_bytes())?;
            stream.write_all(&bytes)?;
        }
    }
    Ok(())
}

fn answer(query: &[u8], zone: &Mutex<Zone>) -> Option<Message> {
    let query = Message::from_vec(query).ok()?;
    let question = query.queries.first()?.clone();
    let mut response = Message::new(
        query.metadata.id,
        MessageType::Response,
        query.metadata.op_code,
    );
    response.metadata.recursion_desired = query.metadata.recursion_desired;
    response.metadata.recursion_available = true;
    response.add_query(question.clone());
    let mut zone = zone.lock().unwrap();
    let name = key(&question.name().to_ascii());
    let wanted = question.query_type();
    zone.asked.push((name.clone(), wanted));
    if zone.silent.contains(&name) {
        return None;
    }
    if let Some(code) = zone.failing.get(&name) {
        response.metadata.response_code = *code;
        return Some(response);
    }
    let turn = zone
        .asked
        .iter()
        .filter(|(asked, kind)| *asked == name && *kind == wanted)
        .count();
    let Some(turns) = zone.names.get(&name) else {
        response.metadata.response_code = ResponseCode::NXDomain;
        return Some(response);
    };
    let data = &turns[turn.min(turns.len()) - 1];
    for record in data.iter().filter_map(|data| record(data, wanted)) {
        response.add_answer(Record::from_rdata(question.name().clone(), 300, record));
    }
    Some(response)
}

fn record(data: &Data, wanted: RecordType) -> Option<RData> {
    match (data, wanted) {
        (Data::Address(IpAddr::V4(ip)), RecordType::A) => Some(RData::A(A(*ip))),
        (Data::Address(IpAddr::V6(ip)), RecordType::AAAA) => Some(RData::AAAA(AAAA(*ip))),
        (Data::Text(text), RecordType::TXT) => {
            // A string in a record has at most 255 bytes; a text may have several.
            let parts = text.as_bytes().chunks(255);
            let parts = parts.map(|part| String::from_utf8_lossy(part).into_owned());
            Some(RData::TXT(TXT::new(parts.collect())))
        }
        (Data::Caa(critical, tag, value), RecordType::CAA) => {
            let mut caa = CAA::new_issue(*critical, None, Vec::new());
            caa.tag.clone_from(tag);
            caa.value = value.clone().into_bytes();
            Some(RData::CAA(caa))
        }
        (Data::Alias(name), _) => {
            let mut name = Name::from_ascii(name).unwrap();
            name.set_fqdn(true);
            Some(RData::CNAME(CNAME(name)))
        }
        _ => None,
    }
}
