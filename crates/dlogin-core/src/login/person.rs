//! What passes between a login and the person.

use piv_token::TouchNeed;

use crate::pin::Ask;

/// Who is asked and who is told.
pub struct Person {
    /// Asked for the PIN.
    pub ask: Box<dyn Ask + Send>,
    /// Told what happens.
    pub show: Box<dyn Show + Send>,
}

/// Tells the person what happens, as it happens.
pub trait Show {
    /// What is being done now; replaces what was said before.
    fn doing(&mut self, what: &str);

    /// Something that the person should know.
    fn warning(&mut self, what: &str);

    /// What the next signature says. Comes before PIN and touch.
    fn about_to_sign(&mut self, what: &AboutToSign);

    /// The YubiKey waits for a touch now.
    fn touch_needed(&mut self, need: TouchNeed);

    /// It waits no more.
    fn touch_over(&mut self, touched: bool);

    /// Nothing is being done any more.
    fn done(&mut self);
}

/// One signature, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AboutToSign {
    /// The CA.
    pub ca: String,
    /// The YubiKey's serial number, where it tells one.
    pub serial: Option<String>,
    /// The slot of the key that signs.
    pub slot: String,
    /// What is to be certified.
    pub certify: Vec<ToCertify>,
    /// Whether it takes a touch.
    pub touch: Option<TouchNeed>,
}

/// One certificate that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToCertify {
    /// The profile.
    pub profile: String,
    /// Whether the key is a new one on disk, instead of the YubiKey's.
    pub disk: bool,
    /// Until when, RFC 3339; `None` leaves it to the CA.
    pub until: Option<String>,
}
