//! Verifies the PIV attestation of a YubiKey's key and prints what it says.
//!
//! ```text
//! cargo run --example verify_attestation -- [--json] [--policy default|strict|FILE]
//!     [--root CA.pem]… [--backend rustcrypto|aws-lc-rs] LEAF.pem [F9.pem …]
//! ```
//!
//! LEAF.pem is what `yubico-piv-tool -a attest -s 9a` or `ykman piv keys attest 9a -` prints, and
//! F9.pem what `ykman piv certificates export f9 -` prints; both may be in one file, leaf first,
//! and DER is read too. Without `--policy` every genuine attestation verifies; with it, the key
//! must also be accepted by the policy.
//!
//! Exit status: 0 verified, 1 refused, 2 unreadable or used wrongly.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints"
)]

use piv_attest::{
    AwsLcRs, Backend, Policy, RustCrypto, UnixTime, VerifiedAttestation, Verifier,
    certificates_from_pem,
};
use serde_json::{Value, json};
use std::{process::ExitCode, time::SystemTime};

const USAGE: &str = "usage: verify_attestation [--json] [--policy default|strict|FILE] \
    [--root CA.pem]… [--backend rustcrypto|aws-lc-rs] LEAF.pem [F9.pem …]";

/// What the command line asks for.
#[derive(Default)]
struct Options {
    json: bool,
    policy: Option<Policy>,
    roots: Vec<Vec<u8>>,
    aws_lc_rs: bool,
    certificates: Vec<Vec<u8>>,
}

/// How it ended, other than well.
enum Failure {
    /// The attestation is not genuine, or the policy does not accept it; then with what it says.
    Refused(String, Option<Box<VerifiedAttestation>>),
    Unreadable(String),
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os()
        .skip(1)
        .map(|a| a.into_string())
        .collect();
    let json = arguments
        .iter()
        .any(|argument| argument.as_deref() == Ok("--json"));
    let outcome = read_options(arguments).and_then(|options| {
        if options.aws_lc_rs {
            verify::<AwsLcRs>(&options)
        } else {
            verify::<RustCrypto>(&options)
        }
    });
    let (code, error, attestation) = match outcome {
        Ok(attestation) => (0, None, Some(attestation)),
        Err(Failure::Refused(error, attestation)) => (1, Some(error), attestation.map(|a| *a)),
        Err(Failure::Unreadable(error)) => (2, Some(error), None),
    };
    let report = report(attestation.as_ref(), error.as_deref());
    if json {
        println!("{report:#}");
    } else {
        print_for_people(&report);
    }
    ExitCode::from(code)
}

/// The whole of the verification: build a verifier, verify, judge.
fn verify<B: Backend>(options: &Options) -> Result<VerifiedAttestation, Failure> {
    let refused = |error: piv_attest::Error| Failure::Refused(error.to_string(), None);
    let mut builder = Verifier::<B>::builder_with()
        .yubico()
        .max_intermediates(256);
    for root in &options.roots {
        builder = builder
            .root(root)
            .map_err(|error| Failure::Unreadable(error.to_string()))?;
    }
    let verifier = builder.build();

    let (leaf, others) = options
        .certificates
        .split_first()
        .ok_or_else(|| Failure::Unreadable(format!("no certificate given\n{USAGE}")))?;
    let others: Vec<&[u8]> = others.iter().map(Vec::as_slice).collect();
    let attestation = verifier
        .verify(leaf, &others, UnixTime::from(SystemTime::now()))
        .map_err(refused)?;

    let Some(policy) = &options.policy else {
        return Ok(attestation);
    };
    match policy.judge(attestation.clone()) {
        Ok(accepted) => {
            for warning in accepted.warnings() {
                eprintln!("warning: {warning}");
            }
            Ok(accepted.into_attestation())
        }
        Err(refusal) => Err(Failure::Refused(
            refusal.to_string(),
            Some(Box::new(attestation)),
        )),
    }
}

fn read_options(arguments: Vec<Result<String, std::ffi::OsString>>) -> Result<Options, Failure> {
    let unusable = |what: String| Failure::Unreadable(format!("{what}\n{USAGE}"));
    let mut options = Options::default();
    let mut arguments = arguments.into_iter().map(|argument| {
        argument.map_err(|a| unusable(format!("not UTF-8: {}", a.to_string_lossy())))
    });
    let mut only_files = false;
    while let Some(argument) = arguments.next() {
        let argument = argument?;
        let mut value = || {
            arguments
                .next()
                .unwrap_or_else(|| Err(unusable(format!("{argument} needs a value"))))
        };
        match argument.as_str() {
            file if only_files || !file.starts_with('-') => {
                options.certificates.extend(certificates(file)?);
            }
            "--" => only_files = true,
            "--json" => options.json = true,
            "--policy" => options.policy = Some(policy(&value()?)?),
            "--root" => options.roots.extend(certificates(&value()?)?),
            "--backend" => {
                options.aws_lc_rs = match value()?.as_str() {
                    "rustcrypto" => false,
                    "aws-lc-rs" => true,
                    other => return Err(unusable(format!("unknown backend {other}"))),
                }
            }
            other => return Err(unusable(format!("unknown option {other}"))),
        }
    }
    Ok(options)
}

fn policy(name: &str) -> Result<Policy, Failure> {
    match name {
        "default" => Ok(Policy::default()),
        "strict" => Ok(Policy::strict()),
        file => serde_json::from_slice(&read(file)?)
            .map_err(|error| Failure::Unreadable(format!("policy {file}: {error}"))),
    }
}

/// The certificates in a file: PEM, or one in DER.
fn certificates(file: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let bytes = read(file)?;
    if bytes.first() == Some(&0x30) {
        return Ok(vec![bytes]);
    }
    certificates_from_pem(&bytes).map_err(|error| Failure::Unreadable(format!("{file}: {error}")))
}

/// A file, of which more than can be used is never read.
fn read(file: &str) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
    let limit = u64::try_from(piv_attest::MAX_PEM)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|open| open.take(limit).read_to_end(&mut bytes))
        .map_err(|error| Failure::Unreadable(format!("{file}: {error}")))?;
    Ok(bytes)
}

fn report(attestation: Option<&VerifiedAttestation>, error: Option<&str>) -> Value {
    let a = attestation;
    let text = |fact: Option<String>| fact.map_or(Value::Null, Value::from);
    json!({
        "verified": error.is_none(),
        "root": text(a.map(|a| a.root().name().to_owned())),
        "slot": text(a.map(|a| a.slot().to_string())),
        "firmware": text(a.map(|a| a.firmware().to_string())),
        "serial": a.and_then(VerifiedAttestation::serial).map(piv_attest::Serial::get),
        "pin_policy": text(a.map(|a| a.pin_policy().to_string())),
        "touch_policy": text(a.map(|a| a.touch_policy().to_string())),
        "form_factor": text(a.and_then(VerifiedAttestation::form_factor).map(|f| f.to_string())),
        "fips": a.map(VerifiedAttestation::fips),
        "cspn": a.map(VerifiedAttestation::cspn),
        "key_algorithm": text(a.map(|a| a.public_key().algorithm().to_string())),
        "spki_sha256": text(a.map(|a| hex(&a.public_key().spki_sha256()))),
        "error": error,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn print_for_people(report: &Value) {
    let Value::Object(report) = report else {
        return;
    };
    for (name, value) in report {
        match value {
            Value::Null => {}
            Value::String(text) => println!("{name:>14}: {text}"),
            other => println!("{name:>14}: {other}"),
        }
    }
}
