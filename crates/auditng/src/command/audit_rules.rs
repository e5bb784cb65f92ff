//! `auditng audit-rules`: rule files against the language, and against the kernel.

use std::fs;
use std::path::{Path, PathBuf};

use agent::source::audit::control::chain;
use agent::source::audit::kernel::{Kernel as _, Live};
use agent::source::audit::load::{self, Foreign, Loaded, Ownership, Wanted};
use agent::source::audit::rules::{built_in, machine, with_host};
use agent::source::audit::state::{State, StateFile};
use agent::sys::proc::Proc;
use audit::netlink::{SetStatus, Status};
use audit::rule::{self, Difference, Report, Rule, Severity};
use serde_json::{Value as Json, json};

use super::print;
use crate::cli::{
    AuditRules, CompileRules, CompiledFormat, DiffRules, LoadRules, RuleFiles, RulesAction, StatusFormat, TextOrJson,
};
use crate::exit::{Code, Failure, OrExit as _, Outcome};
use crate::table::visible;

pub(crate) fn run(arguments: &AuditRules) -> Outcome {
    match &arguments.action {
        RulesAction::Check(files) => check(files),
        RulesAction::Compile(files) => compile(files),
        RulesAction::Load(files) => load(files),
        RulesAction::Diff(files) => diff(files),
        RulesAction::Status(format) => status(format),
    }
}

fn check(files: &RuleFiles) -> Outcome {
    let report = read(&files.files, None)?;
    let text = match files.format {
        TextOrJson::Json => format!("{:#}\n", report.problems.iter().map(problem).collect::<Json>()),
        TextOrJson::Text => {
            let problems: String = report.problems.iter().map(|problem| format!("{problem}\n\n")).collect();
            let errors = report.errors().count();
            format!(
                "{problems}{} rules, {errors} errors, {} warnings and hints\n",
                report.rules().count(),
                report.problems.len() - errors
            )
        }
    };
    print(text.as_bytes())?;
    Ok(match report.problems.iter().map(|problem| problem.severity).min_by_key(|severity| rank(*severity)) {
        Some(Severity::Error) => Code::Usage,
        Some(Severity::Warning) => Code::Findings,
        Some(Severity::Hint) | None => Code::Done,
    })
}

fn rank(severity: Severity) -> u8 {
    match severity {
        Severity::Error => 0,
        Severity::Warning => 1,
        Severity::Hint => 2,
    }
}

fn compile(arguments: &CompileRules) -> Outcome {
    let rules = without_errors(read(&arguments.files, None)?)?;
    match arguments.format {
        CompiledFormat::Raw => print(&rules.iter().flat_map(rule::encode).collect::<Vec<u8>>()),
        CompiledFormat::Text => print(lines("", &rules).as_bytes()),
        CompiledFormat::Json => {
            let object = |rule: &Rule| json!({"rule": rule.text(machine()), "bytes": hex(&rule::encode(rule))});
            print(rules.iter().map(|rule| format!("{}\n", object(rule))).collect::<String>().as_bytes())
        }
    }
}

fn load(arguments: &LoadRules) -> Outcome {
    let mut kernel = live()?;
    let status = kernel.status().or_exit(Code::Refused)?;
    let rules = without_errors(read(&arguments.of.rules.files, status.features)?)?;
    let wanted = Wanted { first: &[], rules: &rules, ownership: arguments.of.ownership() };
    let file = StateFile::at(&arguments.of.state);
    let mut state = remembered(&file);
    let owned = state.rules().collect();
    let mut saved = Ok(());
    let outcome = load::bring(&mut kernel, &wanted, &owned, status.locked(), |there, steps| {
        state.begin_change(there, steps, wanted.ownership);
        saved = file.save(&state);
    })
    .or_exit(Code::Refused)?;
    if outcome.changes > 0 || state.is_interrupted() {
        state.end_change(&outcome.owned);
        saved = saved.and(file.save(&state));
    }
    print(said(&outcome, rules.len(), arguments.of.rules.format).as_bytes())?;
    if !outcome.is_whole() {
        return Err(Failure::new(Code::Refused, wrong(&outcome)));
    }
    saved.or_exit(Code::Input)?;
    if arguments.lock && !status.locked() {
        kernel.set(SetStatus { enabled: Some(2), ..SetStatus::default() }).or_exit(Code::Refused)?;
        print(b"rules and settings are locked until the next boot\n")?;
    }
    Ok(Code::Done)
}

