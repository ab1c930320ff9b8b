//! What a stack keeps between runs, and the environment of its services.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use rand::RngCore;
use testkit::process::{free_port, port_is_free};

use crate::Outcome;
use crate::workspace::write_private;

/// Secrets that a stack makes for itself once: 32 random bytes in hex each.
const KEYS: [&str; 4] = ["SYSTEM_ENCRYPTION_KEY", "SYSTEM_SEARCH_HASH_KEY", "API_KEY_PEPPER", "JWT_KEY"];

/// The variable of a listener and the port that is used where it is free.
pub type Listener = (&'static str, u16);

pub const ADMIN_PANEL: Listener = ("ADMIN_PANEL_LISTEN", 5000);
pub const ADMIN_API: Listener = ("ADMIN_API_LISTEN", 5001);
pub const ADMIN_HEALTH: Listener = ("ADMIN_HEALTH_LISTEN", 5002);
pub const CHECKOUT: Listener = ("CHECKOUT_LISTEN", 7000);
pub const RUNTIME: Listener = ("RUNTIME_LISTEN", 7001);
pub const MAIN_HEALTH: Listener = ("MAIN_HEALTH_LISTEN", 7002);
pub const WORKER: Listener = ("WORKER_LISTEN", 8090);
pub const WORKER_HEALTH: Listener = ("WORKER_HEALTH_LISTEN", 8091);
pub const CADDY: Listener = ("GATEWAY_PORT", 8080);
pub const CADDY_HEALTH: Listener = ("CADDY_HEALTH_PORT", 2020);
pub const MAILBOX: Listener = ("MAILBOX_PORT", 1025);
pub const MONGOD: Listener = ("MONGOD_PORT", 27027);

/// A variable of the caller's environment, unless it is empty.
pub fn from_caller(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Variables for the services. What the caller has set is never overridden.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Sets a variable, unless the caller has; returns the value that counts.
    pub fn unless_set(&mut self, name: &str, value: impl Into<String>) -> String {
        let value = from_caller(name).unwrap_or_else(|| value.into());
        self.0.insert(name.to_owned(), value.clone());
        value
    }

    /// Sets a variable whatever the caller has set.
    pub fn force(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// All variables.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }
}

/// Reads `keys.env`, makes what is missing there, and returns all keys.
pub fn keys(folder: &Path) -> Outcome<Vec<(&'static str, String)>> {
    let path = folder.join("keys.env");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let stored: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let keys = KEYS.map(|name| {
        let value = stored.get(name).map_or_else(|| random_hex(32), |value| (*value).to_owned());
        (name, value)
    });
    if !KEYS.iter().all(|name| stored.contains_key(name)) {
        let text = keys.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "{name}={value}");
            text
        });
        write_private(&path, &text)?;
    }
    Ok(keys.into())
}

/// `bytes` random bytes in hex.
pub fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    rand::rng().fill_bytes(&mut buffer);
    hex::encode(buffer)
}

/// The loopback ports of a stack, the same from run to run where they are free.
#[derive(Debug)]
pub struct Ports {
    remembered: BTreeMap<String, u16>,
}

impl Ports {
    /// Reads `ports.json` from a stack's folder.
    pub fn read(folder: &Path) -> Self {
        let text = std::fs::read(folder.join("ports.json")).unwrap_or_default();
        Self { remembered: serde_json::from_slice(&text).unwrap_or_default() }
    }

    /// The port of the last run if it is free, else the usual one if it is free, else a free one.
    pub fn choose(&mut self, (name, usual): Listener) -> u16 {
        let known = self.remembered.get(name).copied();
        let taken = |port: u16| self.remembered.iter().any(|(other, used)| other != name && *used == port);
        let port = known.into_iter().chain([usual]).find(|port| !taken(*port) && port_is_free(*port));
        let port = port.unwrap_or_else(free_port);
        self.remembered.insert(name.to_owned(), port);
        port
    }

    /// Writes `ports.json`.
    pub fn write(&self, folder: &Path) -> Outcome<()> {
        write_private(&folder.join("ports.json"), &serde_json::to_string_pretty(&self.remembered)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = keys(folder.path()).unwrap();
        assert!(first.iter().all(|(_, value)| value.len() == 64));
        assert_eq!(first, keys(folder.path()).unwrap());
        let metadata = std::fs::metadata(folder.path().join("keys.env")).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777, 0o600);
    }

    #[test]
    fn a_port_is_kept_while_it_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let usual = free_port();
        let listener = ("SOME_LISTEN", usual);
        let occupied = std::net::TcpListener::bind(("127.0.0.1", usual)).unwrap();
        let mut ports = Ports::read(folder.path());
        let chosen = ports.choose(listener);
        assert_ne!(chosen, usual);
        ports.write(folder.path()).unwrap();
        drop(occupied);
        assert_eq!(Ports::read(folder.path()).choose(listener), chosen);
    }
}
