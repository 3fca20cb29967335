//! A host beside this one, which serves files to VMs: they reach their neighbours, but nothing of the
//! machine that they run on.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command};

/// A /30 of the range for tests of networks (RFC 2544), this machine's end and the neighbour's.
const OURS: &str = "198.18.77.1/30";
const THEIRS: &str = "198.18.77.2/30";
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 18, 77, 2);

/// The host, which is gone when this is dropped.
pub struct Neighbour {
    namespace: String,
    server: Child,
}

impl Neighbour {
    /// Serves a directory over HTTP, by a busybox that needs no library.
    pub fn serve(busybox: &Path, dir: &Path) -> Self {
        let namespace = format!("clawbake-{}", std::process::id());
        let ours = format!("cb{}", std::process::id());
        let link = ["link", "add", &ours, "type", "veth", "peer", "name", "eth0"];
        ip(&["netns", "add", &namespace]);
        ip(&[&link[..], &["netns", &namespace]].concat());
        ip(&["address", "add", OURS, "dev", &ours]);
        ip(&["link", "set", &ours, "up"]);
        ip(&["-n", &namespace, "address", "add", THEIRS, "dev", "eth0"]);
        ip(&["-n", &namespace, "link", "set", "eth0", "up"]);
        let mut server = Command::new("ip");
        server
            .args(["netns", "exec", &namespace])
            .arg(busybox)
            .args(["httpd", "-f", "-p", "80", "-h"])
            .arg(dir);
        let server = server.spawn().unwrap();
        Self { namespace, server }
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
        ip(&["netns", "delete", &self.namespace]);
    }
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().unwrap();
    assert!(status.success(), "ip {arguments:?}");
}
