//! Names that follow from namespace and service account.
//!
//! A template gives each of the two a label of its own. So no two service accounts of a cluster
//! have one name, which `{serviceaccount}-{namespace}` would not hold, and no value reaches over
//! its dots.

use std::fmt;
use std::str::FromStr;

use super::KubernetesError;
use super::error::short;
use crate::config::is_dns_name;

/// A name with places for namespace and service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameTemplate {
    labels: Vec<Label>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Label {
    Fixed(String),
    Namespace,
    ServiceAccount,
}

/// A text that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadTemplate {
    /// A label that is neither fixed nor one of the two places.
    #[error(
        "{label:?} cannot be a label: write letters, digits and hyphens, or {{namespace}} or {{serviceaccount}} alone between dots"
    )]
    Label {
        /// The label.
        label: String,
    },
    /// Without both, several service accounts would have one name.
    #[error("the template lacks {missing}: several service accounts would have one name")]
    Lacks {
        /// The place.
        missing: &'static str,
    },
    /// A template must end in a name of the operator's.
    #[error("the template must end in a fixed name, such as svc.example.net")]
    Open,
}

const NAMESPACE: &str = "{namespace}";
const SERVICE_ACCOUNT: &str = "{serviceaccount}";

impl FromStr for NameTemplate {
    type Err = BadTemplate;

    fn from_str(text: &str) -> Result<Self, BadTemplate> {
        let labels = text
            .split('.')
            .map(|label| match label {
                NAMESPACE => Ok(Label::Namespace),
                SERVICE_ACCOUNT => Ok(Label::ServiceAccount),
                fixed if is_label(fixed) => Ok(Label::Fixed(fixed.to_ascii_lowercase())),
                other => Err(BadTemplate::Label {
                    label: short(other),
                }),
            })
            .collect::<Result<Vec<_>, _>>()?;
        for (place, missing) in [
            (Label::Namespace, NAMESPACE),
            (Label::ServiceAccount, SERVICE_ACCOUNT),
        ] {
            if !labels.contains(&place) {
                return Err(BadTemplate::Lacks { missing });
            }
        }
        match labels.last() {
            Some(Label::Fixed(last)) if !last.bytes().all(|b| b.is_ascii_digit()) => {
                Ok(Self { labels })
            }
            _ => Err(BadTemplate::Open),
        }
    }
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, label) in self.labels.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            let text = match label {
                Label::Fixed(text) => text,
                Label::Namespace => NAMESPACE,
                Label::ServiceAccount => SERVICE_ACCOUNT,
            };
            write!(f, "{dot}{text}")?;
        }
        Ok(())
    }
}

impl NameTemplate {
    /// Whether some name could follow from both templates.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.labels.len() == other.labels.len()
            && self
                .labels
                .iter()
                .zip(&other.labels)
                .all(|pair| match pair {
                    (Label::Fixed(one), Label::Fixed(two)) => one == two,
                    _ => true,
                })
    }

    /// The name of one service account.
    ///
    /// # Errors
    /// [`KubernetesError::Label`] for a value that is not one label, such as the service account
    /// `a.b`; [`KubernetesError::Name`] for a name that is too long.
    pub fn render(
        &self,
        namespace: &str,
        service_account: &str,
    ) -> Result<String, KubernetesError> {
        for value in [namespace, service_account] {
            let lower = value.bytes().all(|b| !b.is_ascii_uppercase());
            if !lower || !is_label(value) {
                let value = short(value);
                return Err(KubernetesError::Label { value });
            }
        }
        let labels: Vec<&str> = self
            .labels
            .iter()
            .map(|label| match label {
                Label::Fixed(text) => text,
                Label::Namespace => namespace,
                Label::ServiceAccount => service_account,
            })
            .collect();
        let name = labels.join(".");
        if is_dns_name(&name) {
            Ok(name)
        } else {
            Err(KubernetesError::Name { name })
        }
    }
}

/// RFC 1123 §2.1.
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> NameTemplate {
        text.parse().unwrap()
    }

    #[test]
    fn namespace_and_service_account_have_labels_of_their_own() {
        let name = template("{serviceaccount}.{namespace}.svc.Example.net");
        assert_eq!(
            name.render("shop", "cart").as_deref(),
            Ok("cart.shop.svc.example.net")
        );
        assert_eq!(
            name.to_string(),
            "{serviceaccount}.{namespace}.svc.example.net"
        );
    }

    #[test]
    fn templates_under_which_names_could_meet_are_none() {
        for (text, expected) in [
            ("{serviceaccount}.svc.example.net", "{namespace}"),
            ("{namespace}.svc.example.net", "{serviceaccount}"),
            ("svc.example.net", "{namespace}"),
        ] {
            let missing = expected;
            assert_eq!(
                text.parse::<NameTemplate>(),
                Err(BadTemplate::Lacks { missing })
            );
        }
        for text in [
            "",
            "{serviceaccount}-{namespace}.example.net",
            "x{serviceaccount}.{namespace}.example.net",
            "{pod}.{serviceaccount}.{namespace}.example.net",
            "*.{serviceaccount}.{namespace}.example.net",
            "{serviceaccount}..{namespace}.example.net",
            "{serviceaccount}.{namespace}.example.net.",
            "{serviceaccount}.{namespace}.-x.net",
            "{serviceaccount}.{namespace}.ex ample.net",
        ] {
            let found = text.parse::<NameTemplate>();
            assert!(matches!(found, Err(BadTemplate::Label { .. })), "{text:?}");
        }
        for text in [
            "{serviceaccount}.{namespace}",
            "{serviceaccount}.{namespace}.7",
        ] {
            assert_eq!(text.parse::<NameTemplate>(), Err(BadTemplate::Open));
        }
    }

    #[test]
    fn no_value_reaches_over_its_label() {
        let name = template("{serviceaccount}.{namespace}.svc.example.net");
        for bad in [
            "",
            "a.b",
            ".",
            "a.",
            ".a",
            "-a",
            "a-",
            "*",
            "A",
            "a b",
            "a\0",
            "ä",
            "a/b",
            "{namespace}",
            &"a".repeat(64),
        ] {
            for found in [name.render(bad, "ok"), name.render("ok", bad)] {
                assert!(
                    matches!(found, Err(KubernetesError::Label { .. })),
                    "{bad:?}"
                );
            }
        }
        let long = template(&format!(
            "{{serviceaccount}}.{{namespace}}.{}.net",
            ["x".repeat(60), "y".repeat(60), "z".repeat(60)].join(".")
        ));
        let found = long.render(&"n".repeat(60), &"s".repeat(60));
        assert!(
            matches!(found, Err(KubernetesError::Name { .. })),
            "{found:?}"
        );
    }

    #[test]
    fn templates_meet_where_a_name_could_follow_from_both() {
        let one = template("{serviceaccount}.{namespace}.svc.example.net");
        for (other, meets) in [
            ("{serviceaccount}.{namespace}.svc.example.net", true),
            ("{namespace}.{serviceaccount}.svc.example.net", true),
            ("{namespace}.{serviceaccount}.{namespace}.example.net", true),
            ("{serviceaccount}.{namespace}.pods.example.net", false),
            ("{serviceaccount}.{namespace}.x.svc.example.net", false),
        ] {
            assert_eq!(one.meets(&template(other)), meets, "{other}");
        }
    }
}
