//! What can go wrong.

/// Why bytes are not the SSH structure that they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The text is longer than anything that is read here.
    #[error("too long: more than {max} bytes")]
    TooLong {
        /// The bound in bytes.
        max: usize,
    },
    /// The text is not one line `TYPE BASE64 [COMMENT]`.
    #[error("not one line of type, base64 and optional comment")]
    NotALine,
    /// The base64 is malformed.
    #[error("the base64 is malformed")]
    NotBase64,
    /// The structure ends too early.
    #[error("the structure ends too early")]
    Truncated,
    /// Bytes follow the structure.
    #[error("bytes follow the structure")]
    Trailing,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    NotText,
    /// A number is negative, zero, or not in its shortest form.
    #[error("a number is not positive and in its shortest form")]
    Number,
    /// The type before the base64 is not the one in it.
    #[error("the type of the line is not the type of what it holds")]
    TypeMismatch,
    /// A type of key, certificate or signature that is not supported.
    #[error("a type that is not supported; keys are P-256, P-384, RSA or Ed25519")]
    UnsupportedType,
    /// The key itself is malformed.
    #[error("the key is malformed")]
    Key,
    /// It is a certificate, but not for a user.
    #[error("the certificate is not a user certificate")]
    NotAUserCertificate,
    /// Options or extensions are not sorted, or stand there twice.
    #[error("options or extensions are not sorted and unique")]
    OptionOrder,
    /// A nonce that is too short to make the signed bytes unpredictable.
    #[error("the certificate's nonce is shorter than 16 bytes")]
    Nonce,
    /// The reserved field is not empty.
    #[error("the certificate's reserved field is not empty")]
    Reserved,
    /// A principal or option is malformed.
    #[error("a field of the certificate is malformed: {0}")]
    Field(#[from] FieldError),
}

/// Why a value cannot stand in a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The key id is empty, longer than 255 bytes, or not printable ASCII.
    #[error("a key id has 1 to 255 printable ASCII characters")]
    KeyId,
    /// There is no principal. That would mean every principal.
    #[error("a certificate needs at least one principal")]
    NoPrincipal,
    /// There are more than 256 principals, which is more than sshd reads.
    #[error("a certificate has at most 256 principals; there are {count}")]
    TooManyPrincipals {
        /// How many there are.
        count: usize,
    },
    /// A principal is empty, too long, or has characters that no login name has.
    #[error(
        "a principal has 1 to 255 printable ASCII characters, no space, comma, quote or wildcard"
    )]
    Principal,
    /// A principal stands there twice.
    #[error("a principal stands there twice")]
    PrincipalTwice,
    /// The validity is empty or has no end.
    #[error("the validity must end after it starts, and it must end")]
    Validity,
    /// The name of an extension or option is malformed.
    #[error(
        "the name of an extension or critical option has 1 to 64 printable ASCII characters and no space"
    )]
    OptionName,
    /// The value of an extension or option is malformed.
    #[error(
        "the value of an extension or critical option has at most 4096 printable ASCII characters"
    )]
    OptionValue,
    /// A source address is not an address or a network without host bits.
    #[error("a source address is an IP address or a CIDR network without host bits")]
    SourceAddress,
}

/// Why a key or a signature cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a SubjectPublicKeyInfo in DER.
    #[error("not a SubjectPublicKeyInfo in DER")]
    NotSpki,
    /// A kind of key that OpenSSH certificates are not made for here.
    #[error("this kind of key is not supported; use P-256, P-384, RSA or Ed25519")]
    UnsupportedKey,
    /// The key itself is malformed.
    #[error("the key is malformed")]
    Malformed,
    /// An RSA modulus out of bounds.
    #[error("an RSA key for SSH has 2048 to 8192 bits; this one has {bits}")]
    RsaBits {
        /// Its length in bits.
        bits: usize,
    },
    /// A CA signs with P-256, P-384 or Ed25519.
    #[error("an SSH CA key must be P-256, P-384 or Ed25519")]
    UnsupportedCaKey,
    /// The signature is not one of the CA key's kind: ECDSA as DER, Ed25519 as 64 bytes.
    #[error("the signature has not the form of the CA key's algorithm")]
    Signature,
}
