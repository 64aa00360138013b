//! Where each resource is.

use crate::config::CaUrl;

pub(crate) const DIRECTORY: &str = "/directory";
/// The root certificate, for those who know its fingerprint and trust nothing here yet.
pub(crate) const ROOT: &str = "/root.pem";
/// What the limits are, for people.
pub(crate) const LIMITS: &str = "/limits";
/// CRLs, by the name of their file.
pub(crate) const CRL: &str = "/crl/";
/// What sshd reads as RevokedKeys.
pub(crate) const KRL: &str = "/ssh/krl";
pub(crate) const NEW_NONCE: &str = "/acme/new-nonce";
pub(crate) const NEW_ACCOUNT: &str = "/acme/new-account";
pub(crate) const NEW_ORDER: &str = "/acme/new-order";
pub(crate) const NEW_AUTHORIZATION: &str = "/acme/new-authz";
pub(crate) const KEY_CHANGE: &str = "/acme/key-change";
/// RFC 9773; a certificate's identifier follows.
pub(crate) const RENEWAL: &str = "/acme/renewal-info";
pub(crate) const REVOKE_CERTIFICATE: &str = "/acme/revoke-cert";
pub(crate) const ACCOUNT: &str = "/acme/account/";
pub(crate) const ORDER: &str = "/acme/order/";
pub(crate) const AUTHORIZATION: &str = "/acme/authz/";
pub(crate) const CHALLENGE: &str = "/acme/challenge/";
pub(crate) const CERTIFICATE: &str = "/acme/certificate/";

/// The URL of an account, which is its `kid`.
pub(crate) fn account(url: &CaUrl, id: &str) -> String {
    url.join(&format!("{ACCOUNT}{id}"))
}

/// The list of an account's orders.
pub(crate) fn orders(url: &CaUrl, account: &str) -> String {
    url.join(&format!("{ACCOUNT}{account}/orders"))
}

/// The URL of an order; the challenges' answers sign it.
pub(crate) fn order(url: &CaUrl, id: &str) -> String {
    url.join(&format!("{ORDER}{id}"))
}

pub(crate) fn finalize(url: &CaUrl, order: &str) -> String {
    url.join(&format!("{ORDER}{order}/finalize"))
}

pub(crate) fn authorization(url: &CaUrl, id: &str) -> String {
    url.join(&format!("{AUTHORIZATION}{id}"))
}

pub(crate) fn challenge(url: &CaUrl, id: &str) -> String {
    url.join(&format!("{CHALLENGE}{id}"))
}

pub(crate) fn certificate(url: &CaUrl, id: &str) -> String {
    url.join(&format!("{CERTIFICATE}{id}"))
}

/// The same certificate with another chain.
pub(crate) fn alternate(url: &CaUrl, id: &str) -> String {
    url.join(&format!("{CERTIFICATE}{id}/alternate"))
}

/// The id in a `kid`; `None` for the URL of anything else.
pub(crate) fn account_id<'a>(url: &CaUrl, kid: &'a str) -> Option<&'a str> {
    let id = kid.strip_prefix(&url.join(ACCOUNT))?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}
