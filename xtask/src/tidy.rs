//! House rules that the compiler cannot hold.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace::root;

/// DESIGN: which crate may know which. Arrows point down only.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("schema", &[]),
    ("audit", &["schema"]),
    ("elastic", &["schema"]),
    ("fim", &["schema"]),
    ("store", &["schema"]),
    ("agent", &["schema", "audit", "elastic", "fim"]),
    ("server", &["schema", "audit", "elastic", "store"]),
    ("auditng", &["schema", "audit", "elastic", "fim", "store", "agent", "server"]),
    ("auditng-agent", &["schema", "agent"]),
    ("testkit", &["schema"]),
    ("xtask", &["schema", "testkit"]),
];

/// Crates that must stay free of what would make every build and every host pay for it.
const MUST_NOT_CARRY: &[(&str, &[&str])] = &[
    ("schema", &["tokio", "axum", "tantivy", "rusqlite", "ureq", "libc", "rustix"]),
    ("audit", &["tokio", "axum", "tantivy", "rusqlite", "ureq", "libc", "rustix"]),
    ("elastic", &["tokio", "axum", "tantivy", "rusqlite", "ureq", "libc", "rustix"]),
    ("fim", &["tokio", "axum", "tantivy", "rusqlite", "ureq"]),
    ("agent", &["tokio", "axum", "tantivy", "rusqlite"]),
    ("server", &["tantivy"]),
];

fn members() -> Vec<PathBuf> {
    let mut crates: Vec<PathBuf> =
        fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    crates.push(root().join("xtask"));
    crates.sort();
    crates
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// Names in the `[dependencies]` section of a manifest; development dependencies may point anywhere but up.
fn dependencies(member: &Path) -> BTreeSet<String> {
    let manifest = fs::read_to_string(member.join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or("");
    let section = section.split("\n[").next().unwrap_or("");
    section
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

fn sources(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn all_sources() -> impl Iterator<Item = (PathBuf, String)> {
    members().into_iter().flat_map(|member| sources(&member)).map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    })
}

fn fail_if_any(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn arrows_point_down_only() {
    let ours: BTreeSet<String> = members().iter().map(|member| name(member).to_owned()).collect();
    let broken: Vec<String> = members()
        .iter()
        .flat_map(|member| {
            let allowed = MAY_KNOW.iter().find(|(of, _)| *of == name(member)).map_or(&[][..], |(_, may)| may);
            let known = dependencies(member).into_iter().filter(|other| ours.contains(other));
            known
                .filter(|other| !allowed.contains(&other.as_str()))
                .map(|other| format!("{} -> {other}", name(member)))
                .collect::<Vec<_>>()
        })
        .collect();
    fail_if_any("a crate knows another above or beside its floor (ARCHITECTURE.md)", &broken);
    let unlisted: Vec<String> = ours.into_iter().filter(|one| !MAY_KNOW.iter().any(|(of, _)| of == one)).collect();
    fail_if_any("a new crate needs its floor in MAY_KNOW and in ARCHITECTURE.md", &unlisted);
}

#[test]
fn heavy_things_stand_at_the_edge() {
    let broken: Vec<String> = members()
        .iter()
        .flat_map(|member| {
            let banned =
                MUST_NOT_CARRY.iter().find(|(of, _)| *of == name(member)).map_or(&[][..], |(_, banned)| banned);
            dependencies(member)
                .into_iter()
                .filter(|other| banned.contains(&other.as_str()))
                .map(|other| format!("{} -> {other}", name(member)))
                .collect::<Vec<_>>()
        })
        .collect();
    fail_if_any("a lower floor carries a heavy dependency", &broken);
}

#[test]
fn every_module_says_what_it_is() {
    let broken: Vec<String> = all_sources()
        .filter(|(path, text)| {
            let tests = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
                || path.components().any(|part| part.as_os_str() == "tests");
            !tests && !text.trim_start().starts_with("//!") && !text.starts_with("// @generated")
        })
        .map(|(path, _)| path.display().to_string())
        .collect();
    fail_if_any("a module without a head (`//!`: what this is, promises, does not do)", &broken);
}

#[test]
fn unsafe_stands_in_one_room() {
    let word = concat!("uns", "afe ");
    let broken: Vec<String> = all_sources()
        .filter(|(path, _)| {
            let path = path.to_string_lossy();
            !path.contains("agent/src/sys") && !path.contains("fim/src/collect/sys")
        })
        .filter(|(_, text)| {
            text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(&format!("{word}{{")))
        })
        .map(|(path, _)| path.display().to_string())
        .collect();
    fail_if_any("unsafe outside agent::sys and fim::collect::sys", &broken);
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    let word = concat!("uns", "afe {");
    let mut broken = Vec::new();
    for path in ["agent", "fim"].into_iter().flat_map(|of| sources(&root().join("crates").join(of).join("src"))) {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(word)) {
            let reason = lines[at.saturating_sub(6)..at].iter().any(|above| above.contains("SAFETY:"));
            if !reason && !line.contains("SAFETY:") {
                broken.push(format!("{}:{}", path.display(), at + 1));
            }
        }
    }
    fail_if_any("an unsafe block without // SAFETY:", &broken);
}

#[test]
fn names_say_what_a_module_holds() {
    let banned = ["common", "util", "utils", "core", "misc", "helper", "helpers", "types"];
    let broken: Vec<String> = all_sources()
        .filter(|(path, _)| banned.iter().any(|word| path.file_stem().is_some_and(|stem| stem == *word)))
        .map(|(path, _)| path.display().to_string())
        .collect();
    fail_if_any("a module named for nothing in particular", &broken);
}

#[test]
fn no_unfinished_places() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[ign", "ore"),
    ];
    let broken: Vec<String> = all_sources()
        .filter(|(_, text)| words.iter().any(|word| text.contains(word)))
        .map(|(path, _)| path.display().to_string())
        .collect();
    fail_if_any("unfinished places", &broken);
}

