//! Who is let in, and what those are told who ask for the impossible.

use reqwest::Method;
use serde_json::json;

use crate::engine::{self, Engine, ZONE, answer};

#[tokio::test]
async fn who_has_no_token_is_refused_and_who_has_one_is_told_what_is_wrong() {
    let engine = Engine::start();
    for token in [None, Some("guess")] {
        let url = format!("{}{ZONE}/instances", engine.endpoint.url);
        let request = engine.http.get(url);
        let request = token.map_or(request.try_clone().unwrap(), |token| {
            request.bearer_auth(token)
        });
        let (status, body) = answer(request).await;
        assert_eq!(
            (status, &body["error"]["errors"][0]["reason"]),
            (401.try_into().unwrap(), &json!("authError"))
        );
    }
    let disks = format!("{ZONE}/disks");
    for (method, path, body, expected) in [
        (
            Method::GET,
            format!("{disks}/none"),
            json!({}),
            (
                404,
                "notFound",
                "The resource 'projects/clawbake-local/zones/us-central1-a/disks/none' was not found",
            ),
        ),
        (
            Method::GET,
            disks.replace("us-central1-a", "mars-a"),
            json!({}),
            (
                404,
                "notFound",
                "The resource 'projects/clawbake-local/zones/mars-a' was not found",
            ),
        ),
        (
            Method::POST,
            disks.clone(),
            json!({"name": "Disk"}),
            (
                400,
                "invalid",
                "Invalid value for field 'resource.name': 'Disk'. Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'",
            ),
        ),
        (
            Method::POST,
            disks.clone(),
            json!({"name": "d", "sise": 1}),
            (
                400,
                "badRequest",
                "Invalid JSON payload received. Unknown name \"sise\": Cannot find field.",
            ),
        ),
        (
            Method::POST,
            format!("{disks}?requestId=7"),
            json!({"name": "d"}),
            (
                400,
                "invalid",
                "Invalid value for field 'requestId': '7'. Must be a UUID other than zero.",
            ),
        ),
    ] {
        let (code, reason, message) = engine.refusal(method, &path, &body).await;
        assert_eq!(
            (code, reason.as_str(), message.as_str()),
            expected,
            "{path}"
        );
    }
    // Past the check, which knows no such call.
    let url = format!("{}/compute/v1/nonsense", engine.direct);
    let nonsense = engine.http.get(url).bearer_auth(&engine.endpoint.token);
    let (status, body) = answer(nonsense).await;
    assert_eq!(
        (status, &body["error"]["message"]),
        (
            404.try_into().unwrap(),
            &json!("The resource '/compute/v1/nonsense' was not found")
        )
    );
    // A path that is no UTF-8 is refused as all else is.
    let url = format!("{}{ZONE}/disks/%FF", engine.direct);
    let (status, body) = answer(engine.http.get(url).bearer_auth(&engine.endpoint.token)).await;
    assert_eq!(
        (status, &body["error"]["message"]),
        (400.try_into().unwrap(), &json!("Invalid request."))
    );
    let words = engine::refused(engine.dir.path());
    assert!(words.contains("another engine serves"), "{words}");
}
