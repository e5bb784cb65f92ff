//! Asking the runtimes over their sockets, in a thread of its own (`containers`).
//!
//! Events never wait for it. A question goes into a queue of 1,024 ([`Asker::ask`] says when it is full, and the container
//! is asked for again at its next sight); the answer is fetched at the next tick. Every exchange has 500 ms and 4 MiB. A
//! socket that let the time pass is left alone for five seconds, so that a hung runtime costs the others little.
//!
//! Sockets of users (`*` in the path) are asked only about containers that run in that user's slice: whoever owns the
//! socket owns the container, and lies about nobody else's.
//!
//! What is spoken: Docker's HTTP API ([`docker`]), and, behind the cargo feature `grpc`, containerd's API and Kubernetes'
//! CRI over a small blocking HTTP/2 client. No async runtime, no TLS, nothing over the network.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::config::{Config, Runtime, Socket, SocketKind};
use super::facts::Facts;
use super::path::Found;

#[cfg(feature = "grpc")]
mod containerd;
#[cfg(feature = "grpc")]
mod cri;
pub(super) mod docker;
#[cfg(feature = "grpc")]
mod grpc;
#[cfg(feature = "grpc")]
mod h2;
#[cfg(feature = "grpc")]
mod hpack;
mod http;
#[cfg(feature = "grpc")]
mod huffman;
#[cfg(feature = "grpc")]
pub mod protobuf;
mod socket;

#[cfg(test)]
pub(super) mod tests;

use socket::Stream;

/// Questions that may wait, and answers that nobody fetched yet; at the latter bound the thread waits.
const QUEUE: usize = 1024;
/// A socket that let the time pass is left alone for so long.
const MUTE: Duration = Duration::from_secs(5);
/// Sockets remembered; beyond it the memory starts anew. Users come and go.
const MOST_SOCKETS: usize = 256;

/// Why a runtime did not say anything of a container.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, thiserror::Error)]
pub enum Miss {
    /// No socket, or nobody listens there.
    #[error("nobody listens")]
    Absent,
    /// The socket is not ours to open.
    #[error("may not be opened")]
    Denied,
    /// It takes no more connections.
    #[error("takes no connections")]
    Busy,
    /// No whole answer within the time, or it was left alone since it did that lately.
    #[error("does not answer in time")]
    Timeout,
    /// More than an answer may have.
    #[error("answers too much")]
    TooLarge,
    /// The connection ended before the answer did.
    #[error("breaks off")]
    Closed,
    /// The answer is none.
    #[error("answers nonsense")]
    Malformed,
    /// It does not know the container.
    #[error("does not know it")]
    Unknown,
    /// It does not want to say.
    #[error("refuses")]
    Refused,
    /// It, or this build, does not speak that.
    #[error("does not speak this")]
    Unsupported,
    /// The queue was full.
    #[error("was not asked: too many questions wait")]
    Full,
}

impl Miss {
    /// The label in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Denied => "denied",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::TooLarge => "too-large",
            Self::Closed => "closed",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::Unsupported => "unsupported",
            Self::Full => "full",
        }
    }
}

impl From<io::Error> for Miss {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Timeout,
            ErrorKind::PermissionDenied => Self::Denied,
            ErrorKind::FileTooLarge => Self::TooLarge,
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Absent,
        }
    }
}

/// Opens one more connection to the socket in question.
type Connect<'a> = &'a dyn Fn() -> Result<Stream, Miss>;

/// By which way something was learnt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Via {
    /// The runtime's files.
    Bundle,
    /// Docker's API of docker.
    Docker,
    /// Docker's API of podman.
    Podman,
    /// containerd's own API.
    Containerd,
    /// Kubernetes' runtime API.
    Cri,
}

impl Via {
    /// The label in metrics, and `event.provider` of what was learnt.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
            Self::Cri => "cri",
        }
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) found: Found,
    /// Its pod's sandbox, where files told it.
    #[cfg_attr(not(feature = "grpc"), expect(dead_code, reason = "only CRI is asked with it"))]
    pub(super) sandbox: Option<String>,
}

/// What came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    pub(super) id: String,
    /// Every way that was tried; the last one is that of the facts.
    pub(super) tried: Vec<(Via, Result<(), Miss>)>,
    pub(super) facts: Option<Facts>,
}

