//! What stands in a certificate. Each type holds good values only.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use crate::error::FieldError;

#[cfg(test)]
mod tests;

/// The most principals that sshd reads.
pub const MAX_PRINCIPALS: usize = 256;

/// The key id, which sshd logs: 1 to 255 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// Checks the text.
    ///
    /// # Errors
    /// [`FieldError::KeyId`].
    pub fn new(text: impl Into<String>) -> Result<Self, FieldError> {
        let text = text.into();
        if text.is_empty() || text.len() > 255 || !printable(&text) {
            return Err(FieldError::KeyId);
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The principals, never none: to sshd no principal would be every principal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principals(Vec<String>);

impl Principals {
    /// Checks the names.
    ///
    /// # Errors
    /// [`FieldError`].
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<Self, FieldError> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        if names.is_empty() {
            return Err(FieldError::NoPrincipal);
        }
        if names.len() > MAX_PRINCIPALS {
            return Err(FieldError::TooManyPrincipals { count: names.len() });
        }
        for (index, name) in names.iter().enumerate() {
            let forbidden = |c: char| matches!(c, ' ' | ',' | '"' | '\'' | '*' | '?' | '!' | '\\');
            if name.is_empty() || name.len() > 255 || !printable(name) || name.contains(forbidden) {
                return Err(FieldError::Principal);
            }
            if names.iter().take(index).any(|other| other == name) {
                return Err(FieldError::PrincipalTwice);
            }
        }
        Ok(Self(names))
    }

    /// The names, at least one.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// When a certificate is valid: from `after`, including it, to `before`, excluding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Validity {
    after: u64,
    before: u64,
}

impl Validity {
    /// Seconds since the epoch.
    ///
    /// # Errors
    /// [`FieldError::Validity`] if it is empty or never ends.
    pub fn new(after: u64, before: u64) -> Result<Self, FieldError> {
        if after >= before || before == u64::MAX {
            return Err(FieldError::Validity);
        }
        Ok(Self { after, before })
    }

    /// The first second in which it is valid, since the epoch.
    #[must_use]
    pub const fn after(self) -> u64 {
        self.after
    }

    /// The first second in which it is not valid any more, since the epoch.
    #[must_use]
    pub const fn before(self) -> u64 {
        self.before
    }

    /// Whether it is valid at `now`, seconds since the epoch.
    #[must_use]
    pub const fn contains(self, now: u64) -> bool {
        self.after <= now && now < self.before
    }
}

/// What the certificate permits. Unknown names are ignored by sshd.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Extensions(pub(crate) BTreeMap<String, String>);

impl Extensions {
    /// Everything that `ssh-keygen` gives by default: X11, agent and port forwarding, a
    /// terminal, and the user's rc file.
    pub const DEFAULT: [&'static str; 5] = [
        "permit-X11-forwarding",
        "permit-agent-forwarding",
        "permit-port-forwarding",
        "permit-pty",
        "permit-user-rc",
    ];

    /// No extension.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Extensions without a value, such as `permit-pty`.
    ///
    /// # Errors
    /// [`FieldError::OptionName`].
    pub fn flags<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<Self, FieldError> {
        names
            .into_iter()
            .try_fold(Self::none(), |all, name| all.with(name, ""))
    }

    /// One more, with a value or an empty one.
    ///
    /// # Errors
    /// [`FieldError::OptionName`] and [`FieldError::OptionValue`].
    pub fn with(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, FieldError> {
        let (name, value) = option(name.into(), value.into())?;
        self.0.insert(name, value);
        Ok(self)
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// What sshd must enforce. It refuses a certificate with an option that it does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CriticalOptions(pub(crate) BTreeMap<String, String>);

impl CriticalOptions {
    /// No critical option.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// `force-command`: the only command that is run.
    ///
    /// # Errors
    /// [`FieldError::OptionValue`].
    pub fn force_command(self, command: impl Into<String>) -> Result<Self, FieldError> {
        let command = command.into();
        if command.is_empty() {
            return Err(FieldError::OptionValue);
        }
        self.with("force-command", command)
    }

    /// `source-address`: addresses and networks (CIDR) from which the certificate is good.
    ///
    /// # Errors
    /// [`FieldError::SourceAddress`]: sshd refuses the whole certificate over one bad entry.
    pub fn source_addresses<S: AsRef<str>>(
        self,
        networks: impl IntoIterator<Item = S>,
    ) -> Result<Self, FieldError> {
        let networks: Vec<String> = networks
            .into_iter()
            .map(|network| source_address(network.as_ref()))
            .collect::<Result<_, _>>()?;
        if networks.is_empty() {
            return Err(FieldError::SourceAddress);
        }
        self.with("source-address", networks.join(","))
    }

    /// Any other option, such as `verify-required`.
    ///
    /// # Errors
    /// [`FieldError::OptionName`] and [`FieldError::OptionValue`].
    pub fn with(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, FieldError> {
        let (name, value) = option(name.into(), value.into())?;
        self.0.insert(name, value);
        Ok(self)
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn printable(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

pub(crate) fn option(name: String, value: String) -> Result<(String, String), FieldError> {
    if name.is_empty() || name.len() > 64 || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(FieldError::OptionName);
    }
    if value.len() > 4096 || !printable(&value) {
        return Err(FieldError::OptionValue);
    }
    Ok((name, value))
}

fn source_address(text: &str) -> Result<String, FieldError> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| FieldError::SourceAddress)?;
    let Some(prefix) = prefix else {
        return Ok(text.to_owned());
    };
    let (bits, width) = match address {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)), 32),
        IpAddr::V6(v6) => (u128::from(v6), 128),
    };
    let digits =
        !prefix.is_empty() && prefix.len() <= 3 && prefix.bytes().all(|b| b.is_ascii_digit());
    let prefix: u32 = prefix.parse().map_err(|_| FieldError::SourceAddress)?;
    if !digits || prefix > width {
        return Err(FieldError::SourceAddress);
    }
    // Host bits must be zero, or sshd finds the list inconsistent.
    let host_bits = width - prefix;
    let host = if host_bits == 128 {
        bits
    } else {
        bits & ((1 << host_bits) - 1)
    };
    if host != 0 {
        return Err(FieldError::SourceAddress);
    }
    Ok(text.to_owned())
}
