//! Whose a connection of loopback is: the kernel lists every socket with the
//! user that it belongs to (proc_net(5), `/proc/net/tcp`).

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddrV4;

/// A socket whose connection is being made, or is over: nobody's.
const SYN_RECEIVED: &str = "03";
const TIME_WAIT: &str = "06";

/// The user whose socket is at the other end of a connection that was accepted:
/// `theirs` is its address there, `ours` the one here. `None` where the kernel
/// does not list it, or lists it without an owner.
pub(crate) fn owner(theirs: SocketAddrV4, ours: SocketAddrV4) -> Option<u32> {
    let table = File::open("/proc/net/tcp").ok()?;
    find(BufReader::new(table), theirs, ours)
}

fn find(table: impl BufRead, theirs: SocketAddrV4, ours: SocketAddrV4) -> Option<u32> {
    let (theirs, ours) = (listed(theirs), listed(ours));
    for line in table.lines() {
        let line = line.ok()?;
        let fields: Vec<&str> = line.split_whitespace().take(10).collect();
        let &[_, local, remote, state, _, _, _, uid, _, inode] = fields.as_slice() else {
            continue;
        };
        if local == theirs && remote == ours {
            // A socket that no process holds any more has no inode, and the
            // kernel shows root as its owner.
            let alive = state != SYN_RECEIVED && state != TIME_WAIT && inode != "0";
            return uid.parse().ok().filter(|_| alive);
        }
    }
    None
}

/// As the kernel writes it: the address as a number of the machine, the port.
fn listed(address: SocketAddrV4) -> String {
    let number = u32::from_ne_bytes(address.ip().octets());
    format!("{number:08X}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    fn v4(address: std::net::SocketAddr) -> SocketAddrV4 {
        match address {
            std::net::SocketAddr::V4(address) => address,
            std::net::SocketAddr::V6(_) => panic!("IPv4 was asked for"),
        }
    }

    #[test]
    fn a_connection_of_our_own_is_ours_and_one_that_is_over_is_nobodys() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let ours = v4(listener.local_addr().unwrap());
        let client = TcpStream::connect(ours).unwrap();
        let (accepted, theirs) = listener.accept().unwrap();
        let theirs = v4(theirs);
        assert_eq!(
            owner(theirs, ours),
            Some(rustix::process::geteuid().as_raw())
        );
        drop(client);
        assert_eq!(owner(theirs, ours), None, "closed: nobody to be told");
        drop(accepted);
        let elsewhere = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
        assert_eq!(owner(elsewhere, ours), None);
    }

    #[test]
    fn another_users_socket_is_told_by_its_row_and_states_without_an_owner_are_not() {
        let here = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0x1f90);
        let there = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0x8000);
        let (local, remote) = (listed(there), listed(here));
        let row = |state: &str, inode: &str| {
            format!(
                "  sl  local_address rem_address   st\n   \
                 0: {remote} {local} 01 00000000:00000000 00:00000000 00000000  1000        0 9 1\n   \
                 1: {local} {remote} {state} 00000000:00000000 00:00000000 00000000  1001        0 {inode} 1\n"
            )
        };
        let found = |state, inode| find(row(state, inode).as_bytes(), there, here);
        assert_eq!(found("01", "77"), Some(1001));
        assert_eq!(found("01", "0"), None);
        assert_eq!(found(TIME_WAIT, "77"), None);
        assert_eq!(find(&b"rubbish\n\n"[..], there, here), None);
    }
}