/// The thread's two queues. It ends by itself when this is dropped.
#[derive(Debug)]
pub(super) struct Asker {
    config: Config,
    questions: SyncSender<Question>,
    answers: Receiver<Answer>,
}

impl Asker {
    /// Starts the thread.
    pub(super) fn start(config: &Config) -> io::Result<Self> {
        let (questions, asked) = sync_channel::<Question>(QUEUE);
        let (answer, answers) = sync_channel(QUEUE);
        let mut runtimes = Runtimes::new(config.clone());
        let run = move || {
            for question in asked {
                if answer.send(runtimes.describe(&question, Instant::now())).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("containers".to_owned()).spawn(run)?;
        Ok(Self { config: config.clone(), questions, answers })
    }

    /// Whether any socket is there that could know this container.
    pub(super) fn could_answer(&self, found: &Found) -> bool {
        ways(&self.config, found).iter().any(|(_, path)| path.exists())
    }

    /// False: the queue is full.
    pub(super) fn ask(&self, question: Question) -> bool {
        self.questions.try_send(question).is_ok()
    }

    /// What was answered since the last time.
    pub(super) fn answers(&self) -> impl Iterator<Item = Answer> {
        self.answers.try_iter()
    }
}

/// The ways to ask about a container, in order.
fn ways(config: &Config, found: &Found) -> Vec<(Via, PathBuf)> {
    let Some(runtime) = Runtime::of(found.runtime).filter(|runtime| config.runtimes.contains(runtime)) else {
        return Vec::new();
    };
    let of_pods = found.pod.is_some() || found.namespace.as_deref().is_none_or(|namespace| namespace == "k8s.io");
    let vias = |kind: SocketKind| match (kind, runtime) {
        (SocketKind::Docker, Runtime::Docker) => &[Via::Docker][..],
        (SocketKind::Podman, Runtime::Podman) => &[Via::Podman],
        (SocketKind::Cri, Runtime::CriO | Runtime::Containerd) => &[Via::Cri],
        (SocketKind::Containerd, Runtime::Containerd) if of_pods => &[Via::Cri, Via::Containerd],
        (SocketKind::Containerd, Runtime::Containerd) => &[Via::Containerd],
        _ => &[],
    };
    let ways = config.sockets.iter().filter_map(|socket| Some((vias(socket.kind), path(socket, found.user)?)));
    ways.flat_map(|(vias, path)| vias.iter().map(move |&via| (via, path.clone()))).collect()
}

/// The socket's path for a container of this user.
fn path(socket: &Socket, user: Option<u32>) -> Option<PathBuf> {
    let text = socket.path.to_str()?;
    match (text.contains('*'), user) {
        (false, _) => Some(socket.path.clone()),
        (true, Some(user)) => Some(text.replace('*', &user.to_string()).into()),
        (true, None) => None,
    }
}

/// What the thread knows of the sockets.
#[derive(Debug)]
struct Runtimes {
    config: Config,
    /// Sockets left alone, until when.
    mute: HashMap<PathBuf, Instant>,
    /// The versions that the daemons named.
    versions: HashMap<PathBuf, String>,
}

impl Runtimes {
    fn new(config: Config) -> Self {
        Self { config, mute: HashMap::new(), versions: HashMap::new() }
    }

    fn describe(&mut self, question: &Question, now: Instant) -> Answer {
        let mut answer = Answer { id: question.found.id.clone(), tried: Vec::new(), facts: None };
        for (via, path) in ways(&self.config, &question.found) {
            let told = self.ask(via, &path, question, now);
            answer.tried.push((via, told.as_ref().map(drop).map_err(|miss| *miss)));
            if let Ok(facts) = told {
                answer.facts = Some(facts);
                break;
            }
        }
        answer
    }

    fn ask(&mut self, via: Via, path: &Path, question: &Question, now: Instant) -> Result<Facts, Miss> {
        if self.mute.get(path).is_some_and(|until| now < *until) {
            return Err(Miss::Timeout);
        }
        let told = self.exchange(via, path, question);
        if told == Err(Miss::Timeout) {
            bound(&mut self.mute);
            self.mute.insert(path.to_owned(), Instant::now() + MUTE);
        }
        if told.as_ref().is_err_and(|miss| *miss != Miss::Unknown) {
            // Perhaps another daemon listens there by now.
            self.versions.remove(path);
        }
        told
    }

    fn exchange(&mut self, via: Via, path: &Path, question: &Question) -> Result<Facts, Miss> {
        let Found { id, namespace, .. } = &question.found;
        if !docker::is_plain(id) || namespace.as_ref().is_some_and(|namespace| !docker::is_plain(namespace)) {
            return Err(Miss::Unknown);
        }
        let connect: Connect<'_> = &|| Stream::open(path, socket::TIME);
        match via {
            Via::Docker | Via::Podman => docker::describe(connect, &self.version(path, connect)?, id),
            #[cfg(feature = "grpc")]
            Via::Containerd => containerd::describe(connect, namespace.as_deref(), id),
            #[cfg(feature = "grpc")]
            Via::Cri => cri::describe(connect, id, question.sandbox.as_deref()),
            #[cfg(not(feature = "grpc"))]
            Via::Containerd | Via::Cri => Err(Miss::Unsupported),
            Via::Bundle => Err(Miss::Unsupported),
        }
    }

    fn version(&mut self, path: &Path, connect: Connect<'_>) -> Result<String, Miss> {
        if let Some(version) = self.versions.get(path) {
            return Ok(version.clone());
        }
        let version = docker::version(connect)?;
        bound(&mut self.versions);
        self.versions.insert(path.to_owned(), version.clone());
        Ok(version)
    }
}

fn bound<V>(map: &mut HashMap<PathBuf, V>) {
    if map.len() >= MOST_SOCKETS {
        map.clear();
    }
}

/// One unary gRPC call over the unix socket at `path`, over within `time`: for questions that are asked nowhere else.
///
/// # Errors
/// No good answer.
#[cfg(feature = "grpc")]
pub fn call(
    path: &Path,
    method: &str,
    namespace: Option<&str>,
    message: &[u8],
    time: Duration,
) -> Result<Vec<u8>, Miss> {
    grpc::call(&mut Stream::open(path, time)?, method, namespace, message)
}

/// How the sockets that exist here answer, for `doctor`: where, and a version or the reason.
#[must_use]
pub fn probe(config: &Config) -> Vec<(PathBuf, Result<String, Miss>)> {
    let mut found = Vec::new();
    for socket in &config.sockets {
        let users = socket.path.to_str().is_some_and(|path| path.contains('*'));
        let paths = if users { of_users(&socket.path) } else { vec![socket.path.clone()] };
        for path in paths.into_iter().filter(|path| path.exists()) {
            let answer = greet(socket.kind, &path);
            found.push((path, answer));
        }
    }
    found
}

/// The paths that `*` stands for here: one for each folder of a logged-in user.
fn of_users(pattern: &Path) -> Vec<PathBuf> {
    let text = pattern.to_string_lossy();
    let Some((before, after)) = text.split_once('*') else { return Vec::new() };
    let users = std::fs::read_dir(before).into_iter().flatten().flatten();
    let paths = users.filter_map(|user| user.file_name().to_str().map(|name| format!("{before}{name}{after}").into()));
    paths.take(MOST_SOCKETS).collect()
}

fn greet(kind: SocketKind, path: &Path) -> Result<String, Miss> {
    let connect: Connect<'_> = &|| Stream::open(path, socket::TIME);
    match kind {
        SocketKind::Docker | SocketKind::Podman => {
            docker::version(connect).map(|version| format!("API {}", version.trim_start_matches("/v")))
        }
        #[cfg(feature = "grpc")]
        SocketKind::Containerd => {
            let namespaces = containerd::namespaces(connect)?;
            let cri =
                cri::version(connect).map_or_else(|miss| format!("CRI {miss}"), |version| format!("CRI {version}"));
            Ok(format!("namespaces {}; {cri}", namespaces.join(", ")))
        }
        #[cfg(feature = "grpc")]
        SocketKind::Cri => cri::version(connect),
        #[cfg(not(feature = "grpc"))]
        SocketKind::Containerd | SocketKind::Cri => Err(Miss::Unsupported),
    }
}
