//! psql.

use e2e::postgres::Postgres;
use e2e::process;
use e2e::site::{DISK_NAME, HARDWARE_NAME};

use crate::{Day, KEY};

#[test]
fn psql_enters_a_real_postgresql_as_the_name_in_the_certificate_alone() {
    let day = Day::begin(47_000_004);
    let root = day.site.root_file().unwrap();
    let postgres = Postgres::start(&root, &[HARDWARE_NAME, DISK_NAME]).unwrap();
    let psql = |role: &str, profile: &str, key: &str| {
        let mut psql = day.program("psql");
        psql.args(["--no-password", "--tuples-only", "--no-align", "--command"])
            .arg("select current_user || ' ' || client_dn from pg_stat_ssl where pid = pg_backend_pid()")
            .arg(format!(
                "{} sslcert={} sslkey={key}",
                postgres.connection(role),
                day.certificate(&format!("{profile}.pem")).display(),
            ));
        psql
    };
    let disk_key = day.certificate("tls-disk.key");
    let disk_key = disk_key.to_str().unwrap();
    let touches = day.touches(|| {
        let said = day.printed(&mut psql(DISK_NAME, "tls-disk", disk_key));
        assert_eq!(said, format!("{DISK_NAME} /CN={DISK_NAME}\n"));
    });
    assert_eq!(touches, 0);
    // The engine's name, and what the engine calls the key.
    let engine = format!("pkcs11:{KEY}");
    let touches = day.touches(|| {
        let said = day.printed(&mut psql(HARDWARE_NAME, "tls", &engine));
        assert_eq!(said, format!("{HARDWARE_NAME} /CN={HARDWARE_NAME}\n"));
    });
    assert_eq!(touches, 1);
    // As somebody else, and with no certificate.
    let other = process::run(&mut psql(HARDWARE_NAME, "tls-disk", disk_key)).unwrap();
    assert!(!other.status.success());
    assert!(postgres.log().contains("CN mismatch"), "{}", postgres.log());
}
