use audit::rule::{self, Host, Statement};
use audit::table::arch;
use schema::{Event, field};

use super::*;
use crate::filter::{Chain, Verdict};
use crate::health::Health;

/// All sections that go-audit's own example has.
const EXAMPLE: &str = "\
socket_buffer:
  receive: 16384
events:
  min: 1300
  max: 1399
message_tracking:
  enabled: true
  log_out_of_order: false
  max_out_of_order: 500
output:
  stdout:
    enabled: true
    attempts: 2
  file:
    enabled: false
    path: /var/log/go-audit/go-audit.log
    mode: 0600
log:
  flags: 0
rules:
  # 64 and 32 bit
  - -a exit,always -F arch=b64 -S execve
  - -a exit,always -F arch=b32 -S execve
  - -a exit,always -F arch=b64 -F auid!=-1 -S connect -k user_commands
  - \"-w /etc/passwd -p wa -k accounts\"
  - -b 1024
  - -e 1
filters:
  - syscall: 49
    message_type: 1306
    regex: saddr=(10..|0A..)   # netlink and inet6
extras:
  containers:
    enabled: false
    docker_api_version: 1.24
";

fn host() -> Host<'static> {
    Host::bare(arch::X86_64)
}

#[test]
fn a97_the_example_loads_with_rules_filters_and_a_warning() {
    let found = read("go-audit.yaml", EXAMPLE);
    assert_eq!(found.problems, [""; 0]);
    let report = rule::check(&found.rules, &host());
    assert_eq!(report.errors().count(), 0, "{:?}", report.problems);
    let rules: Vec<String> = report.rules().map(|rule| rule.text(arch::X86_64)).collect();
    assert_eq!(rules.len(), 4);
    assert_eq!(rules[0], "-a always,exit -F arch=b64 -S execve");
    assert!(rules[3].contains("/etc/passwd") && rules[3].contains("accounts"), "{rules:?}");
    let settings = report.lines.iter().filter(|line| matches!(line.statement, Statement::Set(_))).count();
    assert_eq!(settings, 2);
    let [filter] = &found.filters[..] else { panic!("{:?}", found.filters) };
    assert_eq!((filter.syscall, filter.record_type, filter.regex.as_str()), (49, 1306, "saddr=(10..|0A..)"));
    let [remark] = &found.remarks[..] else { panic!("{:?}", found.remarks) };
    assert!(remark.contains("events.min 1300") && remark.contains("logins"), "{remark}");
}

#[test]
fn a97_its_filter_takes_away_what_go_audit_would() {
    let health = Health::default();
    let mut chain = Chain::new(&[], read("x.yaml", EXAMPLE).filters, &health);
    let mut judge = |syscall: u32, saddr: &str, more: &str| {
        let mut event = Event::default();
        let text =
            format!("audit(1.000:1): arch=c000003e syscall={syscall} success=yes\naudit(1.000:1): saddr={saddr}{more}");
        event.push_str(field::EVENT_ORIGINAL, &text);
        for name in ["SYSCALL", "SOCKADDR"] {
            event.push_str(field::AUDITNG_AUDIT_TYPES, name);
        }
        chain.judge(&mut event, schema::Timestamp::default(), &mut |_| ())
    };
    assert_eq!(judge(49, "100000000000000000000000", ""), Verdict::Filtered);
    assert_eq!(judge(49, "0A000016", ""), Verdict::Filtered);
    assert_eq!(judge(49, "02000016", ""), Verdict::Pass);
    assert_eq!(judge(42, "0A000016", ""), Verdict::Pass);
    // Records that are not all there cannot be judged.
    assert_eq!(judge(49, "0A000016", "\naudit(1.000:1): cut"), Verdict::Pass);
    let counted = health.figure("auditng_filtered_events_total{filter=\"go-audit-1\"}");
    assert_eq!(counted.value(), 2);
}

#[test]
fn a_wrong_rule_is_named_at_its_place_in_the_file() {
    let text = EXAMPLE.replace("-S connect", "-S conect");
    let report = rule::check(&read("x.yaml", &text).rules, &host());
    let problem = report.errors().next().unwrap();
    let line = text.lines().position(|line| line.contains("conect")).unwrap();
    let column = text.lines().nth(line).unwrap().find("conect").unwrap();
    assert_eq!((problem.line, problem.column), (line + 1, column + 1));
}

#[test]
fn a_wrong_filter_is_named_and_the_rest_loads() {
    let text = "filters:\n  - syscall: 49\n    message_type: x\n    regex: a\n  - syscall: 49\n    message_type: 1306\n    \
                regex: (\n  - syscall: 44\n    message_type: 1305\n    regex: op\n  - syscall: 1\n    message_type: 1300\n    regex: b\n";
    let found = read("x.yaml", text);
    assert_eq!(found.filters.len(), 1);
    assert_eq!(found.problems.len(), 3, "{:?}", found.problems);
    assert!(found.problems[0].starts_with("x.yaml:2: filter 1: message_type"), "{:?}", found.problems);
    assert!(found.problems[2].contains("hide changes"), "{:?}", found.problems);
    let broken = read("x.yaml", "rules: [");
    assert!(broken.problems[0].starts_with("x.yaml: no YAML"), "{:?}", broken.problems);
}
