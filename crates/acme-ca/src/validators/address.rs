//! Which addresses a validation may connect to.
//!
//! Whoever orders a certificate chooses where the CA connects. Left alone, that reaches the
//! CA's own loopback, its neighbours and the metadata service of its cloud. So only addresses
//! of the public Internet are admitted, and the networks that the settings name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Which addresses may be connected to.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    allowed: Vec<IpNet>,
}

/// What an address is that is not of the public Internet (RFC 6890 and its registries).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Special {
    /// "This host" (RFC 1122, RFC 4291 §2.5.2); many systems take it for loopback.
    Unspecified,
    /// The machine itself.
    Loopback,
    /// RFC 1918, RFC 4193, RFC 3879.
    Private,
    /// Between a carrier and its customers (RFC 6598).
    Shared,
    /// One link alone (RFC 3927, RFC 4291 §2.5.6); cloud metadata lives here.
    LinkLocal,
    /// Groups of machines (RFC 5771, RFC 4291 §2.7).
    Multicast,
    /// Every machine (RFC 919).
    Broadcast,
    /// For examples (RFC 5737, RFC 3849, RFC 9637).
    Documentation,
    /// For measurements (RFC 2544, RFC 5180).
    Benchmarking,
    /// An IPv4 address in an IPv6 one, which a gateway would turn back (RFC 6052, RFC 3056,
    /// RFC 4380).
    Translated,
    /// Anything else that is not assigned to machines of the public Internet.
    Reserved,
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Shared => "carrier-grade NAT",
            Self::LinkLocal => "link-local",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Documentation => "documentation",
            Self::Benchmarking => "benchmarking",
            Self::Translated => "translated",
            Self::Reserved => "reserved",
        })
    }
}

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// The first that holds an address says what it is.
const SPECIAL_V4: [(Ipv4Net, Special); 17] = [
    (v4(0, 0, 0, 8), Special::Unspecified),
    (v4(127, 0, 0, 8), Special::Loopback),
    (v4(10, 0, 0, 8), Special::Private),
    (v4(172, 16, 0, 12), Special::Private),
    (v4(192, 168, 0, 16), Special::Private),
    (v4(100, 64, 0, 10), Special::Shared),
    (v4(169, 254, 0, 16), Special::LinkLocal),
    (v4(224, 0, 0, 4), Special::Multicast),
    (
        Ipv4Net::new_assert(Ipv4Addr::BROADCAST, 32),
        Special::Broadcast,
    ),
    (v4(192, 0, 2, 24), Special::Documentation),
    (v4(198, 51, 100, 24), Special::Documentation),
    (v4(203, 0, 113, 24), Special::Documentation),
    (v4(198, 18, 0, 15), Special::Benchmarking),
    (v4(192, 88, 99, 24), Special::Translated),
    (v4(192, 0, 0, 24), Special::Reserved),
    (v4(192, 31, 196, 24), Special::Reserved),
    (v4(240, 0, 0, 4), Special::Reserved),
];

/// The same. Outside 2000::/3 nothing is public.
const SPECIAL_V6: [(Ipv6Net, Special); 14] = [
    (
        Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128),
        Special::Unspecified,
    ),
    (
        Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128),
        Special::Loopback,
    ),
    (v6(0xfc00, 0, 0, 7), Special::Private),
    (v6(0xfec0, 0, 0, 10), Special::Private),
    (v6(0xfe80, 0, 0, 10), Special::LinkLocal),
    (v6(0xff00, 0, 0, 8), Special::Multicast),
    (v6(0x2001, 0xdb8, 0, 32), Special::Documentation),
    (v6(0x3fff, 0, 0, 20), Special::Documentation),
    (v6(0x2001, 2, 0, 48), Special::Benchmarking),
    (v6(0x64, 0xff9b, 0, 47), Special::Translated),
    (v6(0x2002, 0, 0, 16), Special::Translated),
    (v6(0x2001, 0, 0, 32), Special::Translated),
    (v6(0x2001, 0, 0, 23), Special::Reserved),
    (v6(0x5f00, 0, 0, 16), Special::Reserved),
];
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 0, 3);

/// What an address is, if it is not of the public Internet. An IPv4 address that is mapped
/// into IPv6 is what it is in IPv4.
#[must_use]
pub fn special(address: IpAddr) -> Option<Special> {
    match address.to_canonical() {
        IpAddr::V4(ip) => SPECIAL_V4
            .iter()
            .find(|(network, _)| network.contains(&ip))
            .map(|(_, special)| *special),
        IpAddr::V6(ip) => SPECIAL_V6
            .iter()
            .find(|(network, _)| network.contains(&ip))
            .map(|(_, special)| *special)
            .or((!GLOBAL_UNICAST.contains(&ip)).then_some(Special::Reserved)),
    }
}

impl AddressPolicy {
    /// Admits the public Internet and `allowed`.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// The address to connect to, which is IPv4 if it was only mapped into IPv6.
    ///
    /// # Errors
    /// What the address is, if it may not be connected to. Unspecified, multicast and broadcast
    /// addresses are no machine's, so no setting admits them.
    pub fn admit(&self, address: IpAddr) -> Result<IpAddr, Special> {
        let address = address.to_canonical();
        match special(address) {
            None => Ok(address),
            Some(never @ (Special::Unspecified | Special::Multicast | Special::Broadcast)) => {
                Err(never)
            }
            Some(special) => {
                if self
                    .allowed
                    .iter()
                    .any(|network| network.contains(&address))
                {
                    Ok(address)
                } else {
                    Err(special)
                }
            }
        }
    }
}

