//! The module as a C program uses it: through the table of functions.

use std::ffi::c_void;
use std::ptr::null_mut;

use cryptoki_sys::*;
use dlogin_pkcs11::ffi::C_GetFunctionList;

/// The table.
#[derive(Clone, Copy)]
pub struct Token {
    pub table: CK_FUNCTION_LIST,
}

/// The one slot.
pub const SLOT: CK_SLOT_ID = 1;

macro_rules! call {
    ($token:expr, $name:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: every pointer of a test is null or points at what it should.
        unsafe { $token.table.$name.unwrap()($($argument),*) }
    };
}
#[allow(unused_imports, reason = "the tests of programs call nothing")]
pub(crate) use call;

impl Token {
    /// The table, nothing called.
    pub fn load() -> Self {
        let mut table = null_mut();
        // SAFETY: `table` is a place for a pointer, which is then set.
        unsafe {
            assert_eq!(C_GetFunctionList(&raw mut table), CKR_OK);
            Self { table: *table }
        }
    }

    /// Initialized as browsers do.
    pub fn start() -> Self {
        let token = Self::load();
        assert_eq!(call!(token, C_Initialize(null_mut())), CKR_OK);
        token
    }

    pub fn session(&self) -> CK_SESSION_HANDLE {
        let mut session = 0;
        let rv = call!(
            self,
            C_OpenSession(SLOT, CKF_SERIAL_SESSION, null_mut(), None, &raw mut session)
        );
        assert_eq!(rv, CKR_OK);
        session
    }

    /// All objects with these attributes.
    pub fn find(
        &self,
        session: CK_SESSION_HANDLE,
        wanted: &[(CK_ATTRIBUTE_TYPE, Vec<u8>)],
    ) -> Vec<CK_OBJECT_HANDLE> {
        let mut template: Vec<_> = wanted
            .iter()
            .map(|(kind, value)| CK_ATTRIBUTE {
                type_: *kind,
                pValue: value.as_ptr().cast_mut().cast(),
                ulValueLen: value.len() as CK_ULONG,
            })
            .collect();
        let rv = call!(
            self,
            C_FindObjectsInit(session, template.as_mut_ptr(), template.len() as CK_ULONG)
        );
        assert_eq!(rv, CKR_OK);
        let mut found = Vec::new();
        loop {
            let (mut some, mut count) = ([0; 2], 0);
            let rv = call!(
                self,
                C_FindObjects(session, some.as_mut_ptr(), 2, &raw mut count)
            );
            assert_eq!(rv, CKR_OK);
            found.extend_from_slice(&some[..count as usize]);
            if count == 0 {
                break;
            }
        }
        assert_eq!(call!(self, C_FindObjectsFinal(session)), CKR_OK);
        found
    }

    pub fn class(
        &self,
        session: CK_SESSION_HANDLE,
        class: CK_OBJECT_CLASS,
    ) -> Vec<CK_OBJECT_HANDLE> {
        self.find(session, &[(CKA_CLASS, class.to_ne_bytes().to_vec())])
    }

    /// An attribute, length first.
    pub fn attribute(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        kind: CK_ATTRIBUTE_TYPE,
    ) -> Result<Vec<u8>, CK_RV> {
        let mut attribute = CK_ATTRIBUTE {
            type_: kind,
            pValue: null_mut(),
            ulValueLen: 0,
        };
        let get = |attribute: &mut CK_ATTRIBUTE| {
            call!(self, C_GetAttributeValue(session, object, attribute, 1))
        };
        let rv = get(&mut attribute);
        if rv != CKR_OK {
            if rv != CKR_OBJECT_HANDLE_INVALID {
                assert_eq!(attribute.ulValueLen, CK_UNAVAILABLE_INFORMATION);
            }
            return Err(rv);
        }
        let mut value = vec![0; attribute.ulValueLen as usize];
        attribute.pValue = value.as_mut_ptr().cast::<c_void>();
        assert_eq!(get(&mut attribute), CKR_OK);
        Ok(value)
    }

    /// Begins a signature.
    pub fn sign_init(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: CK_MECHANISM_TYPE,
        key: CK_OBJECT_HANDLE,
    ) -> CK_RV {
        let mut mechanism = CK_MECHANISM {
            mechanism,
            pParameter: null_mut(),
            ulParameterLen: 0,
        };
        call!(self, C_SignInit(session, &raw mut mechanism, key))
    }

    /// A whole signature, as browsers do it: 64 bytes of room, no question for
    /// the length.
    pub fn sign(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: CK_MECHANISM_TYPE,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
    ) -> Result<Vec<u8>, CK_RV> {
        let rv = self.sign_init(session, mechanism, key);
        if rv != CKR_OK {
            return Err(rv);
        }
        let (mut signature, mut room) = ([0; 64], 64);
        let rv = call!(
            self,
            C_Sign(
                session,
                data.as_ptr().cast_mut(),
                data.len() as CK_ULONG,
                signature.as_mut_ptr(),
                &raw mut room,
            )
        );
        if rv != CKR_OK {
            return Err(rv);
        }
        Ok(signature[..room as usize].to_vec())
    }
}
