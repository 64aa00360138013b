//! How a program finds the functions (PKCS#11 3.0, section 5.4): the table of
//! 2.40, and the interfaces of 3.0.

use std::ffi::CStr;

use cryptoki_sys::*;

use super::call::answer;
use super::general::*;
use super::memory::{list, read, write};
use super::objects::*;
use super::random::*;
use super::sessions::*;
use super::sign::*;
use super::slots::*;
use super::unsupported::*;
use crate::error::Error;

/// PKCS#11 2.40.
const OLDER: CK_VERSION = CK_VERSION {
    major: 2,
    minor: 40,
};
/// PKCS#11 3.0.
pub(super) const NEWEST: CK_VERSION = CK_VERSION { major: 3, minor: 0 };

/// A table of functions: those of 2.40 and what is new since.
macro_rules! table {
    ($table:ident, $version:expr, $($new:ident)*) => {
        $table {
            version: $version,
            C_Initialize: Some(C_Initialize),
            C_Finalize: Some(C_Finalize),
            C_GetInfo: Some(C_GetInfo),
            C_GetFunctionList: Some(C_GetFunctionList),
            C_GetSlotList: Some(C_GetSlotList),
            C_GetSlotInfo: Some(C_GetSlotInfo),
            C_GetTokenInfo: Some(C_GetTokenInfo),
            C_GetMechanismList: Some(C_GetMechanismList),
            C_GetMechanismInfo: Some(C_GetMechanismInfo),
            C_InitToken: Some(C_InitToken),
            C_InitPIN: Some(C_InitPIN),
            C_SetPIN: Some(C_SetPIN),
            C_OpenSession: Some(C_OpenSession),
            C_CloseSession: Some(C_CloseSession),
            C_CloseAllSessions: Some(C_CloseAllSessions),
            C_GetSessionInfo: Some(C_GetSessionInfo),
            C_GetOperationState: Some(C_GetOperationState),
            C_SetOperationState: Some(C_SetOperationState),
            C_Login: Some(C_Login),
            C_Logout: Some(C_Logout),
            C_CreateObject: Some(C_CreateObject),
            C_CopyObject: Some(C_CopyObject),
            C_DestroyObject: Some(C_DestroyObject),
            C_GetObjectSize: Some(C_GetObjectSize),
            C_GetAttributeValue: Some(C_GetAttributeValue),
            C_SetAttributeValue: Some(C_SetAttributeValue),
            C_FindObjectsInit: Some(C_FindObjectsInit),
            C_FindObjects: Some(C_FindObjects),
            C_FindObjectsFinal: Some(C_FindObjectsFinal),
            C_EncryptInit: Some(C_EncryptInit),
            C_Encrypt: Some(C_Encrypt),
            C_EncryptUpdate: Some(C_EncryptUpdate),
            C_EncryptFinal: Some(C_EncryptFinal),
            C_DecryptInit: Some(C_DecryptInit),
            C_Decrypt: Some(C_Decrypt),
            C_DecryptUpdate: Some(C_DecryptUpdate),
            C_DecryptFinal: Some(C_DecryptFinal),
            C_DigestInit: Some(C_DigestInit),
            C_Digest: Some(C_Digest),
            C_DigestUpdate: Some(C_DigestUpdate),
            C_DigestKey: Some(C_DigestKey),
            C_DigestFinal: Some(C_DigestFinal),
            C_SignInit: Some(C_SignInit),
            C_Sign: Some(C_Sign),
            C_SignUpdate: Some(C_SignUpdate),
            C_SignFinal: Some(C_SignFinal),
            C_SignRecoverInit: Some(C_SignRecoverInit),
            C_SignRecover: Some(C_SignRecover),
            C_VerifyInit: Some(C_VerifyInit),
            C_Verify: Some(C_Verify),
            C_VerifyUpdate: Some(C_VerifyUpdate),
            C_VerifyFinal: Some(C_VerifyFinal),
            C_VerifyRecoverInit: Some(C_VerifyRecoverInit),
            C_VerifyRecover: Some(C_VerifyRecover),
            C_DigestEncryptUpdate: Some(C_DigestEncryptUpdate),
            C_DecryptDigestUpdate: Some(C_DecryptDigestUpdate),
            C_SignEncryptUpdate: Some(C_SignEncryptUpdate),
            C_DecryptVerifyUpdate: Some(C_DecryptVerifyUpdate),
            C_GenerateKey: Some(C_GenerateKey),
            C_GenerateKeyPair: Some(C_GenerateKeyPair),
            C_WrapKey: Some(C_WrapKey),
            C_UnwrapKey: Some(C_UnwrapKey),
            C_DeriveKey: Some(C_DeriveKey),
            C_SeedRandom: Some(C_SeedRandom),
            C_GenerateRandom: Some(C_GenerateRandom),
            C_GetFunctionStatus: Some(C_GetFunctionStatus),
            C_CancelFunction: Some(C_CancelFunction),
            C_WaitForSlotEvent: Some(C_WaitForSlotEvent),
            $($new: Some($new),)*
        }
    };
}

