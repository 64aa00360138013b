//! A web handler that registers a public key only if it is in a YubiKey and follows the policy.
//!
//! ```text
//! cargo run --example attested_web_handler -- [ADDRESS]        # 127.0.0.1:8080 unless given
//! cat leaf.pem f9.pem | curl --data-binary @- http://127.0.0.1:8080/keys
//! ```
//!
//! The handler takes an [`Attested`] argument, which only verification makes: there is no way to
//! write a handler that forgets to check. Attestation does not prove that the sender has the key;
//! a real site lets the key sign a challenge before it logs anyone in.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use piv_attest::{AcceptedAttestation, AwsLcRs, MAX_PEM, Policy, UnixTime, Verifier};
use serde_json::json;
use std::{error::Error, sync::Arc, time::SystemTime};

/// What the handlers share: built once, used by all threads.
struct Site {
    verifier: Verifier<AwsLcRs>,
    policy: Policy,
}

/// A key in the body of the request, as PEM, that was verified and accepted.
struct Attested(AcceptedAttestation);

impl FromRequest<Arc<Site>> for Attested {
    type Rejection = Response;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let State(site) = State::<Arc<Site>>::from_request_parts(&mut parts, site)
            .await
            .map_err(IntoResponse::into_response)?;
        let pem = Bytes::from_request(Request::from_parts(parts, body), &())
            .await
            .map_err(IntoResponse::into_response)?;
        let refuse = |status, reasons: Vec<String>| {
            (status, Json(json!({ "refused": reasons }))).into_response()
        };
        let attestation = site
            .verifier
            .verify_pem(&pem, UnixTime::from(SystemTime::now()))
            .map_err(|error| refuse(StatusCode::BAD_REQUEST, vec![error.to_string()]))?;
        site.policy.judge(attestation).map(Self).map_err(|refusal| {
            let reasons = refusal
                .violations()
                .iter()
                .map(ToString::to_string)
                .collect();
            refuse(StatusCode::FORBIDDEN, reasons)
        })
    }
}

/// Runs only for keys in a YubiKey that the policy accepts.
async fn register(Attested(key): Attested) -> impl IntoResponse {
    let warnings: Vec<_> = key.warnings().iter().map(ToString::to_string).collect();
    let registered = json!({
        "registered": key.public_key().algorithm().to_string(),
        "slot": key.slot().to_string(),
        "serial": key.serial().map(|serial| serial.to_string()),
        "warnings": warnings,
    });
    (StatusCode::CREATED, Json(registered))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let site = Site {
        verifier: Verifier::builder_with().yubico().build(),
        policy: Policy::default(),
    };
    let app = Router::new()
        .route("/keys", post(register))
        .layer(DefaultBodyLimit::max(MAX_PEM))
        .with_state(Arc::new(site));
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!(
        "POST a PEM bundle to http://{}/keys",
        listener.local_addr()?
    );
    axum::serve(listener, app).await?;
    Ok(())
}
