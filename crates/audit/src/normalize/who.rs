//! Who acted, as whom, on whom.

use std::borrow::Cow;

use schema::{Event, Field, Value, field};

use super::Names;
use super::action::{Action, Whom};
use super::view::{View, is_id};
use crate::record::name::{self, Name};

/// A user or group: its id, its name, or both.
#[derive(Clone, Default)]
pub(super) struct Who<'a> {
    pub(super) id: Option<&'a [u8]>,
    pub(super) name: Option<Cow<'a, [u8]>>,
}

impl<'a> Who<'a> {
    /// The name, else the id.
    pub(super) fn shown(&self) -> Option<&[u8]> {
        self.name.as_deref().or(self.id)
    }

    /// The user in a field: a number is an id, all else a name.
    pub(super) fn in_field(view: View<'a>, names: &'a dyn Names, field: Name) -> Option<Self> {
        // Programs write `acct="?"`, with quotes, for a user that they do not know.
        let value = view.inner_or_outer(field).filter(|value| **value != *b"?")?;
        if !value.iter().all(u8::is_ascii_digit) || value.is_empty() {
            return (!value.is_empty() && &*value != b"-1").then_some(Self { id: None, name: Some(value) });
        }
        let id = view.raw_of(field).filter(|id| is_id(id))?;
        Some(Self { id: Some(id), name: view.tail_name(field).map(Cow::Borrowed).or_else(|| user(names, id)) })
    }

    fn user(view: View<'a>, names: &'a dyn Names, field: Name) -> Self {
        let id = view.id(field);
        let name = || view.tail_name(field).map(Cow::Borrowed).or_else(|| user(names, id?));
        Self { id, name: if id.is_some() { name() } else { None } }
    }

    fn group(view: View<'a>, names: &'a dyn Names, field: Name) -> Self {
        let id = view.id(field);
        let known = |id: &[u8]| names.group(number(id)?).map(|name| Cow::Borrowed(name.as_bytes()));
        let name = || view.tail_name(field).map(Cow::Borrowed).or_else(|| known(id?));
        Self { id, name: if id.is_some() { name() } else { None } }
    }

    fn push(&self, event: &mut Event, id: Field, name: Field) {
        if let Some(value) = self.id {
            event.push_bytes(id, value);
        }
        if let Some(value) = &self.name {
            event.push_bytes(name, value);
        }
    }
}

fn user<'a>(names: &'a dyn Names, id: &[u8]) -> Option<Cow<'a, [u8]>> {
    names.user(number(id)?).map(|name| Cow::Borrowed(name.as_bytes()))
}

fn number(id: &[u8]) -> Option<u32> {
    str::from_utf8(id).ok()?.parse().ok()
}

/// The actors of the summary.
pub(super) struct Actors<'a> {
    pub(super) primary: Who<'a>,
    pub(super) second: Who<'a>,
}

impl<'a> Actors<'a> {
    pub(super) fn of(view: View<'a>, names: &'a dyn Names, action: &Action) -> Self {
        let first = |fields: &[Name], fallback: Name| match fields {
            [] => Who::in_field(view, names, fallback),
            fields => fields.iter().find_map(|&field| Who::in_field(view, names, field)),
        };
        let primary = first(action.actor, name::AUID).unwrap_or_default();
        let second = first(action.second, name::UID).unwrap_or_default();
        Self { primary, second }
    }
}

/// Writes `user.*`, `group.*`, `auditd.user.*` and `related.user`.
pub(super) fn push(view: View<'_>, names: &dyn Names, action: &Action, actors: &Actors<'_>, event: &mut Event) {
    let user = |field| Who::user(view, names, field);
    let (uid, euid) = (user(name::UID), user(name::EUID));
    let audit = user(name::AUID);
    audit.push(event, field::AUDITD_USER_AUDIT_ID, field::AUDITD_USER_AUDIT_NAME);
    let pick = |whom: Whom| match whom {
        Whom::Ids | Whom::Uid => uid.clone(),
        Whom::Nobody => Who::default(),
        Whom::Actor => actors.primary.clone(),
        Whom::Second => actors.second.clone(),
        Whom::Object => action.primary.iter().find_map(|&name| Who::in_field(view, names, name)).unwrap_or_default(),
    };
    pick(action.user).push(event, field::USER_ID, field::USER_NAME);
    let effective = match action.effective {
        Whom::Ids if euid.id == uid.id => Who::default(),
        Whom::Ids => euid.clone(),
        whom => pick(whom),
    };
    effective.push(event, field::USER_EFFECTIVE_ID, field::USER_EFFECTIVE_NAME);
    let target = pick(action.target);
    target.push(event, field::USER_TARGET_ID, field::USER_TARGET_NAME);
    push_kept_ids(view, names, &euid, event);
    if action.group == Whom::Ids {
        push_groups(view, names, event);
    } else {
        pick(action.group).push(event, field::GROUP_ID, field::GROUP_NAME);
    }
    for who in [&audit, &uid, &euid, &effective, &target, &actors.primary, &actors.second] {
        push_related(event, who);
    }
}

/// Saved and file system ids where they differ from the effective one.
fn push_kept_ids(view: View<'_>, names: &dyn Names, euid: &Who<'_>, event: &mut Event) {
    for (source, id, name) in [
        (name::SUID, field::AUDITD_USER_SAVED_ID, field::AUDITD_USER_SAVED_NAME),
        (name::FSUID, field::AUDITD_USER_FILESYSTEM_ID, field::AUDITD_USER_FILESYSTEM_NAME),
    ] {
        if view.raw(source) != euid.id {
            Who::user(view, names, source).push(event, id, name);
        }
    }
    for (source, id, name) in [
        (name::SGID, field::AUDITD_USER_SAVED_GROUP_ID, field::AUDITD_USER_SAVED_GROUP_NAME),
        (name::FSGID, field::AUDITD_USER_FILESYSTEM_GROUP_ID, field::AUDITD_USER_FILESYSTEM_GROUP_NAME),
    ] {
        if view.raw(source) != view.raw(name::EGID) {
            Who::group(view, names, source).push(event, id, name);
        }
    }
}

fn push_groups(view: View<'_>, names: &dyn Names, event: &mut Event) {
    Who::group(view, names, name::GID).push(event, field::USER_GROUP_ID, field::USER_GROUP_NAME);
    if view.raw(name::EGID) != view.raw(name::GID) {
        let effective = Who::group(view, names, name::EGID);
        effective.push(event, field::USER_EFFECTIVE_GROUP_ID, field::USER_EFFECTIVE_GROUP_NAME);
    }
}

fn push_related(event: &mut Event, who: &Who<'_>) {
    if let Some(name) = who.name.as_deref().and_then(|name| str::from_utf8(name).ok())
        && !event.all(field::RELATED_USER).any(|value| value == Value::Text(name))
    {
        event.push_str(field::RELATED_USER, name);
    }
}
