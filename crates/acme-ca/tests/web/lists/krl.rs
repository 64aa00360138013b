//! The KRL: ssh-keygen judges what is in it.

use acme_ca::records::KeyState;

use super::{Holder, fetch, run, said};
use crate::revoke::{revoke, ssh_blob};
use crate::world::World;

/// Whether `ssh-keygen -Q` finds a certificate in the KRL that the CA serves.
async fn in_krl(world: &World, line: &[u8]) -> bool {
    let dir = world.dir.path();
    std::fs::write(dir.join("krl"), fetch(world, "/ssh/krl").await).unwrap();
    std::fs::write(dir.join("cert.pub"), line).unwrap();
    let output = run("ssh-keygen", dir, &["-Q", "-f", "krl", "cert.pub"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(0) if said.contains(": ok") => false,
        Some(1) if said.contains(": REVOKED") => true,
        _ => panic!("{said} {}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_keygen_finds_revoked_serials_and_revoked_keys_in_the_krl() {
    let mut alice = Holder::new().await;
    let gone = alice.gets("ssh").await;
    let stays = alice.gets("ssh").await;
    assert!(!in_krl(&alice.world, &gone.body).await);
    revoke(&alice.client, &ssh_blob(&gone), Some(4)).await.ok();
    assert!(in_krl(&alice.world, &gone.body).await);
    assert!(!in_krl(&alice.world, &stays.body).await);
    let since = alice.world.now();
    alice
        .world
        .set_state(alice.id, KeyState::Revoked { since })
        .await;
    assert!(in_krl(&alice.world, &stays.body).await);
    // A serial number stays for a day longer than its certificate, the key itself for ever.
    alice.world.advance(39 * 3600);
    assert!(in_krl(&alice.world, &gone.body).await);
    let shown = || {
        let arguments = ["-Q", "-l", "-f", "krl"];
        said("ssh-keygen", alice.world.dir.path(), &arguments)
    };
    assert!(shown().contains("serial:"), "{}", shown());
    alice.world.advance(24 * 3600);
    assert!(in_krl(&alice.world, &stays.body).await);
    let shown = shown();
    assert!(
        !shown.contains("serial:") && shown.contains("hash: SHA256:"),
        "{shown}"
    );
}
