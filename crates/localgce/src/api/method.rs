//! A method of Google's: a row in the table of its resource.

use axum::routing::MethodFilter;
use rusqlite::Connection;
use serde_json::Value;

use super::call::Call;
use super::handler::Handler;

/// A permission, and the resource that it is needed on.
#[derive(Debug, PartialEq, Eq)]
pub struct Need {
    /// By IAM's name: `compute.disks.use`.
    pub permission: String,
    /// `projects/P/zones/Z/instances/N`; an object of Cloud Storage is `projects/_/buckets/B/objects/O`.
    pub resource: String,
}

/// What a method needs besides its own permission, by what its body and query refer to. It is told the
/// resource that the method is about.
pub type Refers = fn(&Connection, &Call, &str, &Value) -> Vec<Need>;

/// A method.
pub struct Method {
    /// Its id in Google's discovery document: `compute.disks.insert`.
    pub id: &'static str,
    /// HTTP's verb.
    pub verb: &'static str,
    /// Its path, as the discovery document has it, below the host.
    pub path: &'static str,
    /// Its own permission; empty if everybody may call it.
    pub permission: &'static str,
    /// What else it needs.
    pub refers: Option<Refers>,
    /// What it does.
    pub handler: Handler,
}

/// A method that everybody who has a token may call, before it is said what it needs.
pub struct Address {
    verb: &'static str,
    id: &'static str,
    path: &'static str,
}

/// A method by GET.
pub fn get(id: &'static str, path: &'static str) -> Address {
    address("GET", id, path)
}

/// A method by POST.
pub fn post(id: &'static str, path: &'static str) -> Address {
    address("POST", id, path)
}

/// A method by PUT.
pub fn put(id: &'static str, path: &'static str) -> Address {
    address("PUT", id, path)
}

/// A method by PATCH.
pub fn patch(id: &'static str, path: &'static str) -> Address {
    address("PATCH", id, path)
}

/// A method by DELETE.
pub fn delete(id: &'static str, path: &'static str) -> Address {
    address("DELETE", id, path)
}

fn address(verb: &'static str, id: &'static str, path: &'static str) -> Address {
    Address { verb, id, path }
}

impl Address {
    /// For those who have a permission.
    pub fn needs(self, permission: &'static str, handler: Handler) -> Method {
        Method {
            id: self.id,
            verb: self.verb,
            path: self.path,
            permission,
            refers: None,
            handler,
        }
    }

    /// For everybody; the handler may still see who asks.
    pub fn open(self, handler: Handler) -> Method {
        self.needs("", handler)
    }
}

impl Method {
    /// The same, with what its body and query refer to.
    pub fn refers(self, refers: Refers) -> Self {
        Self {
            refers: Some(refers),
            ..self
        }
    }

    /// The names of the path's variables.
    pub fn variables(&self) -> impl Iterator<Item = &'static str> {
        let inner = self.path.split('{').skip(1);
        inner.filter_map(|rest| rest.split('}').next())
    }

    /// The word behind the last variable of a custom method: `access` in `{version}:access`.
    pub fn custom(&self) -> Option<&'static str> {
        self.path.split_once("}:").map(|(_, word)| word)
    }

    /// The path for a router, which wants variables of one place to have one name, and knows no custom
    /// methods.
    pub fn route(&self) -> String {
        let path = match self.custom() {
            Some(word) => &self.path[..self.path.len() - word.len() - 1],
            None => self.path,
        };
        let mut parts = path.split('{');
        let start = format!("/{}", parts.next().unwrap_or_default());
        parts.enumerate().fold(start, |route, (index, part)| {
            let rest = part.split_once('}').map_or("", |(_, rest)| rest);
            format!("{route}{{v{index}}}{rest}")
        })
    }

    /// The verb, as a router has it.
    pub fn filter(&self) -> MethodFilter {
        match self.verb {
            "POST" => MethodFilter::POST,
            "PUT" => MethodFilter::PUT,
            "PATCH" => MethodFilter::PATCH,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::get;
    use crate::api::handler::now;

    #[test]
    fn a_path_as_a_router_has_it() {
        let method = get("a.b.c", "v1/projects/{p}/things/{t}:do").open(now(|_| Ok(Value::Null)));
        assert_eq!(method.route(), "/v1/projects/{v0}/things/{v1}");
        assert_eq!(method.custom(), Some("do"));
        assert_eq!(method.variables().collect::<Vec<_>>(), ["p", "t"]);
        let method = get("a.b.d", "v1/things:do").open(now(|_| Ok(Value::Null)));
        assert_eq!(
            (method.route().as_str(), method.custom()),
            ("/v1/things:do", None)
        );
    }
}
