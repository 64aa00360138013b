//! Bad pointers, lengths and handles.

use std::ptr::null_mut;

use cryptoki_sys::*;

use crate::common::files;
use crate::common::token::{SLOT, call};
use crate::{HOUR, alone, token_with_key};

#[test]
fn nonsense_is_an_error_and_never_a_crash() {
    let Some(_) = alone!("nonsense_is_an_error_and_never_a_crash", |folder| {
        files::on_disk(folder, "disk", HOUR);
    }) else {
        return;
    };
    let (token, session, key) = token_with_key();
    let bad = CKR_ARGUMENTS_BAD;
    assert_eq!(call!(token, C_GetInfo(null_mut())), bad);
    assert_eq!(call!(token, C_GetFunctionList(null_mut())), bad);
    assert_eq!(call!(token, C_GetSlotList(1, null_mut(), null_mut())), bad);
    assert_eq!(call!(token, C_GetSlotInfo(SLOT, null_mut())), bad);
    assert_eq!(call!(token, C_GetTokenInfo(SLOT, null_mut())), bad);
    assert_eq!(
        call!(token, C_GetTokenInfo(SLOT + 1, null_mut())),
        CKR_SLOT_ID_INVALID
    );
    assert_eq!(
        call!(token, C_GetMechanismInfo(SLOT, CKM_ECDSA, null_mut())),
        bad
    );
    assert_eq!(
        call!(token, C_GetMechanismInfo(SLOT, CKM_RSA_PKCS, null_mut())),
        CKR_MECHANISM_INVALID
    );
    assert_eq!(
        call!(
            token,
            C_OpenSession(SLOT, CKF_SERIAL_SESSION, null_mut(), None, null_mut())
        ),
        bad
    );
    let mut handle = 0;
    assert_eq!(
        call!(
            token,
            C_OpenSession(SLOT, 0, null_mut(), None, &raw mut handle)
        ),
        CKR_SESSION_PARALLEL_NOT_SUPPORTED
    );
    assert_eq!(call!(token, C_GetSessionInfo(session, null_mut())), bad);
    assert_eq!(call!(token, C_FindObjectsInit(session, null_mut(), 3)), bad);
    let mut wanted = CK_ATTRIBUTE {
        type_: CKA_ID,
        pValue: null_mut(),
        ulValueLen: CK_ULONG::MAX,
    };
    assert_eq!(
        call!(token, C_FindObjectsInit(session, &raw mut wanted, 1)),
        bad
    );
    assert_eq!(
        call!(
            token,
            C_FindObjectsInit(session, &raw mut wanted, CK_ULONG::MAX)
        ),
        bad
    );
    let mut count = 0;
    assert_eq!(
        call!(token, C_FindObjects(session, null_mut(), 1, &raw mut count)),
        bad
    );
    assert_eq!(
        call!(
            token,
            C_FindObjects(session, &raw mut handle, 1, &raw mut count)
        ),
        CKR_OPERATION_NOT_INITIALIZED
    );
    assert_eq!(
        call!(token, C_GetAttributeValue(session, key, null_mut(), 1)),
        bad
    );
    assert_eq!(
        call!(token, C_GetAttributeValue(session, 999, &raw mut wanted, 1)),
        CKR_OBJECT_HANDLE_INVALID
    );
    let mut short = [0; 3];
    wanted.pValue = short.as_mut_ptr().cast();
    wanted.ulValueLen = 3;
    assert_eq!(
        call!(token, C_GetAttributeValue(session, key, &raw mut wanted, 1)),
        CKR_BUFFER_TOO_SMALL
    );
    assert_eq!(short, [0; 3]);
    assert_eq!(
        token.sign_init(session, CKM_RSA_PKCS, key),
        CKR_MECHANISM_INVALID
    );
    assert_eq!(
        token.sign_init(session, CKM_ECDSA, 999),
        CKR_KEY_HANDLE_INVALID
    );
    let certificate = token.class(session, CKO_CERTIFICATE)[0];
    assert_eq!(
        token.sign_init(session, CKM_ECDSA, certificate),
        CKR_KEY_HANDLE_INVALID
    );
    let (mut signature, mut room) = ([0; 64], 64);
    for (data, length, expected) in [
        (null_mut(), 32, bad),
        (signature.as_mut_ptr(), CK_ULONG::MAX, CKR_DATA_LEN_RANGE),
        (signature.as_mut_ptr(), 0, CKR_DATA_LEN_RANGE),
    ] {
        assert_eq!(token.sign_init(session, CKM_ECDSA, key), CKR_OK);
        let mut to = [0; 64];
        let rv = call!(
            token,
            C_Sign(session, data, length, to.as_mut_ptr(), &raw mut room)
        );
        assert_eq!(rv, expected);
    }
    assert_eq!(token.sign_init(session, CKM_ECDSA, key), CKR_OK);
    let data = signature.as_mut_ptr();
    assert_eq!(
        call!(token, C_Sign(session, data, 32, null_mut(), null_mut())),
        bad
    );
    // Every function of the session with one that is not there.
    let none = CKR_SESSION_HANDLE_INVALID;
    assert_eq!(call!(token, C_CloseSession(999)), none);
    assert_eq!(call!(token, C_FindObjectsFinal(999)), none);
    assert_eq!(call!(token, C_SignInit(999, null_mut(), key)), none);
    assert_eq!(
        call!(token, C_Sign(999, null_mut(), 0, null_mut(), null_mut())),
        none
    );
    assert_eq!(call!(token, C_GenerateRandom(999, null_mut(), 1)), none);
    assert_eq!(call!(token, C_Login(999, CKU_USER, null_mut(), 0)), none);
    assert_eq!(call!(token, C_GenerateRandom(session, null_mut(), 1)), bad);
    let mut random = [0; 5000];
    assert_eq!(
        call!(token, C_GenerateRandom(session, random.as_mut_ptr(), 5000)),
        CKR_OK
    );
    assert_ne!(random[4900..], [0; 100]);
    // A PIN is never taken.
    let mut pin = *b"123456";
    assert_eq!(
        call!(token, C_Login(session, CKU_USER, pin.as_mut_ptr(), 6)),
        CKR_USER_PIN_NOT_INITIALIZED
    );
    assert_eq!(
        call!(token, C_DestroyObject(session, key)),
        CKR_FUNCTION_NOT_SUPPORTED
    );
}
