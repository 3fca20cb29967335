use super::*;

const TIMEOUT: Duration = Duration::from_mins(2);

fn answer(text: &str) -> Answer {
    serde_json::from_str(text).unwrap()
}

/// The verdict on an answer, in a VM of this status, after this time.
fn end(answer: Option<&Answer>, status: Option<&str>, elapsed: Duration) -> Option<End> {
    let look = Look {
        report: answer,
        status,
        spoken: true,
        silent: Duration::ZERO,
        elapsed,
    };
    judge(&look, "a1", TIMEOUT)
}

#[test]
fn only_the_answer_to_this_request_ends_the_wait() {
    let done =
        answer(r#"{"nonce":"n","id":"a1","ok":true,"counts":{"sessions":4},"killed":false}"#);
    let running = Some("RUNNING");
    assert_eq!(
        end(Some(&done), running, TIMEOUT),
        Some(End::Done(done.clone()))
    );
    assert_eq!(done.counts.as_ref().unwrap().label(), "sessions-4");
    // Also if the VM goes down right after it.
    assert_eq!(
        end(Some(&done), None, TIMEOUT),
        Some(End::Done(done.clone()))
    );
    let others = answer(r#"{"id":"a2","ok":true}"#);
    assert_eq!(end(Some(&others), running, TIMEOUT), None);
    let refused = answer(r#"{"id":"a1","ok":false,"reason":"the gateway runs"}"#);
    assert_eq!(
        end(Some(&refused), running, TIMEOUT),
        Some(End::Refused("the gateway runs".into()))
    );
}

#[test]
fn a_vm_that_is_gone_off_or_silent_is_not_waited_for() {
    let why = |end| match end {
        Some(End::Off(why) | End::Silent(why)) => why,
        other => panic!("{other:?}"),
    };
    assert!(why(end(None, None, Duration::ZERO)).contains("gone"));
    assert_eq!(
        why(end(None, Some("TERMINATED"), Duration::ZERO)),
        "the VM is TERMINATED"
    );
    assert_eq!(end(None, Some("RUNNING"), TIMEOUT), None);
    let late = TIMEOUT + Duration::from_secs(1);
    let why = why(end(None, Some("RUNNING"), late));
    assert!(why.starts_with("it has not answered for 120 s"), "{why}");
}

#[test]
fn a_request_takes_the_place_of_the_one_before_and_nothing_elses() {
    let before = Metadata {
        fingerprint: Some("f".into()),
        items: vec![item("user-data", "u"), item(KEY, "old"), item("b", "c")],
    };
    let keys = |metadata: &Metadata| {
        let pair = |it: &gce::MetadataItem| it.key.clone().zip(it.value.clone()).unwrap();
        metadata.items.iter().map(pair).collect::<Vec<_>>()
    };
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let after = with(before.clone(), Some("new".into()));
    assert_eq!(
        keys(&after),
        [pair("user-data", "u"), pair("b", "c"), pair(KEY, "new")]
    );
    assert_eq!(after.fingerprint.as_deref(), Some("f"));
    assert_eq!(
        keys(&with(before, None)),
        [pair("user-data", "u"), pair("b", "c")]
    );
}

#[test]
fn a_capability_is_not_shown() {
    let import = Request::Import {
        url: "https://h/o?upload_id=s3cret",
        token: "s3cret",
    };
    assert_eq!(format!("{import:?}"), "Request to import its state");
    assert!(import.is_secret() && !Request::Stop.is_secret());
}

#[test]
fn whoever_did_not_answer_says_why() {
    let none = |serial: &str| {
        NoAnswer {
            instance: "vm".into(),
            asked: Request::Stop.asked(),
            why: "the VM is gone".into(),
            serial: serial.into(),
            off: true,
        }
        .to_string()
    };
    assert_eq!(none(""), "vm did not stop its gateway: the VM is gone");
    assert!(none("last").ends_with("\nlast lines of its serial output:\nlast"));
}
