//! piv-attest, cold and warm, and others, beside the bare signature checks that the chain needs.
//!
//! Criterion reports on each. The table of the README comes after it: all of them in turn, a few
//! hundred rounds of short batches, and of each the fastest batch, so that what else the machine
//! does falls out of the ratios.

use attestation_validator::Validator;
use criterion::Criterion;
use piv_attest::{AwsLcRs, Backend, RustCrypto, UnixTime, Verifier, claimed_key};
use piv_attest_bench_peers::{Chain, Check, Counting, allocations, chains};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};
use x509_cert::{Certificate, der::Decode};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NOW: UnixTime = UnixTime::from_secs(1_764_000_000);
const ROUNDS: usize = 400;
const BATCH: u64 = 8;

fn verifier<B: Backend>() -> Verifier<B> {
    Verifier::builder_with().yubico().build()
}

/// All checks from the leaf to the root, lowest first.
fn checks(chain: &Chain) -> Vec<Check> {
    let mut path = vec![&chain.leaf, &chain.device];
    path.extend(&chain.above);
    path.windows(2)
        .map(|pair| Check::of(pair[0], pair[1]))
        .collect()
}

/// Something to measure: does it so many times, and says how long that took.
struct Subject<'a> {
    name: String,
    /// The place in the list of what it is compared with, and how many checks that is.
    against: Option<(usize, &'static str)>,
    times: Box<dyn FnMut(u64) -> Duration + 'a>,
}

fn simple<'a>(mut what: impl FnMut() + 'a) -> Box<dyn FnMut(u64) -> Duration + 'a> {
    Box::new(move |times| {
        let start = Instant::now();
        for _ in 0..times {
            what();
        }
        start.elapsed()
    })
}

fn subject<'a>(
    name: String,
    against: Option<(usize, &'static str)>,
    times: Box<dyn FnMut(u64) -> Duration + 'a>,
) -> Subject<'a> {
    Subject {
        name,
        against,
        times,
    }
}

fn ours<'a, B: Backend>(
    backend: &str,
    bare: fn(&Check),
    chain: &'a Chain,
    list: &mut Vec<Subject<'a>>,
    counts: &mut Vec<String>,
) {
    let name = chain.name;
    let verify = |verifier: &Verifier<B>| {
        verifier
            .verify(black_box(&chain.leaf), &[black_box(&chain.device)], NOW)
            .expect("genuine")
    };
    let fresh = verifier::<B>();
    let cold = allocations(|| verify(&fresh));
    let warm = allocations(|| verify(&fresh));
    let (first, second) = (checks(chain), checks(chain));
    let alone = allocations(|| bare(&first[0]));
    counts.push(format!("| {backend}, {name} | {cold} | {warm} | {alone} |"));

    let base = list.len();
    list.push(subject(
        format!("bare: one check by {backend}, {name}"),
        None,
        simple(move || bare(black_box(&first[0]))),
    ));
    list.push(subject(
        format!("bare: two checks by {backend}, {name}"),
        None,
        simple(move || second[..2].iter().for_each(|check| bare(black_box(check)))),
    ));
    let cold = Box::new(move |times| {
        (0..times)
            .map(|_| {
                let verifier = verifier::<B>();
                let start = Instant::now();
                let verified = verify(&verifier);
                let elapsed = start.elapsed();
                drop(verified);
                elapsed
            })
            .sum()
    });
    list.push(subject(
        format!("piv-attest, {backend}, cold, {name}"),
        Some((base + 1, "2")),
        cold,
    ));
    let warm = simple(move || drop(verify(&fresh)));
    list.push(subject(
        format!("piv-attest, {backend}, warm, {name}"),
        Some((base, "1")),
        warm,
    ));
}

fn others<'a>(chain: &'a Chain, list: &mut Vec<Subject<'a>>) {
    let name = chain.name;
    let checks = checks(chain);
    let needed = if checks.len() == 2 { "2" } else { "4" };
    let base = list.len();
    list.push(subject(
        format!("bare: {needed} checks by ring, {name}"),
        None,
        simple(move || checks.iter().for_each(|check| black_box(check).ring())),
    ));
    let sshcerts = simple(move || {
        let verified = sshcerts::yubikey::verification::verify_certificate_chain(
            black_box(&chain.leaf),
            black_box(&chain.device),
            None,
        );
        drop(verified.expect("genuine"));
    });
    list.push(subject(
        format!("sshcerts 0.15.4, {name}"),
        Some((base, needed)),
        sshcerts,
    ));
    let validator = simple(move || {
        let mut validator = Validator::default();
        for certificate in chain.above.iter().rev().chain([&chain.device, &chain.leaf]) {
            validator
                .add_from_der(black_box(certificate.clone()))
                .expect("genuine");
        }
    });
    let title = format!("attestation-validator 0.2.0, signatures only, {name}");
    list.push(subject(title, Some((base, needed)), validator));
}

fn main() {
    let chains = chains();
    let (mut list, mut counts) = (Vec::new(), Vec::new());
    for chain in &chains {
        ours::<RustCrypto>(
            "RustCrypto",
            Check::rustcrypto,
            chain,
            &mut list,
            &mut counts,
        );
        ours::<AwsLcRs>("aws-lc-rs", Check::aws_lc_rs, chain, &mut list, &mut counts);
        others(chain, &mut list);
    }
    let leaf = &chains[0].leaf;
    let parsing = list.len();
    list.push(subject(
        "x509-cert 0.3, `Certificate::from_der`".to_owned(),
        Some((parsing, "")),
        simple(|| drop(Certificate::from_der(black_box(leaf)).expect("a certificate"))),
    ));
    list.push(subject(
        "piv-attest, `claimed_key`: form, extensions, roles".to_owned(),
        Some((parsing, "")),
        simple(|| drop(claimed_key(black_box(leaf)).expect("a leaf"))),
    ));

    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    for Subject { name, times, .. } in &mut list {
        criterion.bench_function(name, |bencher| bencher.iter_custom(&mut *times));
    }

    let mut fastest = vec![f64::INFINITY; list.len()];
    for _ in 0..ROUNDS {
        for (best, subject) in fastest.iter_mut().zip(&mut list) {
            let nanos = (subject.times)(BATCH).as_nanos() as f64 / BATCH as f64;
            *best = best.min(nanos);
        }
    }

    println!("\n| what | µs | × bare checks | checks the chain needs |\n|---|---:|---:|---:|");
    for (index, subject) in list.iter().enumerate().take(parsing) {
        let micros = fastest[index] / 1e3;
        match subject.against {
            Some((bare, needed)) => {
                let ratio = fastest[index] / fastest[bare];
                println!("| {} | {micros:.1} | {ratio:.2} | {needed} |", subject.name);
            }
            None => println!("| {} | {micros:.1} | | |", subject.name),
        }
    }
    println!("\n| parsing a leaf | µs | × x509-cert |\n|---|---:|---:|");
    for (index, subject) in list.iter().enumerate().skip(parsing) {
        let ratio = fastest[index] / fastest[parsing];
        println!(
            "| {} | {:.2} | {ratio:.2} |",
            subject.name,
            fastest[index] / 1e3
        );
    }
    println!("\n| allocations through Rust | cold | warm | one bare check |\n|---|---:|---:|---:|");
    for line in counts {
        println!("{line}");
    }
}
