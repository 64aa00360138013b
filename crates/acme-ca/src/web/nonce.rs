//! newNonce (RFC 8555 §7.2). The nonce itself is in the header that every response has.

use http::{Method, StatusCode};

/// 200 for HEAD, 204 for GET.
pub(crate) async fn new(method: Method) -> StatusCode {
    if method == Method::HEAD {
        StatusCode::OK
    } else {
        StatusCode::NO_CONTENT
    }
}
