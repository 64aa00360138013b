use super::*;

#[test]
fn keys_survive_being_stored() {
    for algorithm in [
        Algorithm::Rsa2048,
        Algorithm::P256,
        Algorithm::P384,
        Algorithm::Ed25519,
        Algorithm::X25519,
    ] {
        let key = PrivateKey::generate(algorithm).unwrap();
        let json = serde_json::to_string(&key).unwrap();
        let again: PrivateKey = serde_json::from_str(&json).unwrap();
        assert_eq!(again.spki(), key.spki());
        assert_eq!(again.algorithm(), algorithm);
    }
}

#[test]
fn both_sides_agree_on_a_secret() {
    let ours = PrivateKey::generate(Algorithm::P256).unwrap();
    let theirs = PrivateKey::generate(Algorithm::P256).unwrap();
    assert_eq!(
        ours.agree(&theirs.point()).unwrap(),
        theirs.agree(&ours.point()).unwrap()
    );
}

#[test]
fn input_of_the_wrong_size_is_refused() {
    let p256 = PrivateKey::generate(Algorithm::P256).unwrap();
    assert_eq!(p256.sign(&[1; 33]), Err(KeyError::Operation));
    assert_eq!(p256.agree(&[4; 64]), Err(KeyError::Operation));
    let rsa = PrivateKey::generate(Algorithm::Rsa2048).unwrap();
    assert_eq!(rsa.sign(&[0; 255]), Err(KeyError::Operation));
    assert_eq!(
        rsa.sign(&[0xFF; 256]),
        Err(KeyError::Operation),
        "above the modulus"
    );
}

#[test]
fn the_debug_form_of_a_key_shows_no_secret() {
    let key = PrivateKey::generate(Algorithm::Ed25519).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey(Ed25519)");
}
