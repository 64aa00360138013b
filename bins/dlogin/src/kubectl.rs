//! `dlogin kubectl-credential`.

use clap::Args;
use dlogin_core::kubernetes::{Asked, EXEC_INFO, can_be_handed_out, credential};
use dlogin_core::login::{Person, Renew, Report, Request, login};
use dlogin_core::{Error, Exit, Paths, ProfileName, SiteName, need};

use crate::show::Progress;
use crate::{print, terminal};

/// The lines that a kubeconfig needs.
const KUBECONFIG: &str = "\
In the kubeconfig:
  users:
  - name: me
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: dlogin
        args: [kubectl-credential]
        interactiveMode: IfAvailable";

/// Give kubectl a certificate and its key on disk (a client-go credential plugin)
///
/// A certificate that is missing or about to end is fetched first: PIN and touch.
/// Through a plugin kubectl gets the private key itself, so the key must be on disk;
/// for one in the YubiKey, `dlogin proxy` is the way.
#[derive(Debug, Args)]
#[command(after_long_help = KUBECONFIG)]
pub(crate) struct Arguments {
    /// A profile for a key on disk
    #[arg(long, default_value = "tls-disk")]
    profile: ProfileName,
    /// At this site
    #[arg(long, value_name = "NAME")]
    site: Option<SiteName>,
}

/// Answers on stdout; everything for the person goes elsewhere.
pub(crate) async fn run(paths: &Paths, arguments: &Arguments) -> Result<Exit, Error> {
    let here = paths.at(arguments.site.as_ref());
    let asked = Asked::read(std::env::var(EXEC_INFO).ok().as_deref())?;
    can_be_handed_out(&here, &arguments.profile)?;
    let request = Request {
        site: arguments.site.clone(),
        profiles: vec![arguments.profile.clone()],
        renew: Renew::Ending,
        ..Request::default()
    };
    if let Some(_turn) = need::turn(paths, &request, &mut Progress::new()).await? {
        let person = Person {
            ask: terminal::ask(),
            show: Box::new(Progress::new()),
        };
        let report = login(paths, &request, person).await?;
        let exit = report.exit();
        if exit != Exit::Done {
            // Why not; the table of what there is would be in kubectl's way.
            let report = Report {
                certificates: Vec::new(),
                ..report
            };
            let _ = print::report(&report);
            return Ok(exit);
        }
    }
    let answer = credential(&here, &arguments.profile, asked)?;
    print::line(&answer).map_err(|source| Error::Output { source })?;
    Ok(Exit::Done)
}