static FUNCTIONS_2_40: CK_FUNCTION_LIST = table!(CK_FUNCTION_LIST, OLDER,);

static FUNCTIONS_3_0: CK_FUNCTION_LIST_3_0 = table!(
    CK_FUNCTION_LIST_3_0, NEWEST,
    C_GetInterfaceList C_GetInterface C_LoginUser
    C_SessionCancel C_MessageEncryptInit C_EncryptMessage
    C_EncryptMessageBegin C_EncryptMessageNext C_MessageEncryptFinal
    C_MessageDecryptInit C_DecryptMessage C_DecryptMessageBegin
    C_DecryptMessageNext C_MessageDecryptFinal C_MessageSignInit
    C_SignMessage C_SignMessageBegin C_SignMessageNext
    C_MessageSignFinal C_MessageVerifyInit C_VerifyMessage
    C_VerifyMessageBegin C_VerifyMessageNext C_MessageVerifyFinal
);

/// The name of the interface that the standard defines (section 5.4.6).
const NAME: &CStr = c"PKCS 11";

/// The interfaces. Pointers are not `Sync` by themselves.
struct Interfaces([CK_INTERFACE; 2]);

// SAFETY: the pointers are to statics and constants that nobody changes: the
// standard gives them as mutable, but a program has no business writing there.
unsafe impl Sync for Interfaces {}

/// The newest first: it is what a program gets that does not say.
static INTERFACES: Interfaces = Interfaces([
    CK_INTERFACE {
        pInterfaceName: NAME.as_ptr().cast_mut().cast(),
        pFunctionList: (&raw const FUNCTIONS_3_0).cast_mut().cast(),
        flags: 0,
    },
    CK_INTERFACE {
        pInterfaceName: NAME.as_ptr().cast_mut().cast(),
        pFunctionList: (&raw const FUNCTIONS_2_40).cast_mut().cast(),
        flags: 0,
    },
]);

/// The functions of PKCS#11 2.40.
///
/// # Safety
/// `functions` is null or points at memory for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(functions: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    answer(|| {
        // SAFETY: as the caller's.
        unsafe { write(functions, (&raw const FUNCTIONS_2_40).cast_mut()) }
    })
}

/// All interfaces.
///
/// # Safety
/// `count` is null or points at a number; `interfaces` is null or points at
/// memory for as many as it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterfaceList(
    interfaces: *mut CK_INTERFACE,
    count: *mut CK_ULONG,
) -> CK_RV {
    answer(|| {
        // SAFETY: as the caller's.
        unsafe { list(&INTERFACES.0, interfaces, count) }
    })
}

/// The interface of this name and version; without them, the newest.
///
/// # Safety
/// `name` is null or a text that ends in NUL; `version` is null or points at a
/// version; `interface` is null or points at memory for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterface(
    name: *mut CK_UTF8CHAR,
    version: *mut CK_VERSION,
    interface: *mut *mut CK_INTERFACE,
    flags: CK_FLAGS,
) -> CK_RV {
    answer(|| {
        if interface.is_null() {
            return Err(Error::Arguments);
        }
        // SAFETY: not null, and by contract a text that ends in NUL and stays
        // for the length of this call.
        if !name.is_null() && unsafe { CStr::from_ptr(name.cast()) } != NAME {
            return Err(Error::NoInterface);
        }
        let ours = if version.is_null() {
            INTERFACES.0.first()
        } else {
            // SAFETY: as the caller's.
            let wanted = unsafe { read(version) }?;
            [NEWEST, OLDER]
                .iter()
                .position(|ours| (ours.major, ours.minor) == (wanted.major, wanted.minor))
                .and_then(|at| INTERFACES.0.get(at))
        };
        // None of ours has a flag.
        let ours = ours.filter(|_| flags == 0).ok_or(Error::NoInterface)?;
        // SAFETY: as the caller's.
        unsafe { write(interface, std::ptr::from_ref(ours).cast_mut()) }
    })
}
