//! The program: parse arguments, call the library, print.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use rustix::process::{Pid, Signal};
use tokio::signal::unix::{SignalKind, signal};
use virtual_yubikey::{
    Control, Error, Firmware, FormFactor, Launcher, ManagementKeyType, Rig, Root, Settings,
    TouchMode,
};

/// A YubiKey without the hardware, for tests and demonstrations.
///
/// `run` puts an emulated YubiKey into a reader of its own pcscd and runs a
/// command that sees it, and no other. PIN 123456, PUK 12345678 and the
/// management key are those that every YubiKey is shipped with. Keys and PINs
/// are kept in the folder, so the same YubiKey is there the next time.
///
/// The other commands are the hands of the person in front of it: they touch
/// it, pull it out, put it back.
#[derive(Parser)]
#[command(version, after_long_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Request,
}

const EXAMPLES: &str = "\
Examples:
  virtual-yubikey run --dir /tmp/key --touch auto -- ykman piv info
  virtual-yubikey run --dir /tmp/key --firmware 5.4.3 -- yubico-piv-tool -a status

  virtual-yubikey run --dir /tmp/key -- bash          # in one terminal
  virtual-yubikey touch --dir /tmp/key                # in another, when it waits

  virtual-yubikey run --dir /tmp/key > key.env &      # no command: prints the environment,
  . ./key.env                                         # stays until it is killed

Its attestations end at a root of their own, one for each folder. A CA that
shall accept them must be told so: give it the certificate that
`virtual-yubikey root --dir DIR` prints.";

#[derive(Subcommand)]
enum Request {
    /// Start a YubiKey, and a command that sees it
    ///
    /// Without COMMAND: prints the environment that programs need as `export`
    /// lines, and stays until Ctrl-C. Exits as the command does; all that was
    /// started is gone then.
    Run(Run),
    /// Touch it now; fails when it does not wait for a touch
    Touch(Which),
    /// Wait until it asks for a touch, touch it
    TouchWhenAsked(Wait),
    /// Wait until it asks for a touch, do nothing
    WaitForTouch(Wait),
    /// From now on touch it whenever it asks
    Auto(Which),
    /// From now on touch it only by `touch`
    Manual(Which),
    /// From now on let every wait for a touch fail at once
    Deny(Which),
    /// Pull it out of its reader
    Unplug(Which),
    /// Put it back into its reader
    Replug(Which),
    /// Print as JSON what it is, whether it waits, how often it was touched and used
    Status {
        #[command(flatten)]
        folder: Folder,
    },
    /// Print the root of its attestations (PEM); makes it if need be
    Root {
        #[command(flatten)]
        folder: Folder,
    },
}

#[derive(Args)]
struct Folder {
    /// Folder that keeps the YubiKey
    #[arg(long, env = virtual_yubikey::DIR_VARIABLE, value_name = "DIR")]
    dir: PathBuf,
}

#[derive(Args)]
struct Which {
    #[command(flatten)]
    folder: Folder,
    /// Which one, if there are several
    #[arg(long, value_name = "N")]
    serial: Option<u32>,
}

#[derive(Args)]
struct Wait {
    #[command(flatten)]
    which: Which,
    /// How long to wait for it to ask
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    patience: u64,
}

#[derive(Args)]
struct Run {
    #[command(flatten)]
    folder: Folder,
    /// Firmware: 5.4.3 has a 3DES management key, 5.7 AES, RSA-4096 and Ed25519
    #[arg(long, default_value = "5.7.4", value_name = "X.Y.Z")]
    firmware: Firmware,
    /// Serial number
    #[arg(long, default_value_t = 12_345_678, value_name = "N")]
    serial: u32,
    /// Another YubiKey beside it, of the same kind (repeatable)
    #[arg(long, value_name = "N")]
    also_serial: Vec<u32>,
    /// Shape
    #[arg(
        long,
        value_enum,
        default_value = "usb-c-keychain",
        value_name = "SHAPE"
    )]
    form_factor: FormFactor,
    /// Of the FIPS series
    #[arg(long)]
    fips: bool,
    /// Cipher of the factory's management key [default: that of the firmware]
    #[arg(long, value_enum, value_name = "CIPHER")]
    management_key: Option<ManagementKeyType>,
    /// Who touches it: a person by `touch`, it is touched by itself, or nobody
    #[arg(long, value_enum, default_value = "manual")]
    touch: TouchMode,
    /// How long it waits for a touch, and how long a cached touch lasts
    #[arg(long, default_value_t = 15_000, value_name = "MS")]
    touch_timeout: u64,
    /// How much longer than the arithmetic each use of a private key takes
    #[arg(long, default_value_t = 0, value_name = "MS")]
    delay_sign: u64,
    /// Use the pcscd that is there, through its driver vpcd, instead of a private one
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "also_serial")]
    vpcd: Option<String>,
    /// Command to run, with its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Exit code when something is in the way of the virtual YubiKey itself. Above
