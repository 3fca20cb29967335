//! Which call of a run one is, whatever the names in it and however often others were repeated.

use std::collections::BTreeMap;
use std::fmt;

use wire::Asked;

/// A call of the program's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The method, as Google's discovery documents call it.
    pub id: String,
    /// The how-manieth of that method in the run, from 1.
    pub nth: usize,
    /// Whether it changes anything.
    pub changes: bool,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {}", self.id, self.nth)
    }
}

/// The calls of a run, as they come.
#[derive(Default)]
pub struct Calls(BTreeMap<String, usize>);

impl Calls {
    pub fn next(&mut self, asked: &Asked) -> Call {
        // The one that is not at the path which its document names.
        let id = contract::method_id(asked.method, asked.path).unwrap_or("storage.objects.insert");
        let nth = self.0.entry(id.to_owned()).or_default();
        *nth += 1;
        Call {
            id: id.to_owned(),
            nth: *nth,
            changes: asked.method != "GET" && !asked.path.ends_with("/wait"),
        }
    }
}
