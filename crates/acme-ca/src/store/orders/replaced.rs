//! Which order replaces which certificate (RFC 9773 §5): one that is not invalid.

use rusqlite::{Connection, params};

use super::{Handle, Order, tree};
use crate::orders::OrderStatus;
use crate::store::StoreError;

/// Marks a certificate as replaced by a new order, unless another one replaces it: then that
/// one's id. An order that becomes invalid frees it in the same moment, by a trigger.
pub(super) fn claim(
    c: &Connection,
    certificate: &str,
    order: &Order,
) -> Result<Option<String>, StoreError> {
    let by: Option<String> = c
        .prepare_cached("SELECT replaced_by FROM certificates WHERE id = ?1")?
        .query_row([certificate], |row| row.get(0))?;
    if let Some(by) = by {
        // What expired is invalid, also before the sweep has written it down. An order that was
        // forgotten was valid: the others have let go.
        let other = tree::find(c, Handle::Order(&by))?;
        if other.is_none_or(|other| other.status_at(order.created) != OrderStatus::Invalid) {
            return Ok(Some(by));
        }
    }
    c.prepare_cached("UPDATE certificates SET replaced_by = ?2 WHERE id = ?1")?
        .execute(params![certificate, order.id])?;
    Ok(None)
}
