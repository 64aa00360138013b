//! The objects of the token and their handles.

use std::sync::Arc;

use cryptoki_sys::{CK_OBJECT_HANDLE, CK_ULONG};

use crate::error::Error;
use crate::object::{Object, Template};

/// Objects by handle. A handle is never used again for something else; an
/// object that is still the same keeps its own.
#[derive(Debug, Default)]
pub(crate) struct Table {
    last: CK_ULONG,
    objects: Vec<(CK_OBJECT_HANDLE, Arc<Object>)>,
}

impl Table {
    /// Takes over what is there now.
    pub(crate) fn replace(&mut self, fresh: Vec<Object>) {
        let mut old = std::mem::take(&mut self.objects);
        for object in fresh {
            let same = old.iter().position(|(_, known)| **known == object);
            let entry = match same {
                Some(at) => old.swap_remove(at),
                None => {
                    self.last += 1;
                    (self.last, Arc::new(object))
                }
            };
            self.objects.push(entry);
        }
    }

    /// The handles of all that match.
    pub(crate) fn find(&self, template: &Template) -> Vec<CK_OBJECT_HANDLE> {
        self.objects
            .iter()
            .filter(|(_, object)| object.matches(template))
            .map(|(handle, _)| *handle)
            .collect()
    }

    /// The object of a handle.
    pub(crate) fn get(&self, handle: CK_OBJECT_HANDLE) -> Result<Arc<Object>, Error> {
        self.objects
            .iter()
            .find(|(known, _)| *known == handle)
            .map(|(_, object)| Arc::clone(object))
            .ok_or(Error::NoObject)
    }
}
