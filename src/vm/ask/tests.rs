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
        Some(End::Refused {
            why: "the gateway runs".into(),
            again: false
        })
    );
    let cut = answer(r#"{"id":"a1","ok":false,"reason":"restarted","again":true}"#);
    assert_eq!(
        end(Some(&cut), running, TIMEOUT),
        Some(End::Refused {
            why: "restarted".into(),
            again: true
        })
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
            again: false,
        }
        .to_string()
    };
    assert_eq!(none(""), "vm did not stop its gateway: the VM is gone");
    assert!(none("last").ends_with("\nlast lines of its serial output:\nlast"));
}

#[test]
fn what_was_not_counted_is_unknown_and_not_nothing() {
    let counted = |text: &str| answer(text).counted();
    let known = |label: &str| Counted::Known(label.parse().unwrap());
    assert_eq!(
        counted(r#"{"id":"a","ok":true,"counts":{"sessions":4}}"#),
        known("sessions-4")
    );
    assert_eq!(counted(r#"{"id":"a","ok":true}"#), known(""));
    assert_eq!(
        counted(r#"{"id":"a","ok":true,"reason":"not counted, because it had crashed"}"#),
        Counted::Unknown("not counted, because it had crashed".into())
    );
}

#[tokio::test]
async fn what_was_cut_short_is_asked_for_again_within_bounds() {
    let stage = crate::progress::Progress::silent().stage("export");
    let refused = |again| NoAnswer {
        instance: "vm".into(),
        asked: "export its state",
        why: "cut short".into(),
        serial: String::new(),
        off: false,
        again,
    };
    let done = answer(r#"{"id":"a","ok":true,"files":3}"#);
    // How often it is asked, and whether it is done, when it is cut short this often.
    for (cuts, again, asked, is_done) in [
        (0, true, 1, true),
        (2, true, 3, true),
        (3, true, 3, false),
        (1, false, 1, false),
    ] {
        let mut asks = 0;
        let end = insist(&stage, async || {
            asks += 1;
            if asks <= cuts {
                Err(refused(again).into())
            } else {
                Ok(done.clone())
            }
        });
        assert_eq!(end.await.is_ok(), is_done, "{cuts}");
        assert_eq!(asks, asked, "{cuts}");
    }
}
