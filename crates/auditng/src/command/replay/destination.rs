//! Where replayed events go: lines of JSON, or a server.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use schema::Event;

use super::identity::Identity;
use crate::cli::Replay;
use crate::exit::{Code, Failure, OrExit as _};
use crate::remote::Server;

/// Takes events one by one; what went wrong is told by [`Self::check`], since decoders give events to a callback.
pub(super) struct Destination {
    to: To,
    failed: Option<Failure>,
}

enum To {
    Lines { out: BufWriter<Box<dyn Write>>, line: String },
    Server(Box<agent::ship::Direct>),
    /// The reader of our output went away: nothing more is wanted.
    Nobody,
}

impl Destination {
    pub(super) fn open(arguments: &Replay) -> Result<Self, Failure> {
        let out: Box<dyn Write> = match arguments.out.as_deref() {
            None => return Ok(Self { to: to_server(arguments)?, failed: None }),
            Some("ndjson" | "-") => Box::new(io::stdout().lock()),
            Some(path) => Box::new(File::create(path).map_err(|error| Failure::new(Code::Input, format!("cannot write {path}: {error}")))?),
        };
        let to = To::Lines { out: BufWriter::with_capacity(256 << 10, out), line: String::new() };
        Ok(Self { to, failed: None })
    }

    /// The events that follow come from this input.
    pub(super) fn begin(&mut self, identity: Identity) {
        if let To::Server(direct) = &mut self.to
            && let Err(error) = direct.begin(identity.agent, identity.epoch, identity.nonce)
        {
            self.fail(Failure { code: Code::Refused, error: error.into() });
        }
    }

    /// Takes one event.
    pub(super) fn put(&mut self, event: &mut Event) {
        if self.failed.is_some() {
            return;
        }
        match &mut self.to {
            To::Lines { out, line } => {
                line.clear();
                event.write_json(line);
                line.push('\n');
                if let Err(error) = out.write_all(line.as_bytes()) {
                    self.broken(error);
                }
            }
            To::Server(direct) => {
                if let Err(error) = direct.put(event) {
                    self.fail(Failure { code: Code::Refused, error: error.into() });
                }
            }
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
        match self.to {
            To::Lines { mut out, .. } => match out.flush() {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).or_exit(Code::Input),
                _ => Ok(()),
            },
            To::Server(direct) => direct.finish().or_exit(Code::Refused),
            To::Nobody => Ok(()),
        }
    }

    fn broken(&mut self, error: io::Error) {
        if error.kind() == io::ErrorKind::BrokenPipe {
            self.to = To::Nobody;
        } else {
            self.fail(Failure { code: Code::Input, error: anyhow::Error::from(error).context("cannot write the events") });
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.failed = Some(failure);
    }
}

fn to_server(arguments: &Replay) -> Result<To, Failure> {
    let mut at = arguments.server.clone();
    at.url = arguments.to.clone().or(at.url);
    let server = Server::find(&at)?;
    Ok(To::Server(Box::new(agent::ship::Direct::new(&server.url, &server.token))))
}
