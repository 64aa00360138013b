//! piv-attest, cold and warm, and others, beside the bare signature checks that the chain needs.
//!
//! Criterion measures; at the end the table of the README is printed.

use attestation_validator::Validator;
use criterion::{BatchSize, Criterion};
use piv_attest::{AwsLcRs, Backend, RustCrypto, UnixTime, Verifier, claimed_key};
use piv_attest_bench_peers::{Chain, Check, Counting, allocations, chains};
use std::{hint::black_box, path::PathBuf, time::Duration};
use x509_cert::{Certificate, der::Decode};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NOW: UnixTime = UnixTime::from_secs(1_764_000_000);

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

struct Bench {
    criterion: Criterion,
    folder: PathBuf,
}

impl Bench {
    /// Measures, and gives the median in nanoseconds.
    fn run(&mut self, name: &str, mut what: impl FnMut()) -> f64 {
        self.criterion
            .bench_function(name, |bencher| bencher.iter(&mut what));
        self.median(name)
    }

    fn median(&self, name: &str) -> f64 {
        let file = self
            .folder
            .join(name.replace('/', "_"))
            .join("new/estimates.json");
        let text = std::fs::read_to_string(&file).expect("criterion wrote its estimates");
        let median = text.split("\"median\":").nth(1).expect("a median");
        let point = median
            .split("\"point_estimate\":")
            .nth(1)
            .expect("an estimate");
        point
            .split([',', '}'])
            .next()
            .and_then(|n| n.parse().ok())
            .expect("a number")
    }
}

struct Row {
    what: String,
    micros: f64,
    bare: f64,
    needed: &'static str,
}

fn ours<B: Backend>(
    bench: &mut Bench,
    backend: &str,
    bare: fn(&Check),
    chain: &Chain,
    rows: &mut Vec<Row>,
    counts: &mut Vec<String>,
) {
    let checks = checks(chain);
    let label = |what: &str| format!("{backend} {} {what}", chain.name.split(' ').next().unwrap());
    let one = bench.run(&label("bare one"), || bare(black_box(&checks[0])));
    let two = bench.run(&label("bare two"), || {
        bare(black_box(&checks[0]));
        bare(black_box(&checks[1]));
    });
    let verify = |verifier: &Verifier<B>| {
        verifier
            .verify(black_box(&chain.leaf), &[black_box(&chain.device)], NOW)
            .expect("genuine")
    };
    let name = label("cold");
    bench.criterion.bench_function(&name, |bencher| {
        bencher.iter_batched_ref(
            verifier::<B>,
            |verifier| verify(verifier),
            BatchSize::LargeInput,
        );
    });
    let cold = bench.median(&name);
    let warm_verifier = verifier::<B>();
    verify(&warm_verifier);
    let warm = bench.run(&label("warm"), || drop(verify(&warm_verifier)));
    let row = |what: &str, nanos: f64, bare: f64, needed| Row {
        what: format!("piv-attest, {backend}, {what}, {}", chain.name),
        micros: nanos / 1_000.0,
        bare: nanos / bare,
        needed,
    };
    rows.push(row("cold", cold, two, "2"));
    rows.push(row("warm", warm, one, "1"));
    let fresh = verifier::<B>();
    counts.push(format!(
        "| {backend}, {} | {} | {} | {} |",
        chain.name,
        allocations(|| verify(&fresh)),
        allocations(|| verify(&warm_verifier)),
        allocations(|| bare(&checks[0])),
    ));
}

fn others(bench: &mut Bench, chain: &Chain, rows: &mut Vec<Row>) {
    let checks = checks(chain);
    let label = |what: &str| format!("{what} {}", chain.name.split(' ').next().unwrap());
    let bare = bench.run(&label("ring bare"), || {
        checks.iter().for_each(|check| black_box(check).ring());
    });
    let needed = if checks.len() == 2 { "2" } else { "4" };
    let sshcerts = bench.run(&label("sshcerts"), || {
        let verified = sshcerts::yubikey::verification::verify_certificate_chain(
            black_box(&chain.leaf),
            black_box(&chain.device),
            None,
        );
        drop(verified.expect("genuine"));
    });
    let validator = bench.run(&label("attestation-validator"), || {
        let mut validator = Validator::default();
        for certificate in chain.above.iter().rev().chain([&chain.device, &chain.leaf]) {
            validator
                .add_from_der(black_box(certificate.clone()))
                .expect("genuine");
        }
    });
    for (what, nanos) in [
        ("sshcerts 0.15.4", sshcerts),
        ("attestation-validator 0.2.0", validator),
    ] {
        let note = if what.starts_with("att") {
            ", signatures only"
        } else {
            ""
        };
        rows.push(Row {
            what: format!("{what}{note}, {}", chain.name),
            micros: nanos / 1_000.0,
            bare: nanos / bare,
            needed,
        });
    }
}

fn main() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("criterion");
    let criterion = Criterion::default()
        .output_directory(&folder)
        .sample_size(60)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .without_plots()
        .configure_from_args();
    let mut bench = Bench { criterion, folder };
    let (mut rows, mut counts) = (Vec::new(), Vec::new());
    let chains = chains();
    for chain in &chains {
        ours::<RustCrypto>(
            &mut bench,
            "RustCrypto",
            Check::rustcrypto,
            chain,
            &mut rows,
            &mut counts,
        );
        ours::<AwsLcRs>(
            &mut bench,
            "aws-lc-rs",
            Check::aws_lc_rs,
            chain,
            &mut rows,
            &mut counts,
        );
        others(&mut bench, chain, &mut rows);
    }
    let leaf = &chains[0].leaf;
    let parse = bench.run("parse piv-attest", || {
        drop(claimed_key(black_box(leaf)).expect("a leaf"))
    });
    let reference = bench.run("parse x509-cert", || {
        drop(Certificate::from_der(black_box(leaf)).expect("a certificate"));
    });

    println!("\n| what | µs | × bare checks | checks the chain needs |\n|---|---:|---:|---:|");
    for Row {
        what,
        micros,
        bare,
        needed,
    } in rows
    {
        println!("| {what} | {micros:.1} | {bare:.2} | {needed} |");
    }
    println!("\n| parsing a leaf | µs | × x509-cert |\n|---|---:|---:|");
    println!(
        "| piv-attest, `claimed_key`: form, extensions, roles | {:.2} | {:.2} |",
        parse / 1e3,
        parse / reference
    );
    println!(
        "| x509-cert 0.3, `Certificate::from_der` | {:.2} | 1.00 |",
        reference / 1e3
    );
    println!("\n| allocations through Rust | cold | warm | one bare check |\n|---|---:|---:|---:|");
    for line in counts {
        println!("{line}");
    }
}
