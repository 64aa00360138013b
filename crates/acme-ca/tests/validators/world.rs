//! A DNS, and validators that ask it and may go to the loopback.

use std::net::IpAddr;

use acme_ca::config::{Seconds, Validation};
use acme_ca::validators::{Method, Subject, Target, ValidatorError, Validators};

use crate::dns_server::DnsServer;

/// 32 bytes as base64url.
pub(crate) const TOKEN: &str = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";
pub(crate) const THUMBPRINT: [u8; 32] = [7; 32];
/// Long enough to pass on a busy machine; nothing waits for it.
pub(crate) const PATIENT: Seconds = Seconds(60);
/// For what must run out of time.
pub(crate) const HASTY: Seconds = Seconds(2);

pub(crate) struct World {
    pub(crate) dns: DnsServer,
    pub(crate) settings: Validation,
}

impl World {
    /// With `a.test` at 127.0.0.1.
    pub(crate) fn new() -> Self {
        let dns = DnsServer::start();
        dns.address_of("a.test", "127.0.0.1");
        let settings = Validation {
            resolvers: vec![dns.address()],
            allow_private: vec!["127.0.0.0/8".parse().unwrap()],
            timeout: PATIENT,
            ..Validation::default()
        };
        Self { dns, settings }
    }

    pub(crate) async fn validate(&self, method: Method, name: &str) -> Result<(), ValidatorError> {
        self.validate_subject(method, Subject::Dns(name.to_owned()))
            .await
    }

    pub(crate) async fn validate_ip(&self, method: Method, ip: &str) -> Result<(), ValidatorError> {
        let ip: IpAddr = ip.parse().unwrap();
        self.validate_subject(method, Subject::Ip(ip)).await
    }

    pub(crate) async fn validate_subject(
        &self,
        method: Method,
        subject: Subject,
    ) -> Result<(), ValidatorError> {
        let validators = Validators::new(&self.settings).unwrap();
        validators.validate(method, &target(subject)).await
    }
}

pub(crate) fn target(subject: Subject) -> Target {
    Target {
        subject,
        token: TOKEN.to_owned(),
        thumbprint: THUMBPRINT,
    }
}

/// Written out, not computed by the code that is tested: `base64url(0x07 × 32)`.
pub(crate) fn key_authorization() -> String {
    format!("{TOKEN}.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc")
}
