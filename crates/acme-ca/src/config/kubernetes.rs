//! `[[kubernetes]]`: a cluster whose pods may prove who they are (`docs/protocol.md`, section 15).

use std::path::Path;
use std::sync::Arc;

use acme_wire::jwk::Algorithm;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use toml::Spanned;

use super::url::HttpsUrl;
use super::{BadDuration, Fault, Located, Seconds};
use crate::kubernetes::NameTemplate;

/// A cluster whose service-account tokens are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// What people call it.
    pub name: String,
    /// `iss` of its tokens, byte by byte.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_url: HttpsUrl,
    /// Who vouches for the server there, DER.
    pub roots: Vec<Vec<u8>>,
    /// What its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// The longest life of a token.
    pub max_lifetime: Seconds,
    /// The namespaces whose pods get certificates; none means all.
    pub namespaces: Vec<String>,
    /// The names that a service account may have.
    pub names: Vec<NameTemplate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCluster {
    name: Spanned<String>,
    issuer: Spanned<String>,
    jwks_url: Option<Spanned<String>>,
    ca_bundle: Spanned<String>,
    algorithms: Option<Vec<Spanned<String>>>,
    max_lifetime: Option<Spanned<String>>,
    #[serde(default)]
    namespaces: Vec<String>,
    names: Spanned<Vec<Spanned<String>>>,
}

/// What a cluster gives at least; see `--service-account-…` of its API server.
const LIFETIME: Seconds = Seconds(10 * 60);
/// A day: a token that lives longer is no proof of now.
const LONGEST: Seconds = Seconds(24 * 60 * 60);
/// Where the API server has them.
const JWKS_PATH: &str = "/openid/v1/jwks";

/// Reads the clusters; `dir` is where relative paths start.
pub(super) fn read(raw: Vec<RawCluster>, dir: &Path) -> Result<Vec<Arc<Cluster>>, Located> {
    let mut clusters: Vec<Arc<Cluster>> = Vec::new();
    for one in raw {
        let name = one.name.span().start;
        let issuer = one.issuer.span().start;
        let names = one.names.span().start;
        let cluster = read_one(one, dir)?;
        for other in &clusters {
            if other.name == cluster.name {
                let what = cluster.name;
                return Err(Located::new(name, Fault::ClusterTwice { what }));
            }
            if other.issuer == cluster.issuer {
                let what = cluster.issuer;
                return Err(Located::new(issuer, Fault::ClusterTwice { what }));
            }
        }
        // Two service accounts that could have one name are one to whoever reads certificates.
        let mut all: Vec<&NameTemplate> = clusters.iter().flat_map(|one| &one.names).collect();
        for template in &cluster.names {
            if let Some(other) = all.iter().find(|other| other.meets(template)) {
                let (one, two) = (other.to_string(), template.to_string());
                return Err(Located::new(names, Fault::TemplatesMeet { one, two }));
            }
            all.push(template);
        }
        clusters.push(Arc::new(cluster));
    }
    Ok(clusters)
}

fn read_one(raw: RawCluster, dir: &Path) -> Result<Cluster, Located> {
    let names_at = raw.names.span().start;
    let names: Vec<NameTemplate> = raw
        .names
        .into_inner()
        .iter()
        .map(|text| {
            text.get_ref()
                .parse()
                .map_err(|error| Located::new(text.span().start, Fault::Template(error)))
        })
        .collect::<Result<_, _>>()?;
    if names.is_empty() {
        return Err(Located::new(names_at, Fault::NoTemplate));
    }
    let url_of = |text: &str, place| {
        text.parse::<HttpsUrl>().map_err(|_| {
            let url = text.to_owned();
            Located::new(place, Fault::HttpsUrl { url })
        })
    };
    let issuer_at = raw.issuer.span().start;
    let jwks_url = match &raw.jwks_url {
        Some(text) => url_of(text.get_ref(), text.span().start)?,
        None => {
            let issuer = raw.issuer.get_ref().trim_end_matches('/');
            url_of(&format!("{issuer}{JWKS_PATH}"), issuer_at)?
        }
    };
    Ok(Cluster {
        name: raw.name.into_inner(),
        issuer: raw.issuer.into_inner(),
        jwks_url,
        roots: roots(&raw.ca_bundle, dir)?,
        algorithms: algorithms(raw.algorithms)?,
        max_lifetime: lifetime(raw.max_lifetime.as_ref())?,
        namespaces: raw.namespaces,
        names,
    })
}

fn roots(file: &Spanned<String>, dir: &Path) -> Result<Vec<Vec<u8>>, Located> {
    let place = file.span().start;
    let path = dir.join(file.get_ref());
    let bytes = std::fs::read(&path).map_err(|error| {
        let path = path.clone();
        Located::new(place, Fault::RootUnreadable { path, error })
    })?;
    let roots: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(&bytes)
        .map(|root| root.map(|root| root.to_vec()))
        .collect::<Result<_, _>>()
        .unwrap_or_default();
    let good = |root: &Vec<u8>| {
        let mut store = rustls::RootCertStore::empty();
        store.add(CertificateDer::from(root.as_slice())).is_ok()
    };
    if roots.is_empty() || !roots.iter().all(good) {
        return Err(Located::new(place, Fault::RootFormat { path }));
    }
    Ok(roots)
}

fn algorithms(texts: Option<Vec<Spanned<String>>>) -> Result<Vec<Algorithm>, Located> {
    let Some(texts) = texts.filter(|texts| !texts.is_empty()) else {
        return Ok(vec![Algorithm::Rs256, Algorithm::Es256]);
    };
    texts
        .iter()
        .map(|text| {
            Algorithm::from_name(text.get_ref()).ok_or_else(|| {
                let algorithm = text.get_ref().clone();
                Located::new(text.span().start, Fault::TokenAlgorithm { algorithm })
            })
        })
        .collect()
}

fn lifetime(setting: Option<&Spanned<String>>) -> Result<Seconds, Located> {
    let Some(text) = setting else {
        return Ok(LIFETIME);
    };
    let place = text.span().start;
    let found: Seconds = text
        .get_ref()
        .parse()
        .map_err(|fault: BadDuration| Located::new(place, fault))?;
    let (what, least, most) = ("max_lifetime", Seconds(60), LONGEST);
    if (least..=most).contains(&found) {
        Ok(found)
    } else {
        Err(Located::new(place, Fault::Lifetime { what, least, most }))
    }
}
