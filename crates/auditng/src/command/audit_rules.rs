//! `auditng audit-rules`: rule files against the language, and against the kernel.

use std::fs;
use std::path::{Path, PathBuf};

use agent::source::audit::kernel::{Kernel as _, KernelError, Live};
use agent::source::audit::rules::{built_in, machine, with_host};
use audit::netlink::Status;
use audit::rule::{self, Difference, Report, Rule, Severity, Step};
use serde_json::{Value as Json, json};

use super::print;
use crate::cli::{AuditRules, RuleFiles, RulesAction, StatusFormat, TextOrJson};
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
    let report = read(files, None)?;
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

fn compile(files: &RuleFiles) -> Outcome {
    let rules = without_errors(read(files, None)?)?;
    let text = match files.format {
        TextOrJson::Json => rules
            .iter()
            .map(|rule| format!("{}\n", json!({"rule": rule.text(machine()), "bytes": hex(&rule::encode(rule))})))
            .collect(),
        TextOrJson::Text => lines("", &rules),
    };
    print(text.as_bytes())
}

fn load(files: &RuleFiles) -> Outcome {
    let mut kernel = live()?;
    let status = kernel.status().or_exit(Code::Refused)?;
    let wanted = without_errors(read(files, status.features)?)?;
    let there = loaded(&mut kernel)?;
    if status.enabled == 2 && !missing(&there, &wanted).is_empty() {
        return Err(Failure::new(Code::Refused, "the kernel's rules are locked (-e 2): a change needs a reboot"));
    }
    let (mut done, mut refused) = (0, Vec::new());
    // Nothing is owned here: what others loaded stays, so the plan only adds.
    for step in rule::plan(&there, &wanted, &|_| false) {
        match apply(&mut kernel, &step) {
            Ok(()) => done += 1,
            Err(error) => refused.push(format!("{}: {error}: {}", step.rule().text(machine()), error.source)),
        }
    }
    let left = missing(&loaded(&mut kernel)?, &wanted);
    print(format!("{done} changes; {} of {} rules are loaded\n", wanted.len() - left.len(), wanted.len()).as_bytes())?;
    match (left.is_empty(), refused.is_empty()) {
        (true, _) => Ok(Code::Done),
        (false, true) => {
            Err(Failure::new(Code::Refused, format!("the kernel does not show these rules:\n{}", lines("  ", &left))))
        }
        (false, false) => Err(Failure::new(Code::Refused, format!("the kernel refused\n  {}", refused.join("\n  ")))),
    }
}

fn apply(kernel: &mut Live, step: &Step) -> Result<(), KernelError> {
    match step {
        Step::Append(_) | Step::Prepend(_) => kernel.add_rule(&step.bytes()),
        Step::Delete(_) => kernel.delete_rule(&step.bytes()),
    }
}

fn diff(files: &RuleFiles) -> Outcome {
    let mut kernel = live()?;
    let features = kernel.status().or_exit(Code::Refused)?.features;
    let wanted = without_errors(read(files, features)?)?;
    let difference = rule::difference(&loaded(&mut kernel)?, &wanted);
    print(
        match files.format {
            TextOrJson::Json => format!("{:#}\n", as_json(&difference)),
            TextOrJson::Text => as_text(&difference),
        }
        .as_bytes(),
    )?;
    Ok(if difference.is_none() { Code::Done } else { Code::Findings })
}

fn as_text(difference: &Difference) -> String {
    let reordered: String =
        difference.reordered.iter().map(|list| format!("~ another order in list {}\n", list.word())).collect();
    lines("+ ", &difference.missing) + &lines("- ", &difference.extra) + &reordered
}

fn as_json(difference: &Difference) -> Json {
    let texts = |rules: &[Rule]| rules.iter().map(|rule| Json::from(rule.text(machine()))).collect::<Json>();
    let lists: Json = difference.reordered.iter().map(|list| Json::from(list.word())).collect();
    json!({"missing": texts(&difference.missing), "extra": texts(&difference.extra), "reordered": lists})
}

fn status(format: &StatusFormat) -> Outcome {
    let mut kernel = live()?;
    let status = kernel.status().or_exit(Code::Refused)?;
    let rules = loaded(&mut kernel)?.len();
    let values = values(&status);
    let text = match format.format {
        TextOrJson::Json => {
            let mut object: serde_json::Map<String, Json> =
                values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            object.insert("rules".to_owned(), json!(rules));
            format!("{:#}\n", Json::Object(object))
        }
        TextOrJson::Text => {
            let shown = values.iter().filter_map(|(name, value)| value.map(|value| format!("{name:26} {value}\n")));
            shown.collect::<String>() + &format!("{:26} {rules}\n", "rules")
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

fn loaded(kernel: &mut Live) -> Result<Vec<Rule>, Failure> {
    let rules = kernel.rules().or_exit(Code::Refused)?;
    rules.iter().map(|bytes| rule::decode(bytes).or_exit(Code::Internal)).collect()
}

fn missing(there: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    rule::difference(there, wanted).missing
}

/// Reads the files, or the built-in rules.
fn read(files: &RuleFiles, features: Option<u32>) -> Result<Report, Failure> {
    let mut texts = Vec::new();
    for path in expand(&files.files)? {
        let text = fs::read_to_string(&path)
            .map_err(|error| Failure::new(Code::Input, format!("cannot read {}: {error}", path.display())))?;
        texts.push((path.display().to_string(), text));
    }
    if files.files.is_empty() {
        texts.extend(built_in().iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    }
    let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Ok(with_host(features, |host| rule::check_files(&texts, host)))
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
