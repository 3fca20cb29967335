//! Our order of releases against upstream's builds, on every version that npm has of both packages.
//!
//! `tests/order/built.tsv` holds when each version was built. It is made by `tests/order/built-at`, which
//! reads every tarball; versions that came later are counted and parsed.

use std::collections::BTreeMap;

use clawbake::release::{Channel, Feed, Packument, Registry, Version, Web};

const BUILT: &str = include_str!("order/built.tsv");
const CHANNELS: [Channel; 4] = [
    Channel::Stable,
    Channel::Beta,
    Channel::Dev,
    Channel::ExtendedStable,
];

/// When each version of a package was built, where its tarball says so.
fn built(package: &str) -> BTreeMap<Version, &'static str> {
    let lines = BUILT.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &'static str| {
        let [name, version, built] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let known = name == package && built != "-";
        known
            .then(|| Some((version.parse().ok()?, built)))
            .flatten()
    };
    lines.filter_map(row).collect()
}

/// Pairs of neighbours of which the newer one was built earlier.
fn inversions(built: &BTreeMap<Version, &str>, of: impl Fn(Version) -> bool) -> Vec<String> {
    let of: Vec<_> = built.iter().filter(|(version, _)| of(**version)).collect();
    let pairs = of.windows(2).filter(|pair| pair[0].1 > pair[1].1);
    pairs
        .map(|pair| format!("{} before {}", pair[0].0, pair[1].0))
        .collect()
}

#[test]
fn within_a_channel_our_order_is_that_of_upstream_s_builds() {
    for package in ["clawdbot", "openclaw"] {
        let built = built(package);
        for channel in CHANNELS {
            let count = built.keys().filter(|it| it.channel() == channel).count();
            let inverted = inversions(&built, |version| version.channel() == channel);
            println!(
                "{package} {channel}: {count} built, {} inversions",
                inverted.len()
            );
            assert_eq!(inverted, Vec::<String>::new(), "{package} {channel}");
        }
        let across = inversions(&built, |_| true);
        println!("{package} across channels: {} inversions", across.len());
    }
    // If this were none, the rule not to compare across channels could go.
    assert!(!inversions(&built("openclaw"), |_| true).is_empty());
}

#[test]
fn the_data_can_show_an_inversion() {
    let mut built = built("openclaw");
    let newest = *built
        .keys()
        .rfind(|it| it.channel() == Channel::Stable)
        .unwrap();
    built.insert(newest, "2020-01-01T00:00:00.000Z");
    assert_eq!(
        inversions(&built, |it| it.channel() == Channel::Stable).len(),
        1
    );
}

async fn packument(package: &str) -> Packument {
    let registry = Registry::from_environment(Web::new().unwrap());
    registry.packument(package).await.unwrap()
}

/// Asks the registry itself.
#[tokio::test]
async fn every_version_on_npm_is_read_or_skipped() {
    for (package, placeholders) in [("clawdbot", 0), ("openclaw", 1)] {
        let packument = packument(package).await;
        let feed = Feed::of_npm(&packument, Channel::Stable);
        let built = built(package);
        let later = feed.candidates.keys().filter(|it| !built.contains_key(it));
        println!(
            "{package}: {} versions, {} skipped, {} without a time of their build; {} with schemas, {} with \
             engines; stable is {:?}",
            feed.candidates.len(),
            feed.skipped,
            later.count(),
            feed.candidates
                .values()
                .filter(|it| it.schema.is_some())
                .count(),
            feed.candidates
                .values()
                .filter(|it| it.engines.is_some())
                .count(),
            feed.offered.map(|it| it.to_string()),
        );
        for package in &packument.packages {
            let skipped = package.version.parse::<Version>().is_err();
            assert!(
                !skipped || package.version == "0.0.1",
                "{}",
                package.version
            );
        }
        assert!(feed.skipped >= placeholders);
        let offered = feed.offered.expect("stable is never without a release");
        assert_eq!(offered.channel(), Channel::Stable);
        assert!(feed.newer(Some(offered)).is_empty());
        // From the oldest: all stable ones up to what is offered, the newest first.
        let stable = || {
            feed.candidates
                .keys()
                .filter(|it| it.channel() == Channel::Stable)
        };
        let oldest = *stable().next().unwrap();
        let newer = feed.newer(Some(oldest));
        assert_eq!(
            newer.len(),
            stable()
                .filter(|it| **it > oldest && **it <= offered)
                .count()
        );
    }
}
