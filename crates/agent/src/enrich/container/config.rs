//! The keys of `[container]`: which runtimes are asked, and where they and their files are found.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// See `etc/agent.toml`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Runtimes whose sockets are asked.
    pub runtimes: Vec<Runtime>,
    /// Their sockets, each after its kind: `docker:/run/docker.sock`. `*` stands for the user that a container runs for.
    pub sockets: Vec<Socket>,
    /// Folders of their files, each after its kind.
    pub bundle_roots: Vec<Root>,
    /// Containers known at a time.
    pub cache: usize,
}

impl Default for Config {
    fn default() -> Self {
        let socket = |kind, path: &str| Socket { kind, path: path.into() };
        Self {
            runtimes: vec![Runtime::Docker, Runtime::Podman, Runtime::Containerd, Runtime::CriO],
            sockets: vec![
                socket(SocketKind::Docker, "/run/docker.sock"),
                socket(SocketKind::Docker, "/run/user/*/docker.sock"),
                socket(SocketKind::Podman, "/run/podman/podman.sock"),
                socket(SocketKind::Podman, "/run/user/*/podman/podman.sock"),
                socket(SocketKind::Containerd, "/run/containerd/containerd.sock"),
                socket(SocketKind::Containerd, "/run/k3s/containerd/containerd.sock"),
                socket(SocketKind::Cri, "/run/crio/crio.sock"),
            ],
            bundle_roots: Root::usual(Path::new("/")),
            cache: 4096,
        }
    }
}

/// A runtime by the name that `container.runtime` has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// containerd, with or without Kubernetes.
    Containerd,
    /// CRI-O.
    CriO,
}

impl Runtime {
    /// The runtime that keeps this container's description.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "docker" | "ecs" => Some(Self::Docker),
            "podman" => Some(Self::Podman),
            "containerd" => Some(Self::Containerd),
            "cri-o" => Some(Self::CriO),
            _ => None,
        }
    }
}

/// What a socket speaks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SocketKind {
    /// Docker's API, of docker.
    Docker,
    /// Docker's API, of podman.
    Podman,
    /// containerd's API, and Kubernetes' on the same socket.
    Containerd,
    /// Kubernetes' runtime API.
    Cri,
}

/// What a folder holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RootKind {
    /// `<id>/config.v2.json` of docker.
    Docker,
    /// `<namespace>/<id>/config.json` of containerd's tasks.
    Containerd,
    /// `<driver>-containers/` of podman and CRI-O.
    Storage,
}

/// A runtime's socket.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Socket {
    /// What it speaks.
    pub kind: SocketKind,
    /// Where it is.
    pub path: PathBuf,
}

/// A folder of a runtime's files.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Root {
    /// What it holds.
    pub kind: RootKind,
    /// Where it is.
    pub path: PathBuf,
}

impl Root {
    /// The usual folders below `root`.
    #[must_use]
    pub fn usual(root: &Path) -> Vec<Self> {
        let at = |kind, path: &str| Self { kind, path: root.join(path) };
        vec![
            at(RootKind::Docker, "var/lib/docker/containers"),
            at(RootKind::Containerd, "run/containerd/io.containerd.runtime.v2.task"),
            at(RootKind::Containerd, "run/k3s/containerd/io.containerd.runtime.v2.task"),
            at(RootKind::Storage, "var/lib/containers/storage"),
            at(RootKind::Storage, "run/containers/storage"),
        ]
    }
}

const SOCKETS: [(&str, SocketKind); 4] = [
    ("docker", SocketKind::Docker),
    ("podman", SocketKind::Podman),
    ("containerd", SocketKind::Containerd),
    ("cri", SocketKind::Cri),
];
const ROOTS: [(&str, RootKind); 3] =
    [("docker", RootKind::Docker), ("containerd", RootKind::Containerd), ("storage", RootKind::Storage)];

impl TryFrom<String> for Socket {
    type Error = BadPlace;

    fn try_from(text: String) -> Result<Self, BadPlace> {
        let (kind, path) = split(&text, &SOCKETS).ok_or(BadPlace { text, kinds: "docker, podman, containerd, cri" })?;
        Ok(Self { kind, path })
    }
}

impl TryFrom<String> for Root {
    type Error = BadPlace;

    fn try_from(text: String) -> Result<Self, BadPlace> {
        let (kind, path) = split(&text, &ROOTS).ok_or(BadPlace { text, kinds: "docker, containerd, storage" })?;
        Ok(Self { kind, path })
    }
}

impl From<Socket> for String {
    fn from(socket: Socket) -> Self {
        join(socket.kind, &SOCKETS, &socket.path)
    }
}

impl From<Root> for String {
    fn from(root: Root) -> Self {
        join(root.kind, &ROOTS, &root.path)
    }
}

fn split<K: Copy>(text: &str, kinds: &[(&str, K)]) -> Option<(K, PathBuf)> {
    let (name, path) = text.split_once(':')?;
    let kind = kinds.iter().find(|(known, _)| *known == name)?.1;
    path.starts_with('/').then(|| (kind, path.into()))
}

fn join<K: Copy + PartialEq>(kind: K, kinds: &[(&str, K)], path: &Path) -> String {
    let name = kinds.iter().find(|(_, known)| *known == kind).map_or("", |(name, _)| name);
    format!("{name}:{}", path.display())
}

/// A place without its kind or without a whole path.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is not one of {kinds}, a colon, and a path that begins with /")]
pub struct BadPlace {
    text: String,
    kinds: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for socket in Config::default().sockets {
            let text = String::from(socket.clone());
            assert_eq!(Socket::try_from(text).unwrap(), socket);
        }
        for root in Config::default().bundle_roots {
            let text = String::from(root.clone());
            assert_eq!(Root::try_from(text).unwrap(), root);
        }
    }

    #[test]
    fn places_without_sense_are_errors() {
        for text in ["/run/docker.sock", "docker:run/docker.sock", "lxd:/run/x", ""] {
            assert!(Socket::try_from(text.to_owned()).is_err(), "{text}");
            assert!(Root::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
