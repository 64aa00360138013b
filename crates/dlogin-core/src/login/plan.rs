//! Which profiles a run orders.

use acme_wire::Directory;

use super::{Request, Skipped};
use crate::text::printable;
use crate::{Error, ProfileName};

/// More profiles than any CA has; a directory is the word of a stranger.
const MAX_PROFILES: usize = 64;

/// What to order.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) profiles: Vec<ProfileName>,
    /// Everything on offer is tried, to find out what is granted.
    pub(super) discovery: bool,
    /// Offered, but of no use here.
    pub(super) unusable: Vec<Skipped>,
}

/// The named ones; or else those that were granted before; or else, or where
/// all are wanted, every one on offer.
pub(super) fn plan(
    request: &Request,
    directory: &Directory,
    granted: &[ProfileName],
) -> Result<Plan, Error> {
    let offer = directory
        .meta
        .as_ref()
        .map(|meta| meta.profiles.keys())
        .into_iter()
        .flatten()
        .take(MAX_PROFILES);
    let mut offered = Vec::new();
    let mut unusable = Vec::new();
    for name in offer {
        match ProfileName::new(name) {
            Ok(profile) => offered.push(profile),
            Err(error) => unusable.push(Skipped {
                profile: printable(name),
                why: error.to_string(),
            }),
        }
    }

    let mut named = request.profiles.clone();
    named.sort();
    named.dedup();
    if let Some(unknown) = named.iter().find(|name| !offered.contains(name)) {
        return Err(Error::NoSuchProfile {
            profile: unknown.clone(),
            offered,
        });
    }
    let remembered: Vec<_> = granted
        .iter()
        .filter(|profile| offered.contains(profile))
        .cloned()
        .collect();
    let plan = |profiles, discovery, unusable| Plan {
        profiles,
        discovery,
        unusable,
    };
    if !named.is_empty() {
        Ok(plan(named, false, Vec::new()))
    } else if !request.all && !remembered.is_empty() {
        Ok(plan(remembered, false, Vec::new()))
    } else if offered.is_empty() {
        Err(Error::NothingOffered)
    } else {
        Ok(plan(offered, true, unusable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(names: &[&str]) -> Directory {
        let profiles: serde_json::Map<_, _> = names
            .iter()
            .map(|name| ((*name).to_owned(), "x".into()))
            .collect();
        serde_json::from_value(serde_json::json!({
            "newNonce": "https://h/n", "newAccount": "https://h/a", "newOrder": "https://h/o",
            "meta": { "profiles": profiles },
        }))
        .unwrap()
    }

    fn names(profiles: &[&str]) -> Vec<ProfileName> {
        profiles
            .iter()
            .map(|name| ProfileName::new(name).unwrap())
            .collect()
    }

    fn request(profiles: &[&str], all: bool) -> Request {
        Request {
            profiles: names(profiles),
            all,
            ..Request::default()
        }
    }

    #[test]
    fn the_first_run_orders_everything_on_offer() {
        let plan = plan(&request(&[], false), &directory(&["tls", "ssh"]), &[]).unwrap();
        assert_eq!(plan.profiles, names(&["ssh", "tls"]));
        assert!(plan.discovery);
    }

    #[test]
    fn later_runs_order_what_was_granted() {
        let offer = directory(&["tls", "ssh"]);
        // "gone" is offered no more.
        let granted = names(&["gone", "ssh"]);
        let later = plan(&request(&[], false), &offer, &granted).unwrap();
        assert_eq!(later.profiles, names(&["ssh"]));
        assert!(!later.discovery);
        let all = plan(&request(&[], true), &offer, &granted).unwrap();
        assert_eq!(all.profiles, names(&["ssh", "tls"]));
    }

    #[test]
    fn named_ones_are_ordered_once_each_and_must_be_on_offer() {
        let offer = directory(&["tls", "ssh"]);
        let named = plan(&request(&["tls", "tls"], false), &offer, &names(&["ssh"])).unwrap();
        assert_eq!(named.profiles, names(&["tls"]));
        let error = plan(&request(&["tsl"], false), &offer, &[]).unwrap_err();
        assert_eq!(error.exit(), crate::Exit::Missing);
        assert!(error.to_string().contains("ssh, tls"), "{error}");
    }

    #[test]
    fn an_offer_that_would_leave_the_folder_is_skipped_aloud() {
        let plan = plan(&request(&[], false), &directory(&["../x", "tls"]), &[]).unwrap();
        assert_eq!(plan.profiles, names(&["tls"]));
        assert_eq!(plan.unusable.len(), 1);
    }

    #[test]
    fn a_flood_of_profiles_is_cut_off() {
        let many: Vec<String> = (0..1000).map(|n| format!("p{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let plan = plan(&request(&[], false), &directory(&many), &[]).unwrap();
        assert_eq!(plan.profiles.len(), MAX_PROFILES);
    }
}
