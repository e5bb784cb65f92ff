//! Where the baseline lies, and which policies apply.

use std::path::{Path, PathBuf};

use fim::config::Config;
use fim::import::Kind;

use crate::cli::FimAt;
use crate::command::fim::print::warn;
use crate::exit::{Code, Failure};

/// Taken if it is there and no other is named.
const CONFIG: &str = "/etc/auditng/agent.toml";

/// Settings and folder.
pub(super) struct Place {
    /// `[fim]`, its folder of further files taken in.
    pub(super) config: Config,
    /// The file was named, so ad-hoc trees do not apply.
    pub(super) named: bool,
    pub(super) folder: PathBuf,
}

impl Place {
    pub(super) fn of(at: &FimAt) -> Result<Self, Failure> {
        let file = at.config.clone().or_else(|| Some(PathBuf::from(CONFIG)).filter(|file| file.exists()));
        let config = match &file {
            Some(file) => read(file)?,
            None => Config::default(),
        };
        let folder = match (&at.state_dir, &file) {
            (Some(folder), _) => folder.clone(),
            (None, Some(_)) => config.state_dir.clone(),
            (None, None) => usual(&config),
        };
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        Ok(Self { config, named: at.config.is_some(), folder })
    }
}

fn usual(config: &Config) -> PathBuf {
    let home = std::env::var_os("HOME").filter(|_| !rustix::process::geteuid().is_root());
    home.map_or_else(|| config.state_dir.clone(), |home| Path::new(&home).join(".local/share/auditng/fim"))
}

fn read(file: &Path) -> Result<Config, Failure> {
    let text = text(file)?;
    let mut config = agent::config::Config::read(&text).map_err(|problems| wrong(file, &problems))?.fim;
    let mut names = match std::fs::read_dir(&config.dir) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect::<Vec<_>>(),
        Err(_) => Vec::new(),
    };
    names.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    names.sort();
    let texts = names.iter().map(|path| Ok((path.display().to_string(), self::text(path)?)));
    let texts = texts.collect::<Result<Vec<_>, Failure>>()?;
    let files = texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    config.add_files(files).map_err(|problems| wrong(file, &problems))?;
    import(&mut config)?;
    Ok(config)
}

/// What others' files give. All that is not taken is named; what has no meaning here is no error.
fn import(config: &mut Config) -> Result<(), Failure> {
    let complaints = fim::import::add(config, &mut |path| std::fs::read(path));
    let said: Vec<String> = complaints.iter().map(ToString::to_string).collect();
    if complaints.iter().all(|complaint| complaint.kind == Kind::Inert) {
        said.iter().for_each(|complaint| warn(complaint));
        return Ok(());
    }
    Err(Failure::new(Code::Usage, format!("what is imported has errors:\n{}", said.join("\n"))))
}

fn text(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::new(Code::Input, format!("cannot read {}: {error}", file.display())))
}

pub(super) fn wrong(file: &Path, problems: &fim::config::Problems) -> Failure {
    Failure::new(Code::Usage, format!("{} has errors:\n{problems}", file.display()))
}
