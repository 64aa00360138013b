//! What can go wrong, and the number that PKCS#11 has for it.

use cryptoki_sys::*;
use dlogin_service::{FrameError, Refusal};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("C_Initialize was not called in this process")]
    NotInitialized,
    #[error("C_Initialize was called already")]
    AlreadyInitialized,
    #[error("the program's own locks cannot be used")]
    CannotLock,
    #[error("an argument makes no sense")]
    Arguments,
    #[error("the buffer is too small")]
    BufferTooSmall,
    #[error("there is no such slot")]
    NoSlot,
    #[error("there is no such session")]
    NoSession,
    #[error("too many sessions")]
    TooManySessions,
    #[error("sessions are serial")]
    ParallelSession,
    #[error("there is no such object")]
    NoObject,
    #[error("that is not a private key, or it is gone")]
    NoKey,
    #[error("the key or the token does not know the mechanism")]
    Mechanism,
    #[error("the mechanism takes no parameter")]
    MechanismParameter,
    #[error("data of this length cannot be signed")]
    DataLength,
    #[error("another operation is going on in this session")]
    OperationActive,
    #[error("no such operation was begun in this session")]
    NoOperation,
    #[error("the object has no such attribute")]
    NoAttribute,
    #[error("the attribute is secret")]
    SecretAttribute,
    #[error("the token has no PIN of its own: the agent asks for the YubiKey's")]
    NoPin,
    #[error("nobody is logged in: the token has no login")]
    NotLoggedIn,
    #[error("the system's random generator failed")]
    Random,
    #[error("the random generator takes no seed")]
    Seed,
    #[error("there is no such function or interface")]
    NotSupported,
    #[error("the interface is unknown")]
    NoInterface,
    #[error("nothing has changed")]
    NoEvent,
    #[error("the certificate has expired: run dlogin")]
    Expired,
    #[error("the private key on disk cannot be used: run dlogin")]
    DiskKey,
    #[error("the agent's signature makes no sense")]
    Signature,
    #[error(transparent)]
    Agent(#[from] dlogin_service::Error),
}

impl Error {
    /// The number (PKCS#11 3.0, section 5.1).
    pub(crate) fn rv(&self) -> CK_RV {
        match self {
            Self::NotInitialized => CKR_CRYPTOKI_NOT_INITIALIZED,
            Self::AlreadyInitialized => CKR_CRYPTOKI_ALREADY_INITIALIZED,
            Self::CannotLock => CKR_CANT_LOCK,
            Self::Arguments => CKR_ARGUMENTS_BAD,
            Self::BufferTooSmall => CKR_BUFFER_TOO_SMALL,
            Self::NoSlot => CKR_SLOT_ID_INVALID,
            Self::NoSession => CKR_SESSION_HANDLE_INVALID,
            Self::TooManySessions => CKR_SESSION_COUNT,
            Self::ParallelSession => CKR_SESSION_PARALLEL_NOT_SUPPORTED,
            Self::NoObject => CKR_OBJECT_HANDLE_INVALID,
            Self::NoKey => CKR_KEY_HANDLE_INVALID,
            Self::Mechanism => CKR_MECHANISM_INVALID,
            Self::MechanismParameter => CKR_MECHANISM_PARAM_INVALID,
            Self::DataLength => CKR_DATA_LEN_RANGE,
            Self::OperationActive => CKR_OPERATION_ACTIVE,
            Self::NoOperation => CKR_OPERATION_NOT_INITIALIZED,
            Self::NoAttribute => CKR_ATTRIBUTE_TYPE_INVALID,
            Self::SecretAttribute => CKR_ATTRIBUTE_SENSITIVE,
            Self::NoPin => CKR_USER_PIN_NOT_INITIALIZED,
            Self::NotLoggedIn => CKR_USER_NOT_LOGGED_IN,
            Self::Random | Self::DiskKey => CKR_FUNCTION_FAILED,
            Self::Seed => CKR_RANDOM_SEED_NOT_SUPPORTED,
            Self::NotSupported => CKR_FUNCTION_NOT_SUPPORTED,
            Self::NoInterface => CKR_FUNCTION_FAILED,
            Self::NoEvent => CKR_NO_EVENT,
            Self::Expired => CKR_FUNCTION_REJECTED,
            Self::Signature => CKR_DEVICE_ERROR,
            Self::Agent(error) => agent(error),
        }
    }
}

/// Browsers try once and give up on "rejected" and "canceled"; on a device
/// that is gone they look for it again, which here costs nothing.
fn agent(error: &dlogin_service::Error) -> CK_RV {
    use dlogin_service::Error as Agent;
    match error {
        Agent::NoAgent { .. } | Agent::NoPlace | Agent::Peer(_) => CKR_TOKEN_NOT_PRESENT,
        Agent::Frame(FrameError::Io(error)) if timed_out(error) => CKR_FUNCTION_CANCELED,
        Agent::Refused(refusal) => refused(refusal),
        _ => CKR_DEVICE_ERROR,
    }
}

fn timed_out(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn refused(refusal: &Refusal) -> CK_RV {
    match refusal {
        Refusal::NotTouched | Refusal::Late => CKR_FUNCTION_CANCELED,
        Refusal::NoCard(_) => CKR_DEVICE_REMOVED,
        Refusal::Unsupported => CKR_MECHANISM_INVALID,
        Refusal::Busy | Refusal::Malformed | Refusal::Failed(_) => CKR_FUNCTION_FAILED,
        // Locked, Cancelled, Forbidden, Pin, UnknownKey, Expired, OnDisk.
        _ => CKR_FUNCTION_REJECTED,
    }
}
