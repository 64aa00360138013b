//! `make demo-browser`: Firefox and Chromium enter a site for members only with the key in the
//! (virtual) YubiKey, after nothing but `dlogin browser install` on a fresh home.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use e2e::agent::Agent;
use e2e::browser::{Browse, Chromium, Firefox, chromium_database, trust};
use e2e::nginx::Nginx;
use e2e::site::{HARDWARE_NAME, Site};
use e2e::{Failure, Result};

const SERIAL: u32 = 31_337_043;
/// As many parts as a page of today has: more than a browser opens connections for.
const IMAGES: usize = 30;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\ndemo failed: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    println!("dlogin in the browser. Only the YubiKey is virtual; the rest is what you run.");
    println!("\n1. A CA, an enrolled YubiKey, and this morning's `dlogin`");
    let site = Site::enrolled(SERIAL)?;
    show(&site.laptop().succeed(&[])?);
    let agent = Agent::start(site.laptop(), &[])?;
    println!("   dlogin agent: has the key, and signs for the module");

    println!("\n2. nginx: a page of {IMAGES} pictures, for members only");
    let root = site.root_file()?;
    let nginx = Nginx::start(&site.dir().join("nginx"), &root, IMAGES)?;
    println!("   {}", nginx.url());
    let entered = Entrance {
        site: &site,
        nginx: &nginx,
        agent: &agent,
        pictures: pictures()?,
    };

    println!("\n3. Firefox: dlogin browser install --firefox-selects");
    let profile = Firefox::create_profile(site.laptop(), "work")?;
    show(&install(&site, &["--firefox-selects"])?);
    trust(&profile, &nginx.root())?;
    let firefox = entered.by("firefox", &mut Firefox::start(site.laptop(), &profile)?)?;

    println!("\n4. Chromium: the policy that the machine's administrator installs, and the module");
    let machine = site.dir().join("machine");
    let image = machine.display().to_string();
    let (origin, subject) = (nginx.origin(), HARDWARE_NAME);
    let args = ["--machine", "--root", &image, "--site", &origin];
    show(&install(
        &site,
        &[&args[..], &["--subject", subject]].concat(),
    )?);
    trust(&chromium_database(site.laptop()), &nginx.root())?;
    let policies = machine.join("etc/chromium");
    let chromium = entered.by("chromium", &mut Chromium::start(site.laptop(), &policies)?)?;

    println!(
        "\nBoth entered with the key in the YubiKey. Touches: {} (Firefox {firefox}, Chromium {chromium}).",
        firefox + chromium
    );
    Ok(())
}

/// A site, and what is needed to tell how somebody came in.
struct Entrance<'a> {
    site: &'a Site,
    nginx: &'a Nginx,
    agent: &'a Agent,
    pictures: PathBuf,
}

impl Entrance<'_> {
    /// Opens the page, takes a picture of it, and counts the touches.
    fn by(&self, name: &str, browser: &mut impl Browse) -> Result<u64> {
        let before = self.site.touches();
        browser.open(&self.nginx.url()).map_err(|failure| {
            let (site, agent) = (self.nginx.log(), self.agent.log());
            Failure::new(format!("{failure}\n{site}\n{agent}"))
        })?;
        let text = browser.text()?;
        if !text.contains(HARDWARE_NAME) {
            return Err(Failure::new(format!("the page does not know us:\n{text}")));
        }
        show(&text);
        let picture = self.pictures.join(format!("{name}.png"));
        browser.screenshot(&picture)?;
        println!("   picture: {}", picture.display());
        match self.site.touches() - before {
            1 => println!("   [touched once]"),
            n => return Err(Failure::new(format!("{n} touches where one should do"))),
        }
        Ok(1)
    }
}

fn install(site: &Site, args: &[&str]) -> Result<String> {
    site.laptop()
        .succeed(&[&["browser", "install"], args].concat())
}

/// Where the pictures go: `demo-browser` in cargo's target folder.
fn pictures() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).unwrap_or(Path::new("."));
    let folder = target.join("demo-browser");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn show(printed: &str) {
    for line in printed.lines().filter(|line| !line.trim().is_empty()) {
        println!("   {line}");
    }
}
