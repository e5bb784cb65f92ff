//! `struct audit_status` and `struct audit_features`.

use super::word;

/// State of the kernel's audit system. The first seven values exist in every kernel; the rest came later and are
/// absent in the answers of older ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Status {
    /// Which values the kernel says are valid (it sends 0).
    pub mask: u32,
    /// 0 off, 1 on, 2 on and locked until the next boot.
    pub enabled: u32,
    /// What the kernel does when it cannot log: 0 nothing, 1 printk, 2 panic.
    pub failure: u32,
    /// The registered daemon; 0 = nobody.
    pub pid: u32,
    /// Records per second at most; 0 = no limit.
    pub rate_limit: u32,
    /// Records that may wait in the kernel.
    pub backlog_limit: u32,
    /// Records lost since boot; wraps at 2^32.
    pub lost: u32,
    /// Records waiting now.
    pub backlog: u32,
    /// Bits of [`Status::FEATURE_EXECUTABLE_PATH`] and its sisters; in kernels before 3.15 a version, before 3.14
    /// absent.
    pub features: Option<u32>,
    /// How long an audited program waits when the backlog is full, in jiffies.
    pub backlog_wait_time: Option<u32>,
    /// How long programs have waited so far, in jiffies.
    pub backlog_wait_time_actual: Option<u32>,
}

impl Status {
    /// `-F exe=` is understood.
    pub const FEATURE_EXECUTABLE_PATH: u32 = 0x04;
    /// The exclude list takes more fields than `msgtype`.
    pub const FEATURE_EXCLUDE_EXTEND: u32 = 0x08;
    /// `-F sessionid=` is understood.
    pub const FEATURE_SESSIONID: u32 = 0x10;
    /// `lost` can be reset.
    pub const FEATURE_LOST_RESET: u32 = 0x20;
    /// The filesystem list exists.
    pub const FEATURE_FILTER_FS: u32 = 0x40;

    /// Bytes that even the oldest kernel sends.
    pub(super) const MIN_BYTES: usize = 32;

    /// Reads as many words as came; `None` if fewer than the oldest kernel sends.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        Some(Self {
            mask: word(body, 0)?,
            enabled: word(body, 4)?,
            failure: word(body, 8)?,
            pid: word(body, 12)?,
            rate_limit: word(body, 16)?,
            backlog_limit: word(body, 20)?,
            lost: word(body, 24)?,
            backlog: word(body, 28)?,
            features: word(body, 32),
            backlog_wait_time: word(body, 36),
            backlog_wait_time_actual: word(body, 40),
        })
    }

    /// Whether the kernel says that it has a feature; a kernel too old to say has none.
    #[must_use]
    pub fn has(&self, feature: u32) -> bool {
        self.features.is_some_and(|bits| bits & feature != 0)
    }

    /// Whether rules and status are locked until the next boot (`-e 2`).
    #[must_use]
    pub fn locked(&self) -> bool {
        self.enabled == 2
    }
}

/// A change of status values: only those that are set are sent as valid.
///
/// ```
/// use audit::netlink::SetStatus;
///
/// let set = SetStatus { backlog_limit: Some(65_536), backlog_wait_time: Some(0), ..SetStatus::default() };
/// assert_eq!(set.mask(), 0x30);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SetStatus {
    /// 0 off, 1 on, **2 on and locked until the next boot**.
    pub enabled: Option<u32>,
    /// 0 silent, 1 printk, 2 panic.
    pub failure: Option<u32>,
    /// Register this process, or (0, only by the owner) give the registration up.
    pub pid: Option<u32>,
    /// Records per second; 0 = no limit.
    pub rate_limit: Option<u32>,
    /// Records that may wait.
    pub backlog_limit: Option<u32>,
    /// In jiffies; 0 = programs never wait.
    pub backlog_wait_time: Option<u32>,
    /// Set `lost` to 0. Other readers of `lost` are surprised by it: keep differences instead.
    pub reset_lost: bool,
    /// Set `backlog_wait_time_actual` to 0.
    pub reset_backlog_wait_time_actual: bool,
}

impl SetStatus {
    /// The mask word: which values are valid.
    #[must_use]
    pub fn mask(&self) -> u32 {
        [
            (self.enabled.is_some(), 0x01),
            (self.failure.is_some(), 0x02),
            (self.pid.is_some(), 0x04),
            (self.rate_limit.is_some(), 0x08),
            (self.backlog_limit.is_some(), 0x10),
            (self.backlog_wait_time.is_some(), 0x20),
            (self.reset_lost, 0x40),
            (self.reset_backlog_wait_time_actual, 0x80),
        ]
        .into_iter()
        .filter(|(valid, _)| *valid)
        .fold(0, |mask, (_, bit)| mask | bit)
    }

    /// The eleven words in kernel order. Older kernels read as many as they know.
    pub(super) fn words(&self) -> [u32; 11] {
        [
            self.mask(),
            self.enabled.unwrap_or(0),
            self.failure.unwrap_or(0),
            self.pid.unwrap_or(0),
            self.rate_limit.unwrap_or(0),
            self.backlog_limit.unwrap_or(0),
            0,
            0,
            0,
            self.backlog_wait_time.unwrap_or(0),
            0,
        ]
    }
}

/// `struct audit_features`: whether login uids can be changed or unset.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Feature {
    /// Which bits `features` and `lock` speak of.
    pub mask: u32,
    /// Bit 0: only unset, bit 1: immutable.
    pub features: u32,
    /// Which of them can no longer be changed.
    pub lock: u32,
}

impl Feature {
    /// Bit of "a login uid can be unset only with a capability".
    pub const ONLY_UNSET_LOGINUID: u32 = 1;
    /// Bit of "a login uid once set stays" (`--loginuid-immutable`).
    pub const LOGINUID_IMMUTABLE: u32 = 2;
    pub(super) const BYTES: usize = 16;

    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        Some(Self { mask: word(body, 4)?, features: word(body, 8)?, lock: word(body, 12)? })
    }

    /// `AUDIT_FEATURE_VERSION`, then the three words.
    pub(super) fn words(self) -> [u32; 4] {
        [1, self.mask, self.features, self.lock]
    }
}
