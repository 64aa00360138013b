//! Other people's programs judge the virtual YubiKey, through libpcsclite,
//! pcscd and the driver. What each has judged makes the table of `JUDGES.md`;
//! it must be the one that stands there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub
)]

#[path = "judges/bench.rs"]
mod bench;
#[path = "host/host.rs"]
mod host;
#[path = "judges/openssl.rs"]
mod openssl;
#[path = "judges/pkcs11.rs"]
mod pkcs11;
#[path = "judges/table.rs"]
mod table;
#[path = "judges/ykman.rs"]
mod ykman;
#[path = "judges/yubico_piv_tool.rs"]
mod yubico_piv_tool;
#[path = "judges/yubikey_crate.rs"]
mod yubikey_crate;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use table::{Column, Deed};

/// Each judge judges once, whichever test asks first; the others wait for it.
macro_rules! judges {
    ($($test:ident, $judge:literal, $firmware:literal, $verdict:expr;)*) => {
        $(
            fn $test() -> &'static BTreeSet<Deed> {
                static VERDICT: OnceLock<BTreeSet<Deed>> = OnceLock::new();
                VERDICT.get_or_init(|| $verdict)
            }
        )*

        mod judged_by {
            $(
                #[test]
                fn $test() {
                    assert!(!super::$test().is_empty());
                }
            )*
        }

        fn columns() -> Vec<Column> {
            vec![$(Column { judge: $judge, firmware: $firmware, judged: $test().clone() }),*]
        }
    };
}

judges! {
    yubico_piv_tool_2_2, "yubico-piv-tool 2.2", "5.4.3", yubico_piv_tool::judge();
    ykman_of_debian, "ykman 4.0 (Debian)", "5.4.3", ykman::judge_of_debian();
    ykman_of_pypi, "ykman 5.9 (PyPI)", "5.7.4", ykman::judge_of_pypi();
    ykcs11, "ykcs11", "5.4.3", pkcs11::judge_ykcs11();
    opensc, "OpenSC", "5.4.3", pkcs11::judge_opensc();
    the_yubikey_crate, "yubikey crate 0.9", "5.7.4", yubikey_crate::judge("judged_by::the_yubikey_crate");
    openssl_3, "OpenSSL", "5.7.4", openssl::judge();
}

/// To renew the table, run this test with `RENEW_JUDGES=1`.
#[test]
fn the_table_of_judges_is_the_one_in_the_docs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/JUDGES.md");
    let table = table::table(&columns());
    println!("{table}");
    let text = std::fs::read_to_string(path).unwrap();
    let (begin, end) = ("<!-- table -->\n", "<!-- end of table -->\n");
    let start = text.find(begin).unwrap() + begin.len();
    let stop = text.find(end).unwrap();
    if std::env::var_os("RENEW_JUDGES").is_some() {
        let renewed = [&text[..start], &table, &text[stop..]].concat();
        std::fs::write(path, renewed).unwrap();
    } else {
        assert_eq!(&text[start..stop], table, "see RENEW_JUDGES");
    }
}

#[test]
fn every_deed_has_a_judge() {
    let columns = columns();
    for (deed, name) in Deed::ALL {
        assert!(
            columns.iter().any(|c| c.judged.contains(&deed)),
            "nobody judges: {name}"
        );
    }
}
