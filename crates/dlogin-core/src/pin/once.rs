//! One PIN for several logins of one run.

use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::{Ask, AskError};

/// What a question for a PIN begins with, see [`super::question`].
const QUESTION: &str = "PIN for ";

/// The PIN that a person typed, for the other logins of the same run. It is
/// given to the first question about the same YubiKey and to no second one: a
/// question that comes again says that the PIN was refused.
#[derive(Clone, Default)]
pub struct OnceForAll(Arc<Mutex<Option<Typed>>>);

struct Typed {
    card: String,
    pin: Zeroizing<String>,
}

impl OnceForAll {
    /// Who is asked in one login: `person`, unless it is known.
    #[must_use]
    pub fn ask(&self, person: Box<dyn Ask + Send>) -> Box<dyn Ask + Send> {
        Box::new(Asked {
            typed: self.clone(),
            person,
            given: false,
        })
    }

    /// Forgets it: it may be what went wrong.
    pub fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

struct Asked {
    typed: OnceForAll,
    person: Box<dyn Ask + Send>,
    given: bool,
}

impl Ask for Asked {
    fn secret(&mut self, text: &str) -> Result<Zeroizing<String>, AskError> {
        let Some(at) = text.find(QUESTION) else {
            return self.person.secret(text);
        };
        let card = text
            .get(at..)
            .and_then(|question| question.split(" (").next())
            .unwrap_or_default()
            .trim_end_matches(": ")
            .to_owned();
        let mut typed = self.typed.0.lock().unwrap_or_else(PoisonError::into_inner);
        // "Wrong PIN. PIN for …" is not at the beginning.
        let first = at == 0 && !std::mem::replace(&mut self.given, true);
        if let (true, Some(known)) = (first, typed.as_ref())
            && known.card == card
        {
            return Ok(known.pin.clone());
        }
        *typed = None;
        let pin = self.person.secret(text)?;
        *typed = Some(Typed {
            card,
            pin: pin.clone(),
        });
        Ok(pin)
    }

    fn confirm(&mut self, text: &str) -> Result<bool, AskError> {
        self.person.confirm(text)
    }

    fn choose(
        &mut self,
        text: &str,
        options: &[String],
        usual: Option<usize>,
    ) -> Result<Option<usize>, AskError> {
        self.person.choose(text, options, usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types a number that grows.
    struct Person(Arc<Mutex<u32>>);

    impl Ask for Person {
        fn secret(&mut self, _: &str) -> Result<Zeroizing<String>, AskError> {
            let mut typed = self.0.lock().unwrap();
            *typed += 1;
            Ok(typed.to_string().into())
        }

        fn confirm(&mut self, _: &str) -> Result<bool, AskError> {
            Ok(false)
        }
    }

    #[test]
    fn a_pin_is_typed_once_for_one_yubikey_and_never_given_twice() {
        let typed = Arc::new(Mutex::new(0));
        let once = OnceForAll::default();
        let login = || once.ask(Box::new(Person(Arc::clone(&typed))));
        let pin = |ask: &mut Box<dyn Ask + Send>, text: &str| -> String {
            ask.secret(text).unwrap().to_string()
        };
        let (first, second) = ("PIN for YubiKey 7 (3 tries left): ", "PIN for YubiKey 7: ");
        assert_eq!(pin(&mut login(), first), "1");
        // The next site, whatever the card tells of its tries.
        let mut next = login();
        assert_eq!(pin(&mut next, second), "1");
        // It asks again: the PIN was refused.
        assert_eq!(
            pin(&mut next, "Wrong PIN. PIN for YubiKey 7 (2 tries left): "),
            "2"
        );
        assert_eq!(pin(&mut login(), first), "2");
        // Another YubiKey has another PIN; and other questions are no PINs.
        assert_eq!(pin(&mut login(), "PIN for YubiKey 8 (3 tries left): "), "3");
        assert_eq!(pin(&mut login(), "Management key: "), "4");
        assert_eq!(pin(&mut login(), "PIN for YubiKey 8 (3 tries left): "), "3");
        once.forget();
        assert_eq!(pin(&mut login(), "PIN for YubiKey 8 (3 tries left): "), "5");
    }
}
