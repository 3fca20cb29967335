//! Metadata as a tree: camel case keys in JSON, kebab case segments in a path.

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

/// Directories whose entries are named by a user, so that case means something.
const VERBATIM: [&str; 3] = ["attributes", "partnerAttributes", "serviceAccounts"];

/// Lists that are one value; any other list is a directory of numbers.
const LISTS: [&str; 4] = ["aliases", "dnsServers", "scopes", "tags"];

/// The one list that is JSON unless asked otherwise.
const TAGS: &str = "tags";

/// What a client may ask for by `alt=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Text,
}

/// A directory or a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    /// Its key in the JSON; the root's is empty.
    name: &'a str,
    value: &'a Value,
}

impl<'a> Node<'a> {
    /// Follows a path as in a URL, without a slash at either end. The empty path is the root.
    pub(super) fn find(tree: &'a Value, path: &str) -> Option<Self> {
        let root = Self {
            name: "",
            value: tree,
        };
        let mut segments = path.split('/').filter(|_| !path.is_empty());
        segments.try_fold(root, |node, segment| {
            let mut children = node.children().into_iter();
            let child = children.find(|(name, _)| name == segment);
            child.map(|(_, child)| child)
        })
    }

    /// Whether its path ends in a slash.
    pub(super) fn is_directory(self) -> bool {
        match self.value {
            Value::Object(_) => true,
            Value::Array(_) => !LISTS.contains(&self.name),
            _ => false,
        }
    }

    /// Changes whenever anything below changes.
    pub(super) fn etag(self) -> String {
        let mut hasher = DefaultHasher::new();
        self.value.to_string().hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// What the server answers, and in which format that is.
    pub(super) fn render(self, recursive: bool, alt: Option<Format>) -> (Format, String) {
        let directory = self.is_directory();
        let default = match directory {
            true if recursive => Format::Json,
            false if self.name == TAGS => Format::Json,
            _ => Format::Text,
        };
        let format = alt.unwrap_or(default);
        let body = match format {
            Format::Json if directory && !recursive => Value::from(self.names()).to_string(),
            Format::Json => self.value.to_string(),
            Format::Text if directory && recursive => self.lines(""),
            Format::Text if directory => self.names().iter().map(|n| n.clone() + "\n").collect(),
            Format::Text => self.text(),
        };
        (format, body)
    }

    fn children(self) -> Vec<(String, Self)> {
        match self.value {
            Value::Object(fields) => self.fields(fields),
            Value::Array(items) if self.is_directory() => (0..)
                .map(|index: usize| index.to_string())
                .zip(items.iter().map(|value| Node { name: "", value }))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn fields(self, fields: &'a Map<String, Value>) -> Vec<(String, Self)> {
        let verbatim = VERBATIM.contains(&self.name);
        let segment = |key: &str| if verbatim { key.to_owned() } else { kebab(key) };
        // A user's key must not be taken for one of ours: an attribute may be called `tags`.
        let name = |key: &'a str| if verbatim { "" } else { key };
        let mut children: Vec<_> = fields
            .iter()
            .map(|(key, value)| {
                (
                    segment(key),
                    Node {
                        name: name(key),
                        value,
                    },
                )
            })
            .collect();
        children.sort_by(|one, other| one.0.cmp(&other.0));
        children
    }

    fn names(self) -> Vec<String> {
        let slash = |node: Self| if node.is_directory() { "/" } else { "" };
        self.children()
            .into_iter()
            .map(|(name, node)| name + slash(node))
            .collect()
    }

    fn lines(self, path: &str) -> String {
        self.children()
            .into_iter()
            .fold(String::new(), |mut lines, (name, node)| {
                let path = format!("{path}{name}");
                if node.is_directory() {
                    lines += &node.lines(&(path + "/"));
                } else {
                    writeln!(lines, "{path} {}", node.text().trim_end()).ok();
                }
                lines
            })
    }

    fn text(self) -> String {
        match self.value {
            Value::String(text) => text.clone(),
            Value::Array(items) => items
                .iter()
                .map(|value| Node { name: "", value }.text() + "\n")
                .collect(),
            other => other.to_string(),
        }
    }
}

fn kebab(key: &str) -> String {
    key.chars().fold(String::new(), |mut kebab, c| {
        if c.is_ascii_uppercase() {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
        kebab
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree() -> Value {
        json!({"instance": {
            "id": 42,
            "tags": ["web", "iap"],
            "attributes": {"user-data": "#cloud-config\n", "camelCase": "kept", "tags": "mine"},
            "networkInterfaces": [{"dnsServers": ["169.254.169.254"], "forwardedIps": [],
                "accessConfigs": [{"externalIp": "127.0.0.1", "type": "ONE_TO_ONE_NAT"}]}],
            "serviceAccounts": {"default": {"email": "a@b", "scopes": ["s1", "s2"]}},
        }})
    }

    fn get(path: &str) -> Option<String> {
        Node::find(&tree(), path).map(|node| node.render(false, None).1)
    }

    #[test]
    fn a_path_leads_to_a_value() {
        for (path, expected) in [
            ("instance/id", "42"),
            ("instance/tags", r#"["web","iap"]"#),
            ("instance/attributes/user-data", "#cloud-config\n"),
            ("instance/attributes/camelCase", "kept"),
            ("instance/attributes/tags", "mine"),
            (
                "instance/network-interfaces/0/access-configs/0/external-ip",
                "127.0.0.1",
            ),
            (
                "instance/network-interfaces/0/dns-servers",
                "169.254.169.254\n",
            ),
            ("instance/service-accounts/default/scopes", "s1\ns2\n"),
        ] {
            assert_eq!(get(path).as_deref(), Some(expected), "{path}");
        }
        for missing in [
            "instance/networkInterfaces",
            "instance/id/x",
            "instance//id",
            "x",
        ] {
            assert_eq!(get(missing), None, "{missing}");
        }
    }

    #[test]
    fn a_directory_lists_its_entries() {
        let listing = "attributes/\nid\nnetwork-interfaces/\nservice-accounts/\ntags\n";
        assert_eq!(get("instance").as_deref(), Some(listing));
        assert_eq!(get("").as_deref(), Some("instance/\n"));
        let interface = get("instance/network-interfaces/0");
        assert_eq!(
            interface.as_deref(),
            Some("access-configs/\ndns-servers\nforwarded-ips/\n")
        );
        assert_eq!(
            get("instance/network-interfaces/0/forwarded-ips").as_deref(),
            Some("")
        );
    }

    #[test]
    fn a_subtree_is_json_or_lines() {
        let tree = tree();
        let node = Node::find(&tree, "instance/network-interfaces").expect("it is there");
        let (format, body) = node.render(true, None);
        assert_eq!(format, Format::Json);
        assert_eq!(body, tree["instance"]["networkInterfaces"].to_string());
        let lines = "0/access-configs/0/external-ip 127.0.0.1\n\
                     0/access-configs/0/type ONE_TO_ONE_NAT\n\
                     0/dns-servers 169.254.169.254\n";
        assert_eq!(
            node.render(true, Some(Format::Text)),
            (Format::Text, lines.into())
        );
    }

    #[test]
    fn an_etag_follows_its_own_subtree_only() {
        let (before, mut after) = (tree(), tree());
        after["instance"]["attributes"]["new"] = json!("value");
        let etag = |tree, path| Node::find(tree, path).map(Node::etag).expect("it is there");
        assert_ne!(etag(&before, "instance"), etag(&after, "instance"));
        assert_eq!(
            etag(&before, "instance/tags"),
            etag(&after, "instance/tags")
        );
    }
}
