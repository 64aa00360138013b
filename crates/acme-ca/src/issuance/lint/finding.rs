//! What a lint finds.

/// What is wrong with a certificate that was about to be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// It cannot be read back, or is written in another way than DER has it.
    #[error("it is not DER")]
    NotDer,
    /// A field is not what was meant.
    #[error("{field} is not what was meant")]
    Field {
        /// Which.
        field: &'static str,
    },
    /// Its serial number has too few bits.
    #[error("the serial number has only {bits} bits")]
    SerialEntropy {
        /// How many.
        bits: usize,
    },
    /// It lasts too long.
    #[error("it lasts {found} seconds, at most {most} are allowed")]
    TooLong {
        /// How long.
        found: i64,
        /// How long it may last.
        most: i64,
    },
    /// It ends before it begins, or after its issuer.
    #[error("its validity does not lie within its issuer's")]
    Validity,
    /// It names nothing.
    #[error("it names nothing")]
    NoNames,
    /// Its key is a key of the CA.
    #[error("its key is the issuer's own")]
    IssuerKey,
    /// Its key is of a kind that is not certified.
    #[error("its key is of a kind that is not certified")]
    KeyKind,
    /// A name that no certificate carries.
    #[error("{name:?} is no name that a certificate may carry")]
    Name {
        /// The name.
        name: String,
    },
    /// Its common name is none of its names.
    #[error("its common name {name:?} is none of its names")]
    CommonName {
        /// The common name.
        name: String,
    },
    /// It names something twice.
    #[error("it names {name:?} twice")]
    NameTwice {
        /// The name.
        name: String,
    },
    /// Its issuer is for certificates of another kind.
    #[error("its issuer is not for such certificates")]
    OtherPurpose,
    /// An extension is missing, twice, or not what was meant.
    #[error("extension {oid} is not what was meant")]
    Extension {
        /// Which.
        oid: String,
    },
    /// An SSH certificate that would be good for every user.
    #[error("it has no principals")]
    NoPrincipals,
}