/// What we loaded in this boot.
fn remembered(file: &StateFile) -> State {
    let boot_id = Proc::default().boot_id().unwrap_or_default();
    file.load(&boot_id).unwrap_or_else(|| State::new(&boot_id, std::process::id()))
}

fn said(outcome: &load::Outcome, wanted: usize, format: TextOrJson) -> String {
    let loaded = wanted - (outcome.difference.missing.len() + outcome.waiting.len()).min(wanted);
    match format {
        TextOrJson::Text => {
            let foreign = load::say_foreign(&outcome.foreign, machine());
            let foreign = foreign.map(|text| format!("{}\n", visible(&text))).unwrap_or_default();
            format!("{} changes; {loaded} of {wanted} rules are loaded\n{foreign}", outcome.changes)
        }
        TextOrJson::Json => {
            let refused: Json = outcome
                .refused
                .iter()
                .map(|(step, error)| json!({"rule": step.rule().text(machine()), "reason": chain(error)}))
                .collect();
            let object = json!({
                "changes": outcome.changes, "wanted": wanted, "loaded": loaded, "refused": refused,
                "waiting": texts(&outcome.waiting), "foreign": as_foreign(&outcome.foreign),
            });
            format!("{object:#}\n")
        }
    }
}

fn wrong(outcome: &load::Outcome) -> String {
    let mut text = String::from("the kernel does not have what is wanted");
    for (step, error) in &outcome.refused {
        text += &format!("\n  {}: {}", visible(&step.rule().text(machine())), chain(error));
    }
    for rule in &outcome.waiting {
        text += &format!("\n  {}: its folder does not exist", visible(&rule.text(machine())));
    }
    text + "\n" + &as_text(&outcome.difference)
}

fn diff(arguments: &DiffRules) -> Outcome {
    let mut kernel = live()?;
    let features = kernel.status().or_exit(Code::Refused)?.features;
    let rules = without_errors(read(&arguments.rules.files, features)?)?;
    let wanted = Wanted { first: &[], rules: &rules, ownership: arguments.ownership() };
    let there = Loaded::read(&mut kernel).or_exit(Code::Refused)?.rules;
    let owned = remembered(&StateFile::at(&arguments.state)).rules().collect();
    let outcome = load::compare(&there, &wanted, &owned);
    let text = match arguments.rules.format {
        TextOrJson::Json => format!("{:#}\n", as_json(&outcome.difference, &outcome.foreign)),
        TextOrJson::Text => {
            let foreign: Vec<Rule> = outcome.foreign.iter().map(|foreign| foreign.rule.clone()).collect();
            as_text(&outcome.difference) + &lines("= ", &foreign)
        }
    };
    print(text.as_bytes())?;
    Ok(if outcome.difference.is_none() { Code::Done } else { Code::Findings })
}

impl DiffRules {
    fn ownership(&self) -> Ownership {
        if self.all { Ownership::All } else { Ownership::Own }
    }
}

fn as_text(difference: &Difference) -> String {
    let reordered: String =
        difference.reordered.iter().map(|list| format!("~ another order in list {}\n", list.word())).collect();
    lines("+ ", &difference.missing) + &lines("- ", &difference.extra) + &reordered
}

fn as_json(difference: &Difference, foreign: &[Foreign]) -> Json {
    let lists: Json = difference.reordered.iter().map(|list| Json::from(list.word())).collect();
    json!({
        "missing": texts(&difference.missing), "extra": texts(&difference.extra), "reordered": lists,
        "foreign": as_foreign(foreign),
    })
}

fn as_foreign(foreign: &[Foreign]) -> Json {
    foreign.iter().map(|one| json!({"rule": one.rule.text(machine()), "before": one.before})).collect()
}

