//! Who is calling: the owner of everything, or a service account.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::connections::Seat;
use crate::engine::{Caller, Engine};
use crate::error::{Error, Status};

/// Lets in who has a token, and tells handlers whose it is and how far it goes. Whoever knows the address
/// of an upload that has begun may go on with it without one.
pub async fn authenticate(
    State(engine): State<Arc<Engine>>,
    mut request: Request,
    next: Next,
) -> Response {
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = header
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(str::trim);
    match token.map(|token| engine.tokens.caller(token)) {
        Some(Some((_, Some(_)))) if !is_for_bound(&request) => refuse(
            &request,
            "Request had a credential with an access boundary, which this service does not take.",
        ),
        Some(Some((caller, bound))) => {
            if let Some(seat) = request.extensions().get::<Seat>() {
                seat.trust();
            }
            request.extensions_mut().insert(caller);
            if let Some(bound) = bound {
                request.extensions_mut().insert(bound);
            }
            next.run(request).await
        }
        None if is_session(&request) => {
            // Nobody grants anything to an account without a name.
            let nobody = Caller::ServiceAccount(String::new());
            request.extensions_mut().insert(nobody);
            next.run(request).await
        }
        Some(None) => refuse(&request, "Request had invalid authentication credentials."),
        None => refuse(
            &request,
            "Request is missing required authentication credential.",
        ),
    }
}

/// Whether the request is to Cloud Storage, which alone knows access boundaries.
fn is_for_bound(request: &Request) -> bool {
    let path = request.uri().path();
    ["/storage/", "/download/storage/", "/upload/storage/"]
        .iter()
        .any(|api| path.starts_with(api))
}

/// Whether the request goes on with an upload that has begun.
fn is_session(request: &Request) -> bool {
    let path = request.uri().path();
    let query = request.uri().query().unwrap_or_default();
    matches!(*request.method(), Method::PUT | Method::DELETE)
        && path.starts_with("/upload/storage/v1/b/")
        && query.split('&').any(|pair| pair.starts_with("upload_id="))
}

fn refuse(request: &Request, what: &str) -> Response {
    let error = Error::unauthenticated(format!(
        "{what} Expected OAuth 2 access token, login cookie or other valid authentication \
         credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
    ));
    if is_grpc(request) {
        Status(error).into_response()
    } else {
        error.into_response()
    }
}

/// Whether the request is to an API whose errors have gRPC's status.
pub fn is_grpc(request: &Request) -> bool {
    let path = request.uri().path();
    path.starts_with("/v1/") || path.starts_with("/v3/")
}
