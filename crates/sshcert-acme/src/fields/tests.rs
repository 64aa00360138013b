use rstest::rstest;

use super::*;

#[test]
fn a_key_id_is_bounded_printable_ascii() {
    assert!(KeyId::new("alice key 9681620 order 7f3a").is_ok());
    assert!(KeyId::new("a".repeat(255)).is_ok());
    for bad in ["", "a\nb", "a\tb", "älice", "\x7f", &"a".repeat(256)] {
        assert_eq!(KeyId::new(bad), Err(FieldError::KeyId), "{bad:?}");
    }
}

#[test]
fn no_principal_is_an_error_and_never_every_principal() {
    assert_eq!(
        Principals::new(Vec::<String>::new()),
        Err(FieldError::NoPrincipal)
    );
}

#[rstest]
#[case("")]
#[case(" ")]
#[case("a b")]
#[case("a,b")]
#[case("*")]
#[case("adm?n")]
#[case("!root")]
#[case("a\"b")]
#[case("a\\b")]
#[case("älice")]
#[case("a\0b")]
fn a_principal_has_no_character_that_a_list_or_pattern_could_read(#[case] name: &str) {
    assert_eq!(Principals::new([name]), Err(FieldError::Principal));
}

#[test]
fn principals_are_bounded_and_unique() {
    assert!(Principals::new(["alice", "alice@example.com", "db-admins", "DOMAIN_u.1"]).is_ok());
    assert_eq!(
        Principals::new(["a", "b", "a"]),
        Err(FieldError::PrincipalTwice)
    );
    let many = (0..257).map(|number| format!("u{number}"));
    assert_eq!(
        Principals::new(many),
        Err(FieldError::TooManyPrincipals { count: 257 })
    );
    assert!(Principals::new((0..256).map(|number| format!("u{number}"))).is_ok());
    assert_eq!(
        Principals::new(["a".repeat(256)]),
        Err(FieldError::Principal)
    );
}

#[test]
fn a_validity_ends_after_it_starts_and_it_ends() {
    let validity = Validity::new(100, 200).unwrap();
    assert!(!validity.contains(99) && validity.contains(100));
    assert!(validity.contains(199) && !validity.contains(200));
    for (after, before) in [(200, 200), (201, 200), (0, 0), (0, u64::MAX)] {
        assert_eq!(Validity::new(after, before), Err(FieldError::Validity));
    }
}

#[test]
fn options_are_sorted_by_name() {
    let extensions = Extensions::flags(Extensions::DEFAULT.into_iter().rev()).unwrap();
    let names: Vec<_> = extensions.iter().map(|(name, _)| name).collect();
    assert_eq!(names, Extensions::DEFAULT);
}

#[rstest]
#[case("")]
#[case("permit pty")]
#[case("permit-pty\n")]
#[case("ä")]
fn an_options_name_is_printable(#[case] name: &str) {
    assert_eq!(Extensions::flags([name]), Err(FieldError::OptionName));
    assert_eq!(
        CriticalOptions::none().with(name, ""),
        Err(FieldError::OptionName)
    );
}

#[test]
fn a_command_is_printable_and_not_empty() {
    assert!(
        CriticalOptions::none()
            .force_command("/usr/bin/rsync --server")
            .is_ok()
    );
    for bad in ["", "a\nb", "\0"] {
        let error = CriticalOptions::none().force_command(bad);
        assert_eq!(error, Err(FieldError::OptionValue));
    }
}

#[rstest]
#[case("192.0.2.1")]
#[case("192.0.2.0/24")]
#[case("0.0.0.0/0")]
#[case("2001:db8::/32")]
#[case("::/0")]
#[case("::1/128")]
fn a_source_address_is_an_address_or_a_network(#[case] network: &str) {
    let options = CriticalOptions::none().source_addresses([network]).unwrap();
    assert_eq!(options.iter().next(), Some(("source-address", network)));
}

#[rstest]
#[case("")]
#[case("example.com")]
#[case("192.0.2.1/24")]
#[case("192.0.2.0/33")]
#[case("192.0.2.0/")]
#[case("192.0.2.0/+24")]
#[case("192.0.2.0/024x")]
#[case("2001:db8::1/32")]
#[case("::/129")]
#[case("192.0.2.0/24,*")]
fn anything_else_is_no_source_address(#[case] network: &str) {
    let error = CriticalOptions::none().source_addresses([network]);
    assert_eq!(error, Err(FieldError::SourceAddress));
    let nothing: [&str; 0] = [];
    assert!(CriticalOptions::none().source_addresses(nothing).is_err());
}

#[test]
fn several_source_addresses_are_joined_by_commas() {
    let options = CriticalOptions::none()
        .source_addresses(["192.0.2.0/24", "::1"])
        .unwrap();
    assert_eq!(
        options.iter().next(),
        Some(("source-address", "192.0.2.0/24,::1"))
    );
}
