//! Through a PKCS#11 module, as the programs do that load one.

use std::path::Path;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use e2e::{Failure, Result};

/// A module that was loaded.
pub(super) struct Module(Pkcs11);

/// A session, and the key that signs in it.
pub(super) struct Signer {
    session: Session,
    key: ObjectHandle,
}

impl Module {
    pub(super) fn load(library: &Path) -> Result<Self> {
        let module = Pkcs11::new(library)?;
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
        Ok(Self(module))
    }

    /// A session with its first token, and the private key of this name.
    pub(super) fn session(&self, key: &str, pin: Option<&str>) -> Result<Signer> {
        let slot = self.0.get_slots_with_token()?.into_iter().next();
        let slot = slot.ok_or_else(|| Failure::new("the module has no token"))?;
        let session = self.0.open_ro_session(slot)?;
        if let Some(pin) = pin {
            session.login(UserType::User, Some(&AuthPin::from(pin)))?;
        }
        let wanted = [
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::Label(key.into()),
        ];
        let found = session.find_objects(&wanted)?.into_iter().next();
        let key = found.ok_or_else(|| Failure::new(format!("the module has no key {key}")))?;
        Ok(Signer { session, key })
    }
}

impl Signer {
    pub(super) fn sign(&self, digest: &[u8]) -> Result<Vec<u8>> {
        Ok(self.session.sign(&Mechanism::Ecdsa, self.key, digest)?)
    }
}
