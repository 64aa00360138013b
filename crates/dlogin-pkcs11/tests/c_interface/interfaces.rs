//! How a program begins and ends with the module: tables, initialization, sessions, forks.

use std::ptr::null_mut;

use cryptoki_sys::*;
use dlogin_pkcs11::ffi::{C_GetInterface, C_GetInterfaceList};

use crate::common::files;
use crate::common::token::{SLOT, Token, call};
use crate::{HOUR, alone, token_with_key};

#[test]
fn the_newest_interface_comes_first_and_unknown_ones_are_refused() {
    let get = |name: Option<&std::ffi::CStr>, version: Option<(u8, u8)>, flags| {
        let mut version = version.map(|(major, minor)| CK_VERSION { major, minor });
        let mut interface = null_mut();
        // SAFETY: all pointers are null or good.
        let rv = unsafe {
            C_GetInterface(
                name.map_or(null_mut(), |name| name.as_ptr().cast_mut().cast()),
                version.as_mut().map_or(null_mut(), std::ptr::from_mut),
                &raw mut interface,
                flags,
            )
        };
        if rv != CKR_OK {
            return Err(rv);
        }
        // SAFETY: set, and every table begins with its version.
        let version = unsafe { *(*interface).pFunctionList.cast::<CK_VERSION>() };
        Ok((version.major, version.minor))
    };
    assert_eq!(get(None, None, 0), Ok((3, 0)));
    assert_eq!(get(Some(c"PKCS 11"), None, 0), Ok((3, 0)));
    assert_eq!(get(Some(c"PKCS 11"), Some((2, 40)), 0), Ok((2, 40)));
    assert!(get(Some(c"PKCS 11"), Some((3, 2)), 0).is_err());
    assert!(get(Some(c"Vendor NSS FIPS Interface"), None, 0).is_err());
    assert!(get(None, None, CKF_INTERFACE_FORK_SAFE).is_err());
    let mut count = 0;
    // SAFETY: asks for the number alone.
    let rv = unsafe { C_GetInterfaceList(null_mut(), &raw mut count) };
    assert_eq!((rv, count), (CKR_OK, 2));
}

#[test]
fn every_entry_of_both_tables_is_filled() {
    let mut interface = null_mut();
    // SAFETY: a good pointer.
    let rv = unsafe { C_GetInterface(null_mut(), null_mut(), &raw mut interface, 0) };
    assert_eq!(rv, CKR_OK);
    // SAFETY: the newest is of 3.0.
    let newer = unsafe { *(*interface).pFunctionList.cast::<CK_FUNCTION_LIST_3_0>() };
    let text = format!("{newer:?}{:?}", Token::load().table);
    assert_eq!(text.matches("Some(").count(), 92 + 68);
    assert!(!text.contains("None"), "{text}");
}

#[test]
fn initialize_and_finalize_take_turns() {
    let Some(_) = alone!("initialize_and_finalize_take_turns", |_| {}) else {
        return;
    };
    let token = Token::load();
    let mut session = 0;
    let mut open = || {
        call!(
            token,
            C_OpenSession(SLOT, CKF_SERIAL_SESSION, null_mut(), None, &raw mut session)
        )
    };
    assert_eq!(open(), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_eq!(
        call!(token, C_Finalize(null_mut())),
        CKR_CRYPTOKI_NOT_INITIALIZED
    );
    for _ in 0..3 {
        assert_eq!(call!(token, C_Initialize(null_mut())), CKR_OK);
        assert_eq!(
            call!(token, C_Initialize(null_mut())),
            CKR_CRYPTOKI_ALREADY_INITIALIZED
        );
        assert_eq!(open(), CKR_OK);
        assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
        assert_eq!(open(), CKR_CRYPTOKI_NOT_INITIALIZED);
    }
    // Locks of the program alone: ours are the system's.
    // SAFETY: plain data, to be filled.
    let mut arguments: CK_C_INITIALIZE_ARGS = unsafe { std::mem::zeroed() };
    unsafe extern "C" fn mutex(_: *mut std::ffi::c_void) -> CK_RV {
        CKR_OK
    }
    unsafe extern "C" fn make(_: *mut *mut std::ffi::c_void) -> CK_RV {
        CKR_OK
    }
    arguments.CreateMutex = Some(make);
    let start = |arguments: &mut CK_C_INITIALIZE_ARGS| {
        call!(token, C_Initialize(std::ptr::from_mut(arguments).cast()))
    };
    assert_eq!(start(&mut arguments), CKR_ARGUMENTS_BAD);
    arguments.DestroyMutex = Some(mutex);
    arguments.LockMutex = Some(mutex);
    arguments.UnlockMutex = Some(mutex);
    assert_eq!(start(&mut arguments), CKR_CANT_LOCK);
    // As both browsers do.
    arguments.flags = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS;
    assert_eq!(start(&mut arguments), CKR_OK);
}

#[test]
fn sessions_have_an_end() {
    let Some(_) = alone!("sessions_have_an_end", |_| {}) else {
        return;
    };
    let token = Token::start();
    let mut rv = CKR_OK;
    let mut opened = 0;
    while rv == CKR_OK && opened < 10_000 {
        let mut session = 0;
        rv = call!(
            token,
            C_OpenSession(SLOT, CKF_SERIAL_SESSION, null_mut(), None, &raw mut session)
        );
        opened += 1;
    }
    assert_eq!(rv, CKR_SESSION_COUNT);
    assert_eq!(call!(token, C_CloseAllSessions(SLOT)), CKR_OK);
    token.session();
}

// SAFETY: as POSIX declares them.
unsafe extern "C" {
    fn fork() -> i32;
    fn waitpid(process: i32, status: *mut i32, options: i32) -> i32;
    fn _exit(status: i32) -> !;
}

#[test]
fn a_child_of_fork_starts_anew_and_leaves_its_parent_alone() {
    let test = "a_child_of_fork_starts_anew_and_leaves_its_parent_alone";
    let Some(_) = alone!(test, |folder| {
        files::on_disk(folder, "disk", HOUR);
    }) else {
        return;
    };
    let (token, session, key) = token_with_key();
    // Other threads work in the module meanwhile: the child must not wait for
    // a lock that one of them had.
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let session = token.session();
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    token.class(session, CKO_PRIVATE_KEY);
                }
            });
        }
        for _ in 0..20 {
            // SAFETY: the child ends with `_exit` and touches nothing of the
            // test harness.
            let child = unsafe { fork() };
            if child == 0 {
                let inherited = token.sign_init(session, CKM_ECDSA, key);
                let good = inherited == CKR_CRYPTOKI_NOT_INITIALIZED
                    && call!(token, C_Initialize(null_mut())) == CKR_OK
                    && call!(token, C_Initialize(null_mut())) == CKR_CRYPTOKI_ALREADY_INITIALIZED
                    && {
                        let session = token.session();
                        let key = token.class(session, CKO_PRIVATE_KEY)[0];
                        token.sign(session, CKM_ECDSA, key, &[3; 32]).is_ok()
                    };
                // SAFETY: ends this process.
                unsafe { _exit(i32::from(!good)) };
            }
            let mut status = -1;
            // SAFETY: `child` is ours, `status` a good pointer.
            assert_eq!(unsafe { waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    token.sign(session, CKM_ECDSA, key, &[3; 32]).unwrap();
}
