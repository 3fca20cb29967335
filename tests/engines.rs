//! `engines` as we read them against npm's own program, over the ranges that are in use and generated ones.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clawbake::release::runs_with;

/// How many ranges are generated.
const RANGES: usize = 4000;

/// All that gateways have had in `engines.node`.
const IN_USE: [&str; 7] = [
    ">=22.12.0",
    ">=22.14.0",
    ">=22.16.0",
    ">=22.19.0",
    ">=22.19.0 <23 || >=23.11.0",
    ">=22.22.3 <23 || >=24.15.0 <25 || >=25.9.0",
    ">=24.16.0 <25 || >=26.1.0",
];

/// Marsaglia's xorshift: the same numbers every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// A version, perhaps with parts left out or as a wildcard.
    fn partial(&mut self) -> String {
        let parts = self.below(3) + 1;
        let mut text = self.one(&["22", "23", "24", "25", "0", "1"]).to_owned();
        for _ in 1..parts {
            // After a wildcard nothing else makes sense.
            let wild = text.ends_with(['x', '*']);
            let part = self.one(&["0", "1", "12", "16", "x", "*"]);
            text += if wild { ".x" } else { "." };
            text += if wild { "" } else { part };
        }
        text
    }

    fn range(&mut self) -> String {
        let mut text = String::new();
        for set in 0..=self.below(3) {
            if set > 0 {
                text += self.one(&[" || ", "||", " ||"]);
            }
            if self.below(6) == 0 {
                text += &[self.partial(), self.partial()].join(" - ");
                continue;
            }
            for comparator in 0..=self.below(2) {
                if comparator > 0 {
                    text += self.one(&[" ", "  "]);
                }
                text += self.one(&[
                    "", "", ">=", "<", ">", "<=", "=", "^", "~", "v", ">= ", "< ",
                ]);
                text += &self.partial();
            }
        }
        text
    }
}

/// npm's own copy of the package `semver`.
fn semver() -> PathBuf {
    let output = Command::new("npm").args(["root", "--global"]).output();
    let root = String::from_utf8(output.unwrap().stdout).unwrap();
    Path::new(root.trim()).join("npm/node_modules/semver")
}

/// What npm says of each pair: in the range, not in it, or that it is no range.
fn npm(pairs: &[(String, &str)]) -> Vec<Option<bool>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engines.cjs");
    let mut node = Command::new("node")
        .arg(script)
        .arg(semver())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String = pairs
        .iter()
        .map(|pair| serde_json::to_string(pair).unwrap() + "\n")
        .collect();
    let mut stdin = node.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
    let output = node.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.parse().ok()).collect()
}

#[test]
#[ignore = "takes node and npm"]
fn ranges_hold_what_npm_says_they_hold() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let generated = (0..RANGES).map(|_| random.range());
    let ranges: Vec<_> = IN_USE
        .map(str::to_owned)
        .into_iter()
        .chain(generated)
        .collect();
    let versions = [
        "0.12.0", "1.0.0", "22.0.0", "22.11.9", "22.12.0", "22.16.1", "22.22.3", "23.0.0",
        "23.11.0", "24.0.0", "24.12.5", "24.16.0", "24.18.0", "25.0.0", "25.9.0", "26.0.0",
        "26.1.0",
    ];
    let pairs: Vec<_> = ranges
        .iter()
        .flat_map(|range| versions.map(|version| (range.clone(), version)))
        .collect();
    let answers = npm(&pairs);
    assert_eq!(answers.len(), pairs.len());
    let mut differences: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut held = 0;
    for ((range, version), npm) in pairs.iter().zip(answers) {
        let ours = runs_with(range, version);
        held += usize::from(ours);
        // What npm cannot read holds nothing here.
        if ours != npm.unwrap_or(false) {
            let line = format!("{version}: ours {ours}, npm's {npm:?}");
            differences.entry(range).or_default().push(line);
        }
    }
    println!(
        "{} ranges, {} pairs, {held} in range; {} ranges differ",
        ranges.len(),
        pairs.len(),
        differences.len()
    );
    for (range, lines) in differences.iter().take(20) {
        println!("  `{range}`: {}", lines.join("; "));
    }
    assert!(
        held > pairs.len() / 20,
        "the ranges are not worth comparing"
    );
    assert!(differences.is_empty());
}
