//! What a system call or record type means, as rows of data.
//!
//! A row says which words, categories and types an event gets (ECS), what its object is, and from which fields the actor,
//! the object and the users come. The rows themselves are in [`super::actions`].

use crate::record::{Name, name};

/// One meaning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Action {
    /// `event.action`: the word of Elastic's endpoint rules first, then auditd_manager's. Empty: the call's own name.
    pub(super) words: &'static [&'static str],
    pub(super) categories: &'static [&'static str],
    pub(super) types: &'static [&'static str],
    pub(super) kind: &'static str,
    pub(super) object: Object,
    /// `auditd.summary.actor.primary`: the first of these that is there, else `auid`.
    pub(super) actor: &'static [Name],
    /// `auditd.summary.actor.secondary`: likewise, else `uid`.
    pub(super) second: &'static [Name],
    pub(super) primary: &'static [Name],
    pub(super) secondary: &'static [Name],
    /// `auditd.summary.how`: likewise, else `exe`.
    pub(super) how: &'static [Name],
    /// `addr` is where the user came from.
    pub(super) from_addr: bool,
    pub(super) user: Whom,
    pub(super) effective: Whom,
    pub(super) target: Whom,
    pub(super) group: Whom,
    /// The meaning when a PATH says that a file was created.
    pub(super) created: Option<&'static Action>,
    /// Which argument holds the open flags.
    pub(super) open_flags: Option<Name>,
}

impl Action {
    /// Whether this is what `other` means when it made its file.
    pub(super) fn is_creation_of(&self, other: &Self) -> bool {
        other.created.is_some_and(|created| std::ptr::eq(created, self))
    }
}

/// What an action acts on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Object {
    /// Nothing that a row could say.
    Unsaid,
    /// The file of the PATH records.
    File,
    /// As [`Self::File`], but the first PATH: what an exec runs, before its interpreter.
    FirstFile,
    /// The peer of the SOCKADDR record.
    Socket,
    /// A thing named by fields.
    Named(&'static str),
}

/// Where a user field's value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Whom {
    /// The ids of the record (`uid`, `euid`) as they are.
    Ids,
    /// Nobody.
    Nobody,
    /// The actor.
    Actor,
    /// The second actor.
    Second,
    /// The object.
    Object,
    /// The `uid` field.
    Uid,
}

/// A call that no row knows: its own name, process and info.
pub(super) const UNLISTED: Action = Action {
    words: &[],
    categories: &["process"],
    types: &["info"],
    kind: "event",
    object: Object::Unsaid,
    actor: &[],
    second: &[],
    primary: &[],
    secondary: &[],
    how: &[],
    from_addr: false,
    user: Whom::Ids,
    effective: Whom::Ids,
    target: Whom::Nobody,
    group: Whom::Ids,
    created: None,
    open_flags: None,
};

/// A record that no row knows: nothing is claimed.
pub(super) const UNKNOWN_RECORD: Action = Action { categories: &[], types: &[], ..UNLISTED };

pub(super) const FILE: Action = Action { categories: &["file"], object: Object::File, ..UNLISTED };
pub(super) const NETWORK: Action =
    Action { categories: &["network"], types: &["connection", "info"], object: Object::Socket, ..UNLISTED };
pub(super) const HOST: Action = Action { categories: &["host"], ..UNLISTED };
pub(super) const CONFIGURATION: Action = Action { categories: &["configuration"], types: &["change"], ..UNLISTED };
pub(super) const IAM: Action = Action { categories: &["iam"], ..UNLISTED };
pub(super) const AUTHENTICATION: Action = Action {
    categories: &["authentication"],
    user: Whom::Actor,
    effective: Whom::Second,
    group: Whom::Nobody,
    ..USER_SESSION
};
pub(super) const SESSION: Action = Action { categories: &["session"], ..AUTHENTICATION };
pub(super) const ANOMALY: Action = Action { categories: &["intrusion_detection"], kind: "alert", ..UNLISTED };

/// A record of a program that acts for a user: who is `auid`, for whom is `acct`.
pub(super) const USER_SESSION: Action = Action {
    object: Object::Named("user-session"),
    second: &[name::ACCT, name::ID, name::UID],
    primary: &[name::TERMINAL],
    secondary: &[name::ADDR, name::HOSTNAME],
    how: &[name::EXE, name::TERMINAL],
    from_addr: true,
    ..UNLISTED
};
