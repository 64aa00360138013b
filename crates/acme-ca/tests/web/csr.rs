//! Certificate signing requests (RFC 2986), good and bad.

use crate::der::{SoftKey, ecdsa_sha256, sequence, tlv};

/// A CSR with a common name (or none) and DNS names.
pub fn csr(key: &SoftKey, common_name: Option<&str>, names: &[&str]) -> Vec<u8> {
    build(&key.spki(), common_name, names, |info| key.sign(info))
}

/// A CSR for DNS names and addresses, as servers send it.
pub fn server_csr(key: &SoftKey, common_name: Option<&str>, names: &[&str]) -> Vec<u8> {
    let names = names
        .iter()
        .map(|name| match name.parse::<std::net::IpAddr>() {
            Ok(std::net::IpAddr::V4(ip)) => tlv(0x87, &ip.octets()),
            Ok(std::net::IpAddr::V6(ip)) => tlv(0x87, &ip.octets()),
            Err(_) => tlv(0x82, name.as_bytes()),
        })
        .collect();
    assemble(&key.spki(), common_name, names, |info| key.sign(info))
}

/// A CSR for any key, signed by whatever `sign` says.
pub fn build(
    spki: &[u8],
    common_name: Option<&str>,
    names: &[&str],
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let names = names.iter().map(|n| tlv(0x82, n.as_bytes())).collect();
    assemble(spki, common_name, names, sign)
}

/// From names that are DER already.
fn assemble(
    spki: &[u8],
    common_name: Option<&str>,
    names: Vec<Vec<u8>>,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let subject = match common_name {
        None => sequence(&[]),
        Some(name) => {
            let attribute = sequence(&[&[6, 3, 0x55, 4, 3], &tlv(0x0C, name.as_bytes())]);
            sequence(&[&tlv(0x31, &attribute)])
        }
    };
    let attributes = if names.is_empty() {
        Vec::new()
    } else {
        let san = tlv(0x30, &names.concat());
        let extension = sequence(&[&[6, 3, 0x55, 0x1D, 0x11], &tlv(4, &san)]);
        let request = [6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 14];
        sequence(&[&request, &tlv(0x31, &sequence(&[&extension]))])
    };
    let info = sequence(&[&[2, 1, 0], &subject, spki, &tlv(0xA0, &attributes)]);
    let signature = [vec![0], sign(&info)].concat();
    sequence(&[&info, &ecdsa_sha256(), &tlv(3, &signature)])
}
