//! Another gateway's state that is taken over.

use super::commands;
use crate::document::{Cursor, Value};
use crate::names::{NpmPackage, RelativePath};
use crate::recipe::{Adopts, Move};

/// `{from: PACKAGE, moves: [{from, to}, ...], run: [words], seconds: N}`; `dirs` are the directories of the
/// state, `files` those that the container has.
pub(super) fn adopts(at: &Cursor, dirs: &[RelativePath], files: &[RelativePath]) -> Option<Adopts> {
    let keys = at.fields(&["from", "moves", "run", "seconds"])?;
    let from = keys.required("from", "npm's package of the other gateway: clawdbot");
    let from = from.and_then(|c| c.parse());
    let moves_at = keys.required("moves", "[{from: .clawdbot, to: .openclaw}]")?;
    if matches!(&moves_at.node().value, Value::List(items) if items.is_empty()) {
        moves_at.report(
            "is empty",
            "without a move nothing is taken over: [{from: .clawdbot, to: .openclaw}]",
        );
    }
    let mut moves: Vec<Move> = Vec::new();
    for at in moves_at.items() {
        if let Some(it) = one(&at, dirs, &moves) {
            moves.push(it);
        }
    }
    let command = match (keys.optional("run"), keys.optional("seconds")) {
        (Some(_), _) => commands::read(&keys, files).map(Some),
        (None, Some(seconds)) => {
            seconds.report(
                "there is nothing that could take them",
                "`run` is the command",
            );
            None
        }
        (None, None) => Some(None),
    };
    Some(Adopts {
        from: from?,
        moves,
        command: command?,
    })
}

/// Reports a gateway that takes over its own state; `state` is what it is in.
pub(super) fn check_package(state: &Cursor, adopts: &Adopts, own: &NpmPackage) {
    if adopts.from == *own {
        state.report(
            format!("`adopts.from` is {own}, the recipe's own gateway"),
            "its own state is there already; name the gateway that had it before",
        );
    }
}

fn one(at: &Cursor, dirs: &[RelativePath], others: &[Move]) -> Option<Move> {
    let keys = at.fields(&["from", "to"])?;
    let path = |key, hint| {
        let at = keys.required(key, hint)?;
        let path: Option<RelativePath> = at.parse();
        Some((at, path?))
    };
    let from = path("from", "the other gateway's directory: .clawdbot");
    let to = path("to", "where this gateway has it: .openclaw");
    let ((from_at, from), (to_at, to)) = (from?, to?);
    let list = || {
        let names: Vec<&str> = dirs.iter().map(|dir| &**dir).collect();
        names.join(", ")
    };
    if dirs.iter().any(|dir| meet(dir, &from)) {
        from_at.report(
            format!("`{from}` is among the directories of this gateway's own state"),
            "what has this gateway's name is not moved",
        );
    }
    if !dirs.iter().any(|dir| within(&to, dir)) {
        to_at.report(
            format!("`{to}` is in none of the state's directories"),
            format!("it is one of them, or in one: {}", list()),
        );
    }
    if others.iter().any(|it| meet(&it.from, &from)) {
        from_at.report(
            format!("`{from}` is moved already, or holds what is"),
            "each directory once",
        );
    }
    if others.iter().any(|it| within(&it.to, &to)) {
        to_at.report(
            format!("`{to}` is taken by another move, or holds what is moved before"),
            "the outer directory first, and each place once",
        );
    }
    Some(Move { from, to })
}

/// Whether it is this directory, or in it.
fn within(path: &str, dir: &str) -> bool {
    let rest = path.strip_prefix(dir);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether one of the two is in the other.
fn meet(one: &str, other: &str) -> bool {
    within(one, other) || within(other, one)
}
