//! Circles of imports: files each of which leads to all others of its circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::imports::Imports;

/// All files that a file leads to.
fn reach<'a>(next: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for &file in next.get(file).into_iter().flatten() {
            if reached.insert(file) {
                open.push(file);
            }
        }
    }
    reached
}

/// The circles, each as its files.
pub fn circles(imports: &Imports) -> Vec<BTreeSet<String>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in imports.keys() {
        next.entry(from).or_default().insert(to);
    }
    let reached: BTreeMap<_, _> = next
        .keys()
        .map(|&file| (file, reach(&next, file)))
        .collect();
    let mut circles = BTreeSet::new();
    for (&file, others) in &reached {
        let back = |other: &&&str| reached.get(**other).is_some_and(|it| it.contains(file));
        let circle: BTreeSet<_> = others
            .iter()
            .filter(back)
            .map(ToString::to_string)
            .collect();
        if !circle.is_empty() {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

/// A circle's files and the lines that make it.
pub fn describe(circle: &BTreeSet<String>, imports: &Imports) -> String {
    let mut text = String::new();
    for ((from, to), lines) in imports {
        if circle.contains(from) && circle.contains(to) {
            writeln!(text, "  {from} -> {to}").unwrap();
            for import in lines {
                writeln!(text, "    {}: {}", import.line, import.path).unwrap();
            }
        }
    }
    text
}
