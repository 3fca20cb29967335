use std::collections::BTreeMap;
use std::fmt::Write as _;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::*;

/// An answer by request target and, if it needs one, the header that must come along.
type Answers = BTreeMap<String, (Option<&'static str>, String)>;

/// A server that answers whole HTTP responses, and 404 to anything else.
async fn serve(answers: impl FnOnce(&str) -> Answers) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answers = answers(&address);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (read, mut write) = stream.split();
            let mut lines = BufReader::new(read).lines();
            let mut head = String::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.is_empty() {
                    break;
                }
                head += &(line + "\n");
            }
            let target = head.split(' ').nth(1).unwrap_or_default();
            let known = answers.get(target);
            let answer = match known {
                Some((Some(header), _)) if !head.to_lowercase().contains(header) => format!(
                    "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer realm=\"http://{}/token\",\
                     service=\"registry\",scope=\"repository:a/b:pull\"\r\ncontent-length: 0\r\n\r\n",
                    listener.local_addr().unwrap()
                ),
                Some((_, answer)) => answer.clone(),
                None => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
            };
            let answer = answer.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            write.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address
}

fn ok(headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// A packument with these versions.
fn npm(versions: &[&str]) -> String {
    let version = |version: &&str| {
        format!(
            r#""{version}": {{"version": "{version}", "dist": {{"tarball": "https://r/x.tgz", "integrity": "sha512-x"}}}}"#
        )
    };
    let versions: Vec<_> = versions.iter().map(version).collect();
    let tags = r#"{"latest": "2026.9.5"}"#;
    format!(
        r#"{{"dist-tags": {tags}, "versions": {{{}}}}}"#,
        versions.join(",")
    )
}

const ON_NPM: [&str; 4] = ["2026.9.5", "2026.9.6", "2026.9.7-beta.1", "2026.9.33"];

async fn offered(source: Source, address: &str, channel: Channel) -> Result<String> {
    let web = Web::new().unwrap();
    let registry = Registry::at(web.clone(), &format!("http://{address}/npm"));
    let feed = source.feed(&web, &registry, "openclaw", channel).await?;
    Ok(source.offered(&feed, "openclaw", channel)?.to_string())
}

#[tokio::test]
async fn npm_s_tag_decides_and_fails_closed() {
    let address = serve(|_| [("/npm/openclaw".into(), (None, ok("", &npm(&ON_NPM))))].into()).await;
    let stable = offered(Source::Npm, &address, Channel::Stable).await;
    assert_eq!(stable.unwrap(), "2026.9.5");
    let error = offered(Source::Npm, &address, Channel::ExtendedStable).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("`extended-stable` is missing"), "{error}");
}

/// Shapes as `GET /repos/{owner}/{repo}/releases` answers them.
#[tokio::test]
async fn github_s_releases_are_read_page_by_page() {
    let release = |tag: &str, draft: bool, prerelease: bool| {
        format!(
            r#"{{"id": 1, "tag_name": "{tag}", "draft": {draft}, "prerelease": {prerelease},
                "published_at": "2026-09-20T00:00:00Z", "assets": []}}"#
        )
    };
    let first: Vec<_> = (0..100)
        .map(|n| release(&format!("nightly-{n}"), false, true))
        .collect();
    let second = [
        release("v2026.9.9", true, false),
        release("v2026.9.6", false, false),
        release("v2026.9.7-beta.1", false, true),
        release("v2026.9.8", false, false), // not on npm
        r#"{"tag_name": null}"#.to_owned(),
    ];
    let page = |page: u32, releases: &[String]| {
        let path = format!("/api/repos/openclaw/openclaw/releases?per_page=100&page={page}");
        (path, (None, ok("", &format!("[{}]", releases.join(",")))))
    };
    let address = serve(|_| [page(1, &first), page(2, &second)].into()).await;
    let web = Web::new().unwrap();
    let api = github::Api::at(&format!("http://{address}/api/"), None);
    let released = github::released(&web, &api, "openclaw/openclaw");
    let released: Vec<_> = released
        .await
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(released, ["2026.9.6", "2026.9.7-beta.1", "2026.9.8"]);
    let missing = github::released(&web, &api, "a/b").await;
    assert!(missing.unwrap_err().to_string().contains("404"));
}

