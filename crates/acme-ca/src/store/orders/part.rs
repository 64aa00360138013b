//! How the parts of an order are named in URLs: `ORDER`, `ORDER.0` for its first authorization,
//! `ORDER.0.0` for that one's first challenge. An order's id has 96 random bits, so none of them
//! can be guessed.

/// One authorization or challenge of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// The order's id.
    pub(crate) order: &'a str,
    /// The number of the authorization.
    pub(crate) authorization: usize,
    /// The number of the challenge.
    pub(crate) challenge: Option<usize>,
}

impl<'a> Part<'a> {
    /// The part that an id names; `None` for an order's own id, and for every other spelling
    /// than the one.
    pub(crate) fn parse(id: &'a str) -> Option<Self> {
        let (order, numbers) = id.split_once('.')?;
        let (authorization, challenge) = match numbers.split_once('.') {
            Some((authorization, challenge)) => (authorization, Some(challenge.parse().ok()?)),
            None => (numbers, None),
        };
        let part = Self {
            order,
            authorization: authorization.parse().ok()?,
            challenge,
        };
        (part.id() == id).then_some(part)
    }

    /// Its id.
    pub(crate) fn id(&self) -> String {
        let Self {
            order,
            authorization,
            ..
        } = self;
        match self.challenge {
            Some(challenge) => format!("{order}.{authorization}.{challenge}"),
            None => format!("{order}.{authorization}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_one_part_in_one_way() {
        let authorization = Part {
            order: "x-_Y",
            authorization: 1,
            challenge: None,
        };
        let challenge = Part {
            challenge: Some(20),
            ..authorization
        };
        for (part, id) in [(authorization, "x-_Y.1"), (challenge, "x-_Y.1.20")] {
            assert_eq!(part.id(), id);
            assert_eq!(Part::parse(id), Some(part));
        }
        for other in [
            "x", "", "x.", "x.01", "x.+1", "x.-1", "x.1.", "x.1.02", "x.1.2.3", "x.a",
        ] {
            assert_eq!(Part::parse(other), None, "{other}");
        }
    }
}
