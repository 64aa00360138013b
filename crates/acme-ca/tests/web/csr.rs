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
    let common_names: Vec<_> = common_name
        .map(|name| tlv(0x0C, name.as_bytes()))
        .into_iter()
        .collect();
    let attributes = if names.is_empty() {
        Vec::new()
    } else {
        extension_request(&[alternative_names(&names)])
    };
    raw(spki, &subject(&common_names), &attributes, sign)
}

/// A subject of common names, each a string in DER.
pub fn subject(common_names: &[Vec<u8>]) -> Vec<u8> {
    let names: Vec<u8> = common_names
        .iter()
        .flat_map(|name| tlv(0x31, &sequence(&[&[6, 3, 0x55, 4, 3], name])))
        .collect();
    tlv(0x30, &names)
}

/// An extension: a non-critical one of id-ce with this last arc.
pub fn extension(arc: u8, content: &[u8]) -> Vec<u8> {
    sequence(&[&[6, 3, 0x55, 0x1D, arc], &tlv(4, content)])
}

/// subjectAltName, of GeneralNames in DER.
pub fn alternative_names(names: &[Vec<u8>]) -> Vec<u8> {
    extension(17, &tlv(0x30, &names.concat()))
}

/// The attribute that asks for extensions (RFC 2985 §5.4.2).
pub fn extension_request(extensions: &[Vec<u8>]) -> Vec<u8> {
    let request = [6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 14];
    let extensions = tlv(0x30, &extensions.concat());
    sequence(&[&request, &tlv(0x31, &extensions)])
}

/// From a subject and attributes in DER.
pub fn raw(
    spki: &[u8],
    subject: &[u8],
    attributes: &[u8],
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let info = sequence(&[&[2, 1, 0], subject, spki, &tlv(0xA0, attributes)]);
    let signature = [vec![0], sign(&info)].concat();
    sequence(&[&info, &ecdsa_sha256(), &tlv(3, &signature)])
}
