//! Where replayed events go: lines of JSON, or a server.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use agent::ship::{Direct, DirectError, Identity, Options};
use agent::source::fim::replay as fim;
use schema::{Event, Stream};

use crate::cli::Replay;
use crate::exit::{Code, Failure, OrExit as _};
use crate::remote::Server;

/// Lines are written together from so many bytes on.
const LINES_BYTES: usize = 64 << 10;
/// Without any progress for so long, a server is given up.
const PATIENCE: Duration = Duration::from_secs(300);

/// Takes events one by one; what went wrong is told by [`Self::check`], since decoders give events to a callback.
pub(super) struct Destination {
    to: To,
    /// Changes of files are wanted instead of the records' own events.
    fim: Option<Replayed>,
    failed: Option<Failure>,
    /// Events that no server takes; said at the end, after all others were delivered.
    left_out: Option<DirectError>,
}

enum To {
    Lines {
        out: Box<dyn Write>,
        /// Whole lines that are not written yet.
        lines: String,
    },
    Server {
        options: Box<Options>,
        /// One for each input, since each has ids of its own.
        direct: Option<Box<Direct>>,
    },
    /// The reader of our output went away: nothing more is wanted.
    Nobody,
}

impl Destination {
    pub(super) fn open(arguments: &Replay) -> Result<Self, Failure> {
        let to = match arguments.out.as_deref() {
            None => to_server(arguments)?,
            Some("ndjson" | "-") => To::lines(io::stdout().lock()),
            Some(path) => {
                let cannot = |error| Failure::new(Code::Input, format!("cannot write {path}: {error}"));
                To::lines(File::create(path).map_err(cannot)?)
            }
        };
        let fim = arguments.fim_policies.as_deref().map(policies).transpose()?;
        Ok(Self { to, fim, failed: None, left_out: None })
    }

    /// The events that follow come from this input.
    pub(super) fn begin(&mut self, identity: Identity) -> Result<(), Failure> {
        self.deliver()?;
        if let To::Server { options, direct } = &mut self.to {
            *direct = Some(Box::new(Direct::new(options, identity, PATIENCE).or_exit(Code::Internal)?));
        }
        Ok(())
    }

    /// What distinguishes this from another replay of the same input.
    pub(super) fn salt(&self) -> Option<[u8; 32]> {
        self.fim.as_ref().map(|fim| fim.digest)
    }

    /// Takes one event, or what it tells of files.
    pub(super) fn put(&mut self, event: &mut Event) {
        let Some(fim) = self.fim.as_ref().filter(|_| event.stream() != Stream::Health) else {
            return self.hand_on(event);
        };
        let mut changes = Vec::new();
        fim.replay.take(event, &mut |change| changes.push(change));
        changes.iter_mut().for_each(|change| self.hand_on(change));
    }

    fn hand_on(&mut self, event: &mut Event) {
        if self.failed.is_some() {
            return;
        }
        match &mut self.to {
            To::Lines { out, lines } => {
                event.write_json(lines);
                lines.push('\n');
                if lines.len() >= LINES_BYTES
                    && let Err(error) = write(out, lines)
                {
                    self.broken(error);
                }
            }
            To::Server { direct, .. } => match direct.as_mut().map(|direct| direct.put(event)) {
                Some(Err(error @ DirectError::TooLarge { .. })) => self.left_out = Some(error),
                Some(Err(error)) => self.failed = Some(Failure { code: Code::Refused, error: error.into() }),
                Some(Ok(())) | None => {}
            },
            To::Nobody => {}
        }
    }

    /// What has gone wrong so far.
    pub(super) fn check(&mut self) -> Result<(), Failure> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Hands over what is still held.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.check()?;
        self.deliver()?;
        if let To::Lines { out, lines } = &mut self.to
            && let Err(error) = write(out, lines).and_then(|()| out.flush())
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            return Err(error).or_exit(Code::Input);
        }
        self.left_out.map_or(Ok(()), |error| Err(error).or_exit(Code::Refused))
    }

    /// Waits until the server has the events of the input so far.
    fn deliver(&mut self) -> Result<(), Failure> {
        let To::Server { direct, .. } = &mut self.to else { return Ok(()) };
        let Some(direct) = direct.take() else { return Ok(()) };
        let summary = direct.finish().or_exit(Code::Refused)?;
        match summary.refusal {
            Some(reason) => {
                let refused = summary.refused;
                Err(Failure::new(Code::Refused, format!("{refused} events were refused, the first because: {reason}")))
            }
            None => Ok(()),
        }
    }

    fn broken(&mut self, error: io::Error) {
        if error.kind() == io::ErrorKind::BrokenPipe {
            self.to = To::Nobody;
        } else {
            let error = anyhow::Error::from(error).context("cannot write the events");
            self.failed = Some(Failure { code: Code::Input, error });
        }
    }
}

/// Changes of files by policies.
struct Replayed {
    replay: fim::Replay,
    digest: [u8; 32],
}

fn policies(file: &Path) -> Result<Replayed, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::new(Code::Input, format!("cannot read {}: {error}", file.display())))?;
    let (policies, digest) = fim::policies(&text)
        .map_err(|why| Failure::new(Code::Usage, format!("{} has errors:\n{why}", file.display())))?;
    Ok(Replayed { replay: fim::Replay::new(policies), digest })
}

impl To {
    fn lines(out: impl Write + 'static) -> Self {
        Self::Lines { out: Box::new(out), lines: String::new() }
    }
}

fn write(out: &mut dyn Write, lines: &mut String) -> io::Result<()> {
    let written = out.write_all(lines.as_bytes());
    lines.clear();
    written
}

fn to_server(arguments: &Replay) -> Result<To, Failure> {
    let mut at = arguments.server.clone();
    at.url = arguments.to.clone().or(at.url);
    let server = Server::find(&at)?;
    let options = Options { urls: vec![server.url], token: Some(server.token), ..Options::default() };
    Ok(To::Server { options: Box::new(options), direct: None })
}
