//! `fim-control`: the command line asks, the running agent answers, over a socket that only root may open.
//!
//! One request a connection ([`fim::control`]). A scan that somebody asks for runs in the connection's own thread; what it finds goes
//! the way of all changes, and the answer waits until that is noted. Bounds: [`MOST`] connections at a time, a request of
//! [`REQUEST`] bytes, [`PATIENCE`] for a peer that neither reads nor writes.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use fim::change::ScanKind;
use fim::collect::How;
use fim::control::{self, Answer, REQUEST, Request, RootStatus, SOCKET};
use fim::policy;
use fim::scan::{Handle, Pace};
use tracing::{debug, warn};

use super::scans::{Found, Scans};
use crate::intake::Stop;

/// Connections at a time; more are refused.
const MOST: usize = 8;
/// A peer that neither reads nor writes for so long is left.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two words of progress.
const PROGRESS: Duration = Duration::from_millis(250);
/// What was found is noted within this, or the answer says so.
const SETTLE: Duration = Duration::from_secs(30);

/// The listening socket.
pub(super) struct Desk {
    listener: UnixListener,
    path: PathBuf,
    scans: Scans,
    busy: Arc<AtomicUsize>,
    /// Shares of how sure it is who did it, by word.
    who: [(&'static str, Arc<crate::health::Figure>); 5],
}

/// Ends the wait for the next connection.
pub(super) fn wake(folder: &std::path::Path) {
    drop(UnixStream::connect(folder.join(SOCKET)));
}

impl Desk {
    /// Opens the socket in the state folder, in place of one that a predecessor left.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn open(scans: Scans, who: [(&'static str, Arc<crate::health::Figure>); 5]) -> std::io::Result<Self> {
        let path = scans.shared.config.state_dir.join(SOCKET);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // The folder is closed to others, so nobody comes before the mode is set.
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path, scans, busy: Arc::default(), who })
    }

    /// Until the source stops.
    pub(super) fn run(self) {
        for stream in self.listener.incoming() {
            if self.scans.shared.stop.is_set() {
                break;
            }
            match stream {
                Ok(stream) => self.take(stream),
                Err(error) => {
                    warn!(%error, "fim control socket");
                    self.scans.shared.stop.wait(Duration::from_millis(100));
                }
            }
        }
        std::fs::remove_file(&self.path).ok();
    }

    fn take(&self, stream: UnixStream) {
        if self.busy.fetch_add(1, Ordering::Relaxed) >= MOST {
            self.busy.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let who = self.who.iter().map(|(word, figure)| ((*word).to_owned(), figure.value())).collect();
        let (scans, busy) = (self.scans.clone(), Arc::clone(&self.busy));
        let run = move || {
            if let Err(error) = (Caller { scans, stream, broken: false, who }).serve() {
                debug!(%error, "fim control connection");
            }
            busy.fetch_sub(1, Ordering::Relaxed);
        };
        if std::thread::Builder::new().name("fim-answer".to_owned()).spawn(run).is_err() {
            self.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// One connection.
struct Caller {
    scans: Scans,
    stream: UnixStream,
    broken: bool,
    who: BTreeMap<String, u64>,
}

/// Exit code and one line.
type Done = (u8, String);

impl Caller {
    fn serve(&mut self) -> std::io::Result<()> {
        self.stream.set_read_timeout(Some(PATIENCE))?;
        self.stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = Vec::new();
        BufReader::new(self.stream.try_clone()?).take(REQUEST as u64 + 1).read_until(b'\n', &mut line)?;
        let (code, message) = match Request::read(line.trim_ascii_end()) {
            Ok(request) => match self.answer(&request) {
                Some(done) => done,
                None => return Ok(()),
            },
            Err(why) => (2, why),
        };
        self.tell(&Answer::Done { code, message });
        Ok(())
    }

    fn tell(&mut self, answer: &Answer) {
        let Ok(mut line) = serde_json::to_vec(answer) else { return };
        line.push(b'\n');
        self.broken = self.broken || self.stream.write_all(&line).is_err();
    }

    /// `None`: everything was said.
    fn answer(&mut self, request: &Request) -> Option<Done> {
        match request {
            Request::Baseline { update, paths, reason } => Some(self.baseline(*update, paths, reason)),
            Request::Scan { full, policy, paths, rate } => Some(self.scan(*full, policy.as_deref(), paths, *rate)),
            Request::Status => Some(self.status()),
            Request::AsToml => {
                let policies = self.scans.shared.policies();
                let written: Vec<_> = policies.all().iter().map(|policy| policy.written.clone()).collect();
                let text = policy::toml::text(&written, &self.scans.shared.config.exclude);
                self.tell(&Answer::Text { text });
                Some((0, String::new()))
            }
            Request::AuditRules => Some(self.audit_rules()),
            other => {
                // Written after the baseline is free again: a slow reader must not hold the judge.
                let mut lines = Vec::new();
                let policies = self.scans.shared.policies();
                control::answer(other, &mut self.scans.memory.lock(), &policies, &mut |answer| {
                    if serde_json::to_writer(&mut lines, &answer).is_ok() {
                        lines.push(b'\n');
                    }
                });
                self.broken = self.stream.write_all(&lines).is_err();
                None
            }
        }
    }

    fn audit_rules(&mut self) -> Done {
        let uname = rustix::system::uname();
        let machine = uname.machine().to_string_lossy();
        let options = policy::audit_rules::Options { machine: &machine, chattr: self.scans.shared.config.audit_chattr };
        let rules = policy::audit_rules::text(&self.scans.shared.policies(), &options);
        self.tell(&Answer::Text { text: rules.text });
        (0, String::new())
    }

    fn scan(&mut self, full: bool, policy: Option<&str>, paths: &[String], rate: Option<u64>) -> Done {
        let paths = match control::paths(paths) {
            Ok(paths) => paths,
            Err(why) => return (2, why),
        };
        if let Some(id) = policy.filter(|id| self.scans.shared.policies().get(id).is_none()) {
            return (2, format!("there is no policy {id}; `auditng fim status` lists them"));
        }
        let kind = if full { ScanKind::Full } else { ScanKind::Meta };
        let record = match self.look(kind, &paths, policy, rate) {
            Ok(record) => record,
            Err(done) => return done,
        };
        match self.differences(&paths, policy, record) {
            Ok(code) => (code, String::new()),
            Err(error) => (3, error.to_string()),
        }
    }

    /// Tells what is not as it was approved, and the scan. 1: something is.
    fn differences(
        &mut self,
        within: &[PathBuf],
        policy: Option<&str>,
        mut scan: fim::baseline::Scan,
    ) -> Result<u8, fim::baseline::Error> {
        let policies = self.scans.shared.policies();
        let found = control::open(&mut self.scans.memory.lock(), &policies, within, policy)?;
        scan.differences = found.len() as u64;
        let code = u8::from(!found.is_empty());
        found.into_iter().for_each(|one| self.tell(&Answer::Found(Box::new(one))));
        self.tell(&Answer::Scanned(Box::new(scan)));
        Ok(code)
    }

    /// Looks, waits until everything is noted, and gives what was done.
    fn look(
        &mut self,
        kind: ScanKind,
        paths: &[PathBuf],
        policy: Option<&str>,
        rate: Option<u64>,
    ) -> Result<fim::baseline::Scan, Done> {
        let handle = Arc::new(Handle::new());
        let pace = Pace { rate: rate.unwrap_or(self.scans.shared.config.scan.rate.0), ..self.scans.pace(false) };
        let since = self.scans.memory.lock().last_seal().time_ms;
        let since = Some(schema::Timestamp::from_millis(since));
        let of = self.scans.memory.lock().entries();
        let ended = Stop::default();
        let scans = &self.scans.clone();
        let summary = std::thread::scope(|scope| {
            let (handle, ended, pace) = (&handle, &ended, &pace);
            let scan = scope.spawn(move || {
                let summary = scans.look(kind, paths, policy, since, pace, handle);
                ended.set();
                summary
            });
            while !ended.wait(PROGRESS) {
                self.tell(&Answer::Progress { entries: handle.entries(), bytes: handle.bytes(), of });
                if self.broken {
                    handle.stop();
                }
            }
            scan.join()
        });
        let Ok(summary) = summary else { return Err((5, "the scan broke off".to_owned())) };
        let (done, settled) = sync_channel(1);
        let told = self.scans.tell.send(Found::Settle(done)).is_ok();
        if !told || settled.recv_timeout(SETTLE).is_err() {
            return Err((4, "the agent is stopping".to_owned()));
        }
        let now = self.scans.shared.now();
        let mut baseline = self.scans.memory.lock();
        let cause = "asked for on the command line";
        let record = summary.record(cause, None);
        let kept = baseline.add_scan(&record).and_then(|()| baseline.seal(now));
        kept.map_err(|error| (3, error.to_string()))?;
        let root = baseline.last_seal().root;
        drop(baseline);
        let record = fim::baseline::Scan { root: Some(root), ..record };
        self.scans.tell.send(Found::Asked(Box::new(summary), root)).ok();
        Ok(record)
    }

    fn baseline(&mut self, update: bool, paths: &[String], reason: &str) -> Done {
        let paths = match control::paths(paths) {
            Ok(paths) => paths,
            Err(why) => return (2, why),
        };
        let first = self.scans.memory.lock().approved().is_none();
        let record = match self.look(ScanKind::Full, if first { &[] } else { &paths }, None, None) {
            Ok(record) => record,
            Err(done) => return done,
        };
        if !first && !update {
            return match self.differences(&paths, None, record) {
                Ok(0) => (0, "nothing to do: everything is as it was approved".to_owned()),
                Ok(code) => (code, "it differs; --update approves this".to_owned()),
                Err(error) => (3, error.to_string()),
            };
        }
        let reason = if reason.is_empty() && first { "first baseline" } else { reason };
        let mut answers = Vec::new();
        let now = self.scans.shared.now();
        let done =
            control::approve(&mut self.scans.memory.lock(), &paths, reason, now, &mut |answer| answers.push(answer));
        answers.iter().for_each(|answer| self.tell(answer));
        let within = if first { Vec::new() } else { paths };
        self.scans.tell.send(Found::Approved(within)).ok();
        done.map_or_else(|error| (3, error.to_string()), |message| (0, message))
    }

    fn status(&mut self) -> Done {
        let policies = self.scans.shared.policies();
        let status = control::status(&mut self.scans.memory.lock(), &policies);
        let mut status = match status {
            Ok(status) => status,
            Err(error) => return (3, error.to_string()),
        };
        let known = self.scans.shared.known();
        status.agent = true;
        let mut modes: Vec<&str> = known.coverage.iter().map(|one| one.how.name()).collect();
        modes.sort_unstable();
        modes.dedup();
        status.mode = modes.join(", ");
        let text = |path: &std::path::Path| fim::name::text(path.as_os_str().as_encoded_bytes());
        let root = |one: &fim::collect::Coverage| RootStatus {
            path: text(&one.root),
            covered: if one.how == How::ScanOnly { "scan-only" } else { "live" }.to_owned(),
            reason: one.reason.clone(),
        };
        if !known.coverage.is_empty() {
            status.roots = known.coverage.iter().map(root).collect();
        }
        status.losses = known.losses.iter().cloned().collect();
        status.who = self.who.clone();
        status.degraded.extend(known.degraded.iter().map(|(_, why)| why.clone()));
        let open = known.losses.iter().filter(|loss| !loss.repaired).count();
        if open > 0 {
            status.degraded.push(format!("{open} losses are not repaired yet"));
        }
        drop(known);
        let code = u8::from(!status.degraded.is_empty());
        self.tell(&Answer::Status(Box::new(status)));
        (code, String::new())
    }
}
