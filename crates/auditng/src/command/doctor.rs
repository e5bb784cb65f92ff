//! `auditng doctor`: what both halves find on this machine.

use serde_json::json;

use super::print;
use crate::cli::{Doctor, TextOrJson};
use crate::exit::{Code, Failure, Outcome};
use crate::table::{table, visible};

/// One thing that was looked at.
struct Finding {
    name: String,
    state: &'static str,
    what: String,
    advice: String,
}

pub(crate) fn run(arguments: &Doctor) -> Outcome {
    let findings = look(arguments, &agent_config(arguments)?);
    let text = match arguments.format {
        TextOrJson::Json => {
            let all: Vec<_> = findings
                .iter()
                .map(|f| json!({"name": f.name, "state": f.state, "what": f.what, "advice": f.advice}))
                .collect();
            format!("{:#}\n", json!(all))
        }
        TextOrJson::Text => report(&findings),
    };
    print(text.as_bytes())?;
    Ok(if findings.iter().all(|finding| finding.state == "ok") { Code::Done } else { Code::Findings })
}

/// As the agent runs here: by its configuration file, else as `auditng up` runs it.
fn agent_config(arguments: &Doctor) -> Result<agent::config::Config, Failure> {
    let Some(path) = &arguments.agent_config else {
        return Ok(agent::config::Config { state_dir: arguments.place.folder().join("agent"), ..Default::default() });
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(Code::Input, format!("cannot read {}: {error}", path.display())))?;
    agent::config::Config::read(&text)
        .map_err(|problems| Failure::new(Code::Usage, format!("{} has errors:\n{problems}", path.display())))
}

fn look(arguments: &Doctor, agent: &agent::config::Config) -> Vec<Finding> {
    let config = server::Config { data_dir: arguments.place.folder(), ..server::Config::default() };
    let server = server::doctor(&config).into_iter().map(|f| Finding {
        name: f.name,
        state: f.state.name(),
        what: f.what,
        advice: f.advice,
    });
    let found = agent::source::audit::doctor::doctor(&agent.source.audit, &agent.rules, &agent.state_dir);
    let runtimes = agent::enrich::container::doctor::doctor(&agent.container);
    let fim = agent::source::fim::doctor::doctor(&agent.fim);
    let agent = found.into_iter().chain(runtimes).chain(fim).map(|f| Finding {
        name: f.name.to_owned(),
        state: f.state.name(),
        what: f.what,
        advice: f.advice,
    });
    agent.chain(server).collect()
}

/// A line for each finding, advice below it.
fn report(findings: &[Finding]) -> String {
    let rows: Vec<Vec<String>> =
        findings.iter().map(|f| vec![f.state.to_owned(), f.name.clone(), f.what.clone()]).collect();
    let mut text = table(&["STATE".to_owned(), "WHAT".to_owned(), "FOUND".to_owned()], &rows);
    let advice: Vec<&Finding> = findings.iter().filter(|finding| !finding.advice.is_empty()).collect();
    if !advice.is_empty() {
        text.push_str("\nWhat to do:\n");
        text.extend(advice.iter().map(|finding| format!("  {}: {}\n", finding.name, visible(&finding.advice))));
    }
    text
}