#[tokio::test]
async fn github_is_asked_with_the_token_that_there_is_and_nobody_reads_it() {
    let path = "/repos/a/b/releases?per_page=100&page=1";
    let answers = [(path.into(), (Some("bearer s3cret"), ok("", "[]")))].into();
    let url = format!("http://{}", serve(|_| answers).await);
    let web = Web::new().unwrap();
    let api = |url: &str, token: &str| github::Api::at(url, Some(token.to_owned()));
    let known = api(&url, "s3cret");
    assert!(
        github::released(&web, &known, "a/b")
            .await
            .unwrap()
            .is_empty()
    );
    assert!(!format!("{known:?}").contains("s3cret"));
    let other = github::released(&web, &api(&url, "0ther"), "a/b").await;
    let error = format!("{:#}", other.unwrap_err());
    assert!(error.contains("401") && !error.contains("0ther"), "{error}");
    // Not in the clear.
    let open = api("http://github.example/api", "s3cret");
    assert!(!open.has_token() && !api(&url, "").has_token());
    assert!(api("https://github.example/api/v3", "s3cret").has_token());
}

#[tokio::test]
async fn a_registry_s_tags_are_read_with_its_token_page_by_page() {
    let address = serve(|_| {
        let scope = "/token?service=registry&scope=repository%3Aa%2Fb%3Apull";
        let next = "link: </v2/a/b/tags/list?n=1000&last=x>; rel=\"next\"\r\n";
        let first = r#"{"name": "a/b", "tags": ["latest", "2026.9.5", "2026.9.6-slim"]}"#;
        let second = r#"{"name": "a/b", "tags": ["2026.9.6", "2026.9.33", "2026.9-r20260920"]}"#;
        [
            ("/npm/openclaw".into(), (None, ok("", &npm(&ON_NPM)))),
            (scope.into(), (None, ok("", r#"{"token": "t0k"}"#))),
            (
                "/v2/a/b/tags/list?n=1000".into(),
                (Some("bearer t0k"), ok(next, first)),
            ),
            (
                "/v2/a/b/tags/list?n=1000&last=x".into(),
                (Some("bearer t0k"), ok("", second)),
            ),
        ]
        .into()
    })
    .await;
    let image = || Source::Image(format!("{address}/a/b"));
    let stable = offered(image(), &address, Channel::Stable).await;
    assert_eq!(stable.unwrap(), "2026.9.6");
    let extended = offered(image(), &address, Channel::ExtendedStable).await;
    assert_eq!(extended.unwrap(), "2026.9.33");
    let other = Source::Image(format!("{address}/other/name"));
    offered(other, &address, Channel::Stable).await.unwrap_err();
}

#[tokio::test]
async fn a_repository_s_tags_are_read_from_its_refs() {
    let object = "a".repeat(40);
    let mut refs = "001e# service=git-upload-pack\n0000".to_owned();
    for line in [
        "HEAD\0multi_ack symref=HEAD:refs/heads/main agent=git/2.45",
        "refs/heads/main",
        "refs/tags/v2026.9.6",
        "refs/tags/v2026.9.6^{}",
        "refs/tags/v2026.9.7-beta.1",
        "refs/tags/nightly",
    ] {
        let line = format!("{object} {line}\n");
        write!(refs, "{:04x}{line}", line.len() + 4).unwrap();
    }
    refs += "0000";
    let address = serve(|_| {
        let path = "/x.git/info/refs?service=git-upload-pack";
        [
            ("/npm/openclaw".into(), (None, ok("", &npm(&ON_NPM)))),
            (path.into(), (None, ok("", &refs))),
            (
                "/cut.git/info/refs?service=git-upload-pack".into(),
                (None, ok("", &refs[..refs.len() - 20])),
            ),
        ]
        .into()
    })
    .await;
    let git = |name: &str| Source::Git(format!("http://{address}/{name}.git/"));
    let beta = offered(git("x"), &address, Channel::Beta).await;
    assert_eq!(beta.unwrap(), "2026.9.7-beta.1");
    let stable = offered(git("x"), &address, Channel::Stable).await;
    assert_eq!(stable.unwrap(), "2026.9.6");
    let error = offered(git("x"), &address, Channel::ExtendedStable).await;
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("announces no release")
    );
    offered(git("cut"), &address, Channel::Stable)
        .await
        .unwrap_err();
}