fn texts(rules: &[Rule]) -> Json {
    rules.iter().map(|rule| Json::from(rule.text(machine()))).collect()
}

fn status(format: &StatusFormat) -> Outcome {
    let mut kernel = live()?;
    let status = kernel.status().or_exit(Code::Refused)?;
    let rules = kernel.rules().or_exit(Code::Refused)?.len();
    let owner = match status.pid {
        0 => "nobody".to_owned(),
        pid => Proc::default().describe(pid),
    };
    let values = values(&status);
    let text = match format.format {
        TextOrJson::Json => {
            let mut object: serde_json::Map<String, Json> =
                values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            object.insert("rules".to_owned(), json!(rules));
            object.insert("owner".to_owned(), json!(owner));
            object.insert("locked".to_owned(), json!(status.locked()));
            format!("{:#}\n", Json::Object(object))
        }
        TextOrJson::Text => {
            let shown = values.iter().filter_map(|(name, value)| value.map(|value| format!("{name:26} {value}\n")));
            let locked = if status.locked() { "until the next boot" } else { "no" };
            let more = [("rules", rules.to_string()), ("owner", owner), ("locked", locked.to_owned())];
            let more = more.iter().map(|(name, value)| format!("{name:26} {value}\n"));
            shown.chain(more).collect::<String>()
        }
    };
    print(text.as_bytes())
}

fn values(status: &Status) -> [(&'static str, Option<u32>); 9] {
    [
        ("enabled", Some(status.enabled)),
        ("failure", Some(status.failure)),
        ("pid", Some(status.pid)),
        ("rate_limit", Some(status.rate_limit)),
        ("backlog_limit", Some(status.backlog_limit)),
        ("lost", Some(status.lost)),
        ("backlog", Some(status.backlog)),
        ("backlog_wait_time", status.backlog_wait_time),
        ("backlog_wait_time_actual", status.backlog_wait_time_actual),
    ]
}

fn live() -> Result<Live, Failure> {
    Live::open(None)
        .map_err(|error| Failure::new(Code::Refused, format!("this kernel's audit cannot be reached: {error}")))
}

/// Reads the files, or the built-in rules.
fn read(files: &[PathBuf], features: Option<u32>) -> Result<Report, Failure> {
    let mut texts = Vec::new();
    for path in expand(files)? {
        let text = fs::read_to_string(&path)
            .map_err(|error| Failure::new(Code::Input, format!("cannot read {}: {error}", path.display())))?;
        texts.push((path.display().to_string(), text));
    }
    if files.is_empty() {
        texts.extend(built_in().iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    }
    let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Ok(with_host(features, |host| rule::check_given(&texts, host)))
}

/// A directory stands for its `*.rules` in augenrules order, hidden ones left out.
fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = fs::read_dir(path)
                .map_err(|error| Failure::new(Code::Input, format!("cannot read {}: {error}", path.display())))?;
            let mut files: Vec<PathBuf> =
                entries.flatten().map(|entry| entry.path()).filter(|file| is_rules(file)).collect();
            files.sort_by(|a, b| rule::natural_order(&a.to_string_lossy(), &b.to_string_lossy()));
            all.extend(files);
        } else {
            all.push(path.clone());
        }
    }
    Ok(all)
}

fn is_rules(file: &Path) -> bool {
    let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && file.extension().is_some_and(|extension| extension == "rules")
}

fn without_errors(report: Report) -> Result<Vec<Rule>, Failure> {
    let errors: Vec<String> = report.errors().map(ToString::to_string).collect();
    if errors.is_empty() { Ok(report.wanted()) } else { Err(Failure::new(Code::Usage, errors.join("\n"))) }
}

fn lines(before: &str, rules: &[Rule]) -> String {
    rules.iter().map(|rule| format!("{before}{}\n", visible(&rule.text(machine())))).collect()
}

fn problem(problem: &rule::Problem) -> Json {
    json!({
        "severity": problem.severity.word(), "file": problem.file, "line": problem.line, "column": problem.column,
        "width": problem.width, "message": problem.message, "help": problem.help,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
