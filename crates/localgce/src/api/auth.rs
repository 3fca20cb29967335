//! Who is calling: the owner of everything, or a service account.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::connections::Seat;
use crate::engine::Engine;
use crate::error::{Error, Status};

/// Lets in who has a token, and tells handlers whose it is.
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
        Some(Some(caller)) => {
            if let Some(seat) = request.extensions().get::<Seat>() {
                seat.trust();
            }
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Some(None) => refuse(&request, "Request had invalid authentication credentials."),
        None => refuse(
            &request,
            "Request is missing required authentication credential.",
        ),
    }
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