/// The way of one validation from address to address: whoever was met on the public Internet
/// sends it nowhere else.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Way {
    was_public: bool,
}

impl Way {
    /// As [`AddressPolicy::admit`]; but once a public address was connected to, only public ones.
    pub(super) fn admit(self, policy: &AddressPolicy, address: IpAddr) -> Result<IpAddr, Special> {
        match special(address) {
            Some(special) if self.was_public => Err(special),
            _ => policy.admit(address),
        }
    }

    /// Notes where it went.
    pub(super) fn went_to(&mut self, address: IpAddr) {
        self.was_public |= special(address).is_none();
    }

    /// Whether only public addresses are admitted.
    pub(super) fn is_public(self) -> bool {
        self.was_public
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_does_not_lead_back_from_the_public_internet() {
        let policy = AddressPolicy::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let (inside, outside) = (ip("10.0.0.1"), ip("198.41.0.4"));
        let mut way = Way::default();
        way.went_to(inside);
        assert_eq!(way.admit(&policy, inside), Ok(inside));
        assert_eq!(way.admit(&policy, outside), Ok(outside));
        way.went_to(outside);
        assert_eq!(way.admit(&policy, inside), Err(Special::Private));
        assert_eq!(
            way.admit(&policy, ip("::ffff:10.0.0.1")),
            Err(Special::Private)
        );
        assert_eq!(way.admit(&policy, outside), Ok(outside));
        way.went_to(inside);
        assert!(way.admit(&policy, inside).is_err());
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_not_of_the_public_internet_is_refused() {
        use Special as S;
        let policy = AddressPolicy::default();
        for (address, expected) in [
            ("0.0.0.0", S::Unspecified),
            ("0.1.2.3", S::Unspecified),
            ("127.0.0.1", S::Loopback),
            ("127.255.255.254", S::Loopback),
            ("10.0.0.1", S::Private),
            ("172.16.0.1", S::Private),
            ("172.31.255.255", S::Private),
            ("192.168.1.1", S::Private),
            ("100.64.0.1", S::Shared),
            ("100.127.255.255", S::Shared),
            ("169.254.169.254", S::LinkLocal),
            ("224.0.0.1", S::Multicast),
            ("239.255.255.255", S::Multicast),
            ("255.255.255.255", S::Broadcast),
            ("192.0.2.1", S::Documentation),
            ("198.51.100.1", S::Documentation),
            ("203.0.113.1", S::Documentation),
            ("198.18.0.1", S::Benchmarking),
            ("198.19.255.255", S::Benchmarking),
            ("192.0.0.8", S::Reserved),
            ("192.88.99.1", S::Translated),
            ("240.0.0.1", S::Reserved),
            ("::", S::Unspecified),
            ("::1", S::Loopback),
            ("::ffff:127.0.0.1", S::Loopback),
            ("::ffff:10.1.2.3", S::Private),
            ("::ffff:0.0.0.0", S::Unspecified),
            ("::127.0.0.1", S::Reserved),
            ("::ffff:0:127.0.0.1", S::Reserved),
            ("64:ff9b::7f00:1", S::Translated),
            ("64:ff9b:1::1", S::Translated),
            ("2002:7f00:1::", S::Translated),
            ("2001::1", S::Translated),
            ("2001:20::1", S::Reserved),
            ("2001:db8::1", S::Documentation),
            ("3fff::1", S::Documentation),
            ("2001:2::1", S::Benchmarking),
            ("fc00::1", S::Private),
            ("fd12:3456::1", S::Private),
            ("fec0::1", S::Private),
            ("fe80::1", S::LinkLocal),
            ("ff02::1", S::Multicast),
            ("100::1", S::Reserved),
            ("5f00::1", S::Reserved),
            ("4000::1", S::Reserved),
        ] {
            assert_eq!(policy.admit(ip(address)), Err(expected), "{address}");
        }
    }

    #[test]
    fn the_public_internet_is_admitted() {
        let policy = AddressPolicy::default();
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "172.15.255.255",
            "172.32.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450::1",
            "2001:4860:4860::8888",
        ] {
            assert_eq!(policy.admit(ip(address)), Ok(ip(address)), "{address}");
        }
        assert_eq!(policy.admit(ip("::ffff:1.1.1.1")), Ok(ip("1.1.1.1")));
    }

    #[test]
    fn the_settings_admit_networks_but_never_what_is_no_machine() {
        let nets = |list: &[&str]| list.iter().map(|net| net.parse().unwrap()).collect();
        let some = AddressPolicy::new(nets(&["10.1.0.0/16", "::1/128"]));
        assert_eq!(some.admit(ip("10.1.2.3")), Ok(ip("10.1.2.3")));
        assert_eq!(some.admit(ip("::ffff:10.1.2.3")), Ok(ip("10.1.2.3")));
        assert_eq!(some.admit(ip("::1")), Ok(ip("::1")));
        assert_eq!(some.admit(ip("10.2.0.1")), Err(Special::Private));
        assert_eq!(some.admit(ip("127.0.0.1")), Err(Special::Loopback));
        let all = AddressPolicy::new(nets(&["0.0.0.0/0", "::/0"]));
        for never in ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"] {
            assert!(all.admit(ip(never)).is_err(), "{never}");
        }
        assert_eq!(all.admit(ip("127.0.0.1")), Ok(ip("127.0.0.1")));
    }
}
