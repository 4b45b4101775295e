//! A place on this machine for one cluster: a folder, and ports that nobody else uses.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

const SLOTS: u16 = 200;
const PORTS: u16 = 10;

/// Below the range that clients' own sockets are given: while a node is dead, a client that tries
/// to reconnect could otherwise be given the node's very port, and the node could not come back.
const FIRST_PORT: u16 = 21_000;

/// Held by the process through a lock that the system takes back, however the process ends.
pub struct Slot {
    _lock: File,
    folder: PathBuf,
    first_port: u16,
}

impl Slot {
    /// Claims the first free slot; its folder under `clusters` is emptied. It keeps the logs of the
    /// last cluster there until somebody claims it again.
    pub fn claim(clusters: &Path) -> Slot {
        (0..SLOTS)
            .find_map(|number| Slot::try_claim(clusters, number))
            .expect("one of the slots for clusters is free")
    }

    fn try_claim(clusters: &Path, number: u16) -> Option<Slot> {
        // Outside the target folder: other checkouts on this machine want the same ports.
        let path = std::env::temp_dir().join(format!("greenroom-cluster-{number}.lock"));
        let lock = File::create(path).ok()?;
        lock.try_lock().ok()?;
        let first_port = FIRST_PORT + number * PORTS;
        if !(first_port..first_port + PORTS).all(is_free) {
            return None;
        }
        let folder = clusters.join(number.to_string());
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("the target folder can be written");
        Some(Slot {
            _lock: lock,
            folder,
            first_port,
        })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where clients reach the node with this number, from 1.
    pub fn broker_address(&self, number: usize) -> String {
        format!("127.0.0.1:{}", self.first_port + number as u16)
    }

    /// Where clients with a password reach a cluster's only node.
    pub fn guarded_address(&self) -> String {
        format!("127.0.0.1:{}", self.first_port)
    }

    /// Where the other controllers reach the node with this number, from 1.
    pub fn controller_address(&self, number: usize) -> String {
        format!("127.0.0.1:{}", self.first_port + PORTS / 2 + number as u16)
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}
