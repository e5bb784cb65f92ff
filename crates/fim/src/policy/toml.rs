//! Policies as text in our own form, however they were written: `auditng fim status --as-toml`.

use crate::config::{File, More, Policy};

/// A file for `fim.d` with these policies and what is left out of all, which reads back as the same.
#[must_use]
pub fn text(policies: &[Policy], exclude: &[String]) -> String {
    let file = File { fim: More { exclude: exclude.to_vec(), policy: policies.to_vec(), import: Vec::new() } };
    // Tables, lists, texts and numbers below 2^63 are all there is, and each has a form.
    toml::to_string(&file).unwrap_or_else(|error| format!("# {}\n", error.to_string().replace('\n', " ")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::config::{Application, Bytes, Class, Diff, Hash, Rotation, Severity, Span, Window, Zone};

    fn word() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z/*]{1,8}", "\\PC{0,12}", Just("a\n\"\\\t\u{1b}'''".to_owned())]
    }

    fn words() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec(word(), 0..3)
    }

    fn application() -> impl Strategy<Value = Application> {
        let some = || proptest::option::of(word());
        (some(), some(), some(), some()).prop_map(|(exe, user, container, unit)| Application {
            exe: exe.map(Into::into),
            user,
            container,
            unit,
            sha256: None,
        })
    }

    fn policy() -> impl Strategy<Value = Policy> {
        let lists = (words(), words(), words(), words(), words());
        let numbers = (
            proptest::option::of(any::<u32>()),
            proptest::option::of(0..i64::MAX as u64),
            any::<bool>(),
            any::<bool>(),
        );
        let applications = proptest::collection::vec(application(), 0..3);
        (word(), lists, numbers, applications).prop_map(|(id, (paths, exclude, tags, regex, keys), numbers, allow)| {
            Policy {
                id: id.clone(),
                exclude,
                exclude_regex: regex,
                recursion: numbers.0,
                max_file_size: numbers.1.map(Bytes),
                append_only: numbers.2,
                audit_dirs: numbers.3,
                rotation: numbers.2.then(|| Rotation { by: vec![id.clone().into()] }),
                events: numbers.3.then(|| Class::ALL.to_vec()),
                hash: numbers.2.then(|| vec![Hash::Sha1, Hash::Md5]),
                perm_deadline: numbers.0.map(|ms| Span(Duration::from_millis(u64::from(ms)))),
                diff: numbers.3.then(|| Diff { nodiff: paths.clone(), ..Diff::default() }),
                window: keys
                    .iter()
                    .map(|reason| Window {
                        days: tags.clone(),
                        from: id.clone(),
                        to: String::new(),
                        reason: reason.clone(),
                        zone: Zone::Local,
                    })
                    .collect(),
                paths,
                tags,
                audit_keys: keys,
                allow,
                severity: Severity::Critical,
                ..Policy::default()
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(policies in proptest::collection::vec(policy(), 0..4), exclude in words()) {
            let text = text(&policies, &exclude);
            let File { fim } = File::read(&text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
            prop_assert_eq!((fim.policy, fim.exclude), (policies, exclude));
        }
    }
}