/// what commands use, below the shell's own.
const IN_THE_WAY: u8 = 125;

fn main() -> ExitCode {
    match perform(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("virtual-yubikey: {error}");
            ExitCode::from(IN_THE_WAY)
        }
    }
}

fn perform(request: Request) -> Result<ExitCode, Error> {
    match request {
        Request::Run(run) => return run.perform(),
        Request::Touch(which) => which.control()?.touch()?,
        Request::TouchWhenAsked(wait) => wait
            .which
            .control()?
            .touch_when_asked(Duration::from_secs(wait.patience))?,
        Request::WaitForTouch(wait) => wait
            .which
            .control()?
            .wait_until_asked(Duration::from_secs(wait.patience))?,
        Request::Auto(which) => which.control()?.set_mode(TouchMode::Auto)?,
        Request::Manual(which) => which.control()?.set_mode(TouchMode::Manual)?,
        Request::Deny(which) => which.control()?.set_mode(TouchMode::Deny)?,
        Request::Unplug(which) => which.control()?.unplug()?,
        Request::Replug(which) => which.control()?.replug()?,
        Request::Status { folder } => {
            let keys = Control::connect(&folder.dir)?.keys()?;
            let text = serde_json::to_string_pretty(&keys).map_err(|e| Error::Control(e.into()))?;
            println!("{text}");
        }
        Request::Root { folder } => print!("{}", Root::open(&folder.dir)?.pem()),
    }
    Ok(ExitCode::SUCCESS)
}

impl Which {
    fn control(&self) -> Result<Control, Error> {
        let control = Control::connect(&self.folder.dir)?;
        Ok(match self.serial {
            Some(serial) => control.of_key(serial),
            None => control,
        })
    }
}

impl Run {
    fn settings(&self, serial: u32) -> Settings {
        let mut settings = Settings::new(self.firmware)
            .serial(serial)
            .form_factor(self.form_factor)
            .touch_timeout(Duration::from_millis(self.touch_timeout))
            .sign_delay(Duration::from_millis(self.delay_sign));
        if self.fips {
            settings = settings.fips();
        }
        if let Some(cipher) = self.management_key {
            settings = settings.management_key(cipher);
        }
        settings
    }

    fn perform(self) -> Result<ExitCode, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Control)?;
        // Before anything is started, so that no signal finds it half done.
        let signals = {
            let _context = runtime.enter();
            Signals::new().map_err(Error::Control)?
        };
        let mut launcher = Launcher::new().dir(&self.folder.dir).touch(self.touch);
        for serial in std::iter::once(self.serial).chain(self.also_serial.iter().copied()) {
            launcher = launcher.key(self.settings(serial));
        }
        if let Some(address) = &self.vpcd {
            launcher = launcher.vpcd(address);
        }
        let rig = launcher.start()?;
        runtime.block_on(self.stay(&rig, signals))
    }

    async fn stay(self, rig: &Rig, mut signals: Signals) -> Result<ExitCode, Error> {
        let Some((program, arguments)) = self.command.split_first() else {
            for (name, value) in rig.env() {
                println!("export {name}='{}'", value.to_string_lossy());
            }
            signals.next().await;
            return Ok(ExitCode::SUCCESS);
        };
        let mut command = tokio::process::Command::from(rig.command(program));
        let start_error = |source| Error::Start {
            program: program.to_string_lossy().into_owned(),
            source,
        };
        let mut child = command.args(arguments).spawn().map_err(start_error)?;
        loop {
            tokio::select! {
                status = child.wait() => return Ok(exit_code(status.map_err(Error::Control)?)),
                signal = signals.next() => {
                    // Ctrl-C reached the command too. What was sent to us alone, it gets from us.
                    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
                    if let (Some(pid), Some(signal)) = (pid, passed_on(signal)) {
                        let _ = rustix::process::kill_process(pid, signal);
                    }
                }
            }
        }
    }
}

/// What asks us to end.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.hangup.recv() => SignalKind::hangup(),
        }
    }
}

fn passed_on(signal: SignalKind) -> Option<Signal> {
    match signal {
        signal if signal == SignalKind::terminate() => Some(Signal::TERM),
        signal if signal == SignalKind::hangup() => Some(Signal::HUP),
        _ => None,
    }
}

/// The command's own code; 128 and the signal's number if it died of one, as shells have it.
fn exit_code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(IN_THE_WAY))
}
