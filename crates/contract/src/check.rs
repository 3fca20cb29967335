use crate::document::{self, Found, Way};
use crate::exchange::{Content, Exchange, Sender};
use crate::finding::Finding;
use crate::walk::{Body, Walk};
use crate::{manners, parts, query, refusal, rules};

/// What is to be said of one call.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Such as `compute.images.insert`. None if the documents know no such call: then nothing was
    /// validated.
    pub method: Option<&'static str>,
    /// All that is wrong with it.
    pub findings: Vec<Finding>,
}

/// Checks an exchange: a verdict for the call that it is, or for each call of a batch.
#[must_use]
pub fn check(exchange: &Exchange) -> Vec<Verdict> {
    if document::is_batch(exchange.path()) {
        return match parts::batch(exchange) {
            Ok(calls) => calls.iter().flat_map(check).collect(),
            Err(finding) => vec![Verdict {
                method: None,
                findings: vec![finding],
            }],
        };
    }
    let resuming = exchange.query_value("upload_id").is_some();
    let Some(found) = document::find(&exchange.method, exchange.path(), resuming) else {
        let what = format!(
            "{} {} is no call that we know",
            exchange.method,
            exchange.path()
        );
        return vec![Verdict {
            method: None,
            findings: vec![Finding::new("request", what)],
        }];
    };
    let mut findings = Vec::new();
    query::check(exchange, &found, &mut findings);
    request(exchange, &found, resuming, &mut findings);
    if exchange.sender == Sender::Ours {
        manners::check(exchange, &found, &mut findings);
    }
    let refused = exchange
        .status
        .is_some_and(|status| (400..500).contains(&status));
    if refused && exchange.sender == Sender::Other {
        findings.clear();
    }
    response(exchange, &found, &mut findings);
    vec![Verdict {
        method: Some(found.id),
        findings,
    }]
}

/// The request's body.
fn request(exchange: &Exchange, found: &Found, resuming: bool, findings: &mut Vec<Finding>) {
    let content = &exchange.request;
    // A client that was killed, or cut off, has not said all.
    if !content.whole {
        return;
    }
    let multipart;
    let json = match exchange.query_value("uploadType").as_deref() {
        _ if found.way != Way::Upload => content,
        _ if resuming => return,
        Some("media") => return,
        Some("multipart") => match parts::metadata(content) {
            Ok(part) => {
                multipart = part;
                &multipart
            }
            Err(message) => return findings.push(Finding::new("request", message)),
        },
        Some("resumable") if content.length == 0 => return,
        Some("resumable") => content,
        _ => {
            let message = "is missing, or not media, multipart or resumable";
            return findings.push(Finding::new("query.uploadType", message));
        }
    };
    let Some(schema) = &found.method.request else {
        // Some clients send {} where there is nothing to say.
        if json.length > 0 && json.bytes != b"{}" {
            let message = format!("has a body, and {} takes none", found.id);
            findings.push(Finding::new("request", message));
        }
        return;
    };
    let parsed = match found.document.name.as_str() {
        _ if json.length == 0 => Ok(serde_json::json!({})),
        "sts" => json.form(),
        _ if json.is_json() => json.parse(),
        _ => Err(format!("is {:?}, and not application/json", json.kind)),
    };
    let value = match parsed {
        Ok(value) => value,
        Err(message) => return findings.push(Finding::new("request", message)),
    };
    Walk {
        document: found.document,
        method: found.id,
        body: Body::Request(exchange.sender),
        findings,
    }
    .value(schema, &value, "request");
    rules::request(found.id, exchange, &value, findings);
}

/// The answer, if one came whole.
fn response(exchange: &Exchange, found: &Found, findings: &mut Vec<Finding>) {
    let content = &exchange.response;
    let Some(status) = exchange.status.filter(|_| content.whole) else {
        return;
    };
    let mut say = |message: String| findings.push(Finding::new("response", message));
    let is_media =
        found.way == Way::Download && exchange.query_value("alt").as_deref() == Some("media");
    match status {
        // 308 is "resume incomplete" of an upload, 499 its end by the client.
        200..400 if is_media => return,
        308 | 499 if found.way == Way::Upload => return empty(content, findings),
        204 | 304 => return empty(content, findings),
        200 if is_session(exchange, found) => return empty(content, findings),
        200..300 | 400..600 => {}
        _ => return say(format!("has the status {status}, which no method answers")),
    }
    if status < 300 && found.method.response.is_none() {
        return empty(content, findings);
    }
    if !content.is_json() {
        return say(format!("is {:?}, and not application/json", content.kind));
    }
    if !content.is_kept() {
        return say(format!(
            "is {} bytes of JSON, too many to look at",
            content.length
        ));
    }
    let value = match content.parse() {
        Ok(value) => value,
        Err(message) => return say(message),
    };
    if status >= 400 {
        return refusal::check(&found.document.name, status, &value, findings);
    }
    if let Some(schema) = &found.method.response {
        let whole = !exchange.partial && exchange.query_value("fields").is_none();
        Walk {
            document: found.document,
            method: found.id,
            body: Body::Response { whole },
            findings,
        }
        .value(schema, &value, "response");
    }
}

/// Whether the request began an upload: its answer is the session's URL, in a header.
fn is_session(exchange: &Exchange, found: &Found) -> bool {
    found.way == Way::Upload
        && exchange.method == "POST"
        && exchange.query_value("uploadType").as_deref() == Some("resumable")
}

fn empty(content: &Content, findings: &mut Vec<Finding>) {
    if content.length > 0 {
        findings.push(Finding::new("response", "has a body, and should be empty"));
    }
}