/// Scenarios of file integrity monitoring: a test's name begins with the number, or `docs/fim.md` says why there is none.
#[test]
fn every_scenario_has_a_test_or_a_reason() {
    const SCENARIOS: u32 = 60;
    let reasons = fs::read_to_string(root().join("docs/fim.md")).unwrap();
    let mut tested = BTreeSet::new();
    for (_, text) in all_sources() {
        let number = |part: &str| part.strip_prefix('f').and_then(|number| number.parse::<u32>().ok());
        // `f25_f26_f27_what_a_container_writes`: one test may show several.
        let names = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let names = names.filter(|name| name.split_once('_').is_some_and(|(first, _)| number(first).is_some()));
        names.for_each(|name| tested.extend(name.split('_').filter_map(number)));
    }
    let untold = |number: &u32| !tested.contains(number) && !reasons.contains(&format!("| F{number},"));
    let broken: Vec<String> = (1..=SCENARIOS).filter(untold).map(|number| format!("F{number}")).collect();
    fail_if_any("a scenario without a test or a reason", &broken);
}

#[test]
fn goldens_have_their_inputs_and_inputs_their_goldens() {
    let mut broken = Vec::new();
    for member in members() {
        let Ok(folder) = fs::read_dir(member.join("testdata")) else { continue };
        let files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
        for file in &files {
            let partner = |extension: &str| files.contains(&file.with_extension(extension));
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("json") if !["log", "ndjson", "rules"].iter().any(|input| partner(input)) => {
                    broken.push(file.display().to_string())
                }
                Some("log") if !partner("json") => broken.push(file.display().to_string()),
                _ => {}
            }
        }
    }
    fail_if_any("a golden that nothing is compared with", &broken);
}

#[test]
fn documents_point_at_what_is_there() {
    let mut documents: Vec<PathBuf> =
        fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    documents.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|file| root().join(file)));
    let mut broken = Vec::new();
    for document in documents.iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next()) {
            let target = document.parent().unwrap().join(link);
            if !link.is_empty() && !link.contains("://") && !target.exists() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    fail_if_any("a link to nothing", &broken);
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let allowed = fs::read_to_string(root().join("deny.toml")).unwrap();
    let list = allowed.split("allow = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    let allowed: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let broken: Vec<String> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| {
            let licence = package["license"].as_str().unwrap_or("none");
            // "A OR B" is fine with one of them, "A AND B" with both.
            !licence.split(['/']).flat_map(|part| part.split(" OR ")).any(|choice| {
                choice
                    .trim_matches(['(', ')', ' '])
                    .split(" AND ")
                    .all(|one| allowed.contains(one.trim_matches(['(', ')', ' '])))
            })
        })
        .map(|package| format!("{} {}", package["name"], package["license"]))
        .collect();
    fail_if_any("a dependency whose licence deny.toml does not allow", &broken);
}
