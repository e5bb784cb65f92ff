//! A kernel that keeps to the rules of kernel/audit.c as far as they matter to those who ask it.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use audit::netlink::{SetStatus, Status};
use audit::rule::{self, Rule};

use super::super::control::canonical;
use super::{Kernel, KernelError};

pub(crate) const ME: u32 = 100;
pub(crate) const OTHER: u32 = 200;

/// See the [module](self).
#[derive(Clone, Default)]
pub(crate) struct Fake(pub(crate) Rc<RefCell<Inner>>);

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) status: Status,
    pub(crate) rules: Vec<Vec<u8>>,
    pub(crate) denied: bool,
    pub(crate) refused_rule: Option<Vec<u8>>,
    pub(crate) absent_folder: Option<Vec<u8>>,
    pub(crate) changes: usize,
    /// So many more changes of rules are made; then the process is gone.
    pub(crate) left: Option<usize>,
    /// The owner's socket is closed, and no record has told the kernel so.
    pub(crate) dead: bool,
    /// So many records are lost between any two looks at the status.
    pub(crate) losing: u32,
}

impl Inner {
    fn change(&mut self) {
        self.changes += 1;
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1).unwrap_or_else(|| panic!("killed"));
        }
    }
}

fn refusal(what: &'static str, errno: i32) -> KernelError {
    KernelError { what, source: io::Error::from_raw_os_error(errno) }
}

impl Kernel for Fake {
    fn status(&mut self) -> Result<Status, KernelError> {
        let mut inner = self.0.borrow_mut();
        inner.status.lost = inner.status.lost.wrapping_add(inner.losing);
        if inner.denied { Err(refusal("tell", libc::EPERM)) } else { Ok(inner.status) }
    }

    fn set(&mut self, change: SetStatus) -> Result<(), KernelError> {
        let mut inner = self.0.borrow_mut();
        inner.changes += 1;
        if inner.status.locked() {
            return Err(refusal("set", libc::EPERM));
        }
        let status = &mut inner.status;
        status.enabled = change.enabled.unwrap_or(status.enabled);
        status.failure = change.failure.unwrap_or(status.failure);
        status.rate_limit = change.rate_limit.unwrap_or(status.rate_limit);
        status.backlog_limit = change.backlog_limit.unwrap_or(status.backlog_limit);
        status.backlog_wait_time = change.backlog_wait_time.or(status.backlog_wait_time);
        Ok(())
    }

    fn register(&mut self) -> Result<(), KernelError> {
        let mut inner = self.0.borrow_mut();
        inner.changes += 1;
        if inner.status.pid == 0 || inner.dead {
            inner.status.pid = ME;
        }
        Ok(())
    }

    fn release(&mut self) -> Result<(), KernelError> {
        let mut inner = self.0.borrow_mut();
        if inner.status.pid != ME {
            return Err(refusal("release", libc::EACCES));
        }
        inner.status.pid = 0;
        Ok(())
    }

    fn rules(&mut self) -> Result<Vec<Vec<u8>>, KernelError> {
        Ok(self.0.borrow().rules.clone())
    }

    fn add_rule(&mut self, rule: &[u8]) -> Result<(), KernelError> {
        let mut inner = self.0.borrow_mut();
        let bytes = canonical(rule);
        if inner.status.locked() {
            return Err(refusal("add", libc::EPERM));
        }
        inner.change();
        if inner.rules.contains(&bytes) {
            return Err(refusal("add", libc::EEXIST));
        }
        if inner.refused_rule.as_ref() == Some(&bytes) {
            return Err(refusal("add", libc::EINVAL));
        }
        if inner.absent_folder.as_ref() == Some(&bytes) {
            return Err(refusal("add", libc::ENOENT));
        }
        let front = u32::from_ne_bytes(*rule.first_chunk().unwrap()) & 0x10 != 0;
        let at = if front { 0 } else { inner.rules.len() };
        inner.rules.insert(at, bytes);
        Ok(())
    }

    fn delete_rule(&mut self, rule: &[u8]) -> Result<(), KernelError> {
        let mut inner = self.0.borrow_mut();
        if inner.status.locked() {
            return Err(refusal("delete", libc::EPERM));
        }
        let at = inner.rules.iter().position(|there| there == rule).ok_or_else(|| refusal("delete", libc::ENOENT))?;
        inner.change();
        inner.rules.remove(at);
        Ok(())
    }
}

pub(crate) fn rule(name: u8) -> Rule {
    let host = rule::Host::bare(audit::table::arch::X86_64);
    let report = rule::check(&format!("-a always,exit -S {name} -k rule-{name}"), &host);
    report.rules().next().unwrap().clone()
}

pub(crate) fn bytes(name: u8) -> Vec<u8> {
    rule(name).canonical_bytes()
}
