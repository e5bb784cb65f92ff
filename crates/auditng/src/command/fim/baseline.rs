//! `auditng fim baseline`

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use fim::control::{Answer, Request};

use super::place::Place;
use super::{desk, print};
use crate::cli::FimBaseline;
use crate::exit::{Code, Failure, OrExit as _, Outcome};

pub(super) fn run(arguments: &FimBaseline) -> Outcome {
    let place = Place::of(&arguments.at)?;
    if let Some(file) = &arguments.export {
        return export(&place, file);
    }
    let request = if arguments.list {
        Request::Generations
    } else {
        let paths = spelled(&arguments.paths)?;
        Request::Baseline { update: arguments.update, paths, reason: arguments.reason.clone() }
    };
    print::ask(&place, &request, arguments.at.format)
}

/// Paths as they go into a request: absolute, not resolved.
pub(super) fn spelled(paths: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let one = |path: &PathBuf| {
        let path = std::path::absolute(path)
            .map_err(|error| Failure::new(Code::Usage, format!("{}: {error}", path.display())))?;
        let clean: PathBuf = path.components().collect();
        Ok(fim::name::text(clean.as_os_str().as_bytes()))
    };
    paths.iter().map(one).collect()
}

fn export(place: &Place, file: &Path) -> Outcome {
    let mut out: Box<dyn std::io::Write> = if file == Path::new("-") {
        Box::new(std::io::stdout().lock())
    } else {
        let opened = File::options().write(true).create(true).truncate(true).mode(0o600).open(file);
        Box::new(
            opened.map_err(|error| Failure::new(Code::Input, format!("cannot write {}: {error}", file.display())))?,
        )
    };
    let mut out = BufWriter::new(&mut out);
    let mut written = Ok(());
    let done = desk::ask(place, &Request::Export, &mut |answer| {
        if let (Answer::Entry(entry), Ok(())) = (answer, &written) {
            written = writeln!(out, "{entry}");
        }
    })?;
    let written = written.and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Code::Done),
        Err(error) => Err(error).or_exit(Code::Input),
        Ok(()) if done.message.is_empty() => Ok(super::code(done.code)),
        Ok(()) => Err(Failure::new(super::code(done.code), done.message)),
    }
}
