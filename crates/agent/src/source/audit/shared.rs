//! What the three threads of the source share, and the loop of `audit-control`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::warn;

use super::Config;
use super::control::{Control, Mode};
use super::kernel::Kernel;
use super::queue::Queue;
use crate::clock::Clock;
use crate::health::{self, Figure, Health, State};
use crate::intake::{Kept, Stop};
use crate::sys::netlink::{Granted, Group, Socket};
use crate::sys::proc::Proc;
use crate::sys::wake::Wake;

/// How often the status is polled.
const POLL: Duration = Duration::from_secs(1);
/// After our rules are gone the rest is read until the socket was silent so long ...
const SILENCE: Duration = Duration::from_millis(200);
/// ... and at most this long, since rules of others may go on making records.
const DRAIN: Duration = Duration::from_millis(700);
/// The same for the few records that putting values back makes.
const LAST_SILENCE: Duration = Duration::from_millis(20);
const LAST_DRAIN: Duration = Duration::from_millis(200);

/// The names of the sockets that are kept open for a successor.
pub(super) const UNICAST: &str = "audit-unicast";
pub(super) const MULTICAST: &str = "audit-multicast";

/// Sockets that a predecessor kept open for us.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    pub(super) unicast: Option<Socket>,
    pub(super) multicast: Option<Socket>,
}

/// Somebody else did that, and who wants audit off is not fought.
const SWITCHED_OFF: &str = "audit is switched off (enabled 0), so nothing is recorded; auditctl -e 1 switches it on";

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) stop: Stop,
    pub(super) queue: Queue,
    /// Ends a wait of `audit-recv`.
    pub(super) wake: Wake,
    /// The socket whose port we register.
    pub(super) data: Arc<Socket>,
    /// The kernel dropped a rule of ours.
    pub(super) dropped: AtomicBool,
    orders: Mutex<Orders>,
    /// `audit-recv` fulfilled an order to drain.
    drained: Condvar,
    /// Newest serial seen, with bit 32 set once there is one.
    newest: AtomicU64,
    /// A parser that must not wait for its sink any longer.
    hurry: AtomicBool,
    /// A successor goes on at once: nothing is put back, and what is not whole is handed over.
    handing_over: AtomicBool,
    health: Arc<health::Source>,
    granted: Granted,
    problems: Mutex<Vec<String>>,
    /// Who asked last for the socket that is ours, for people.
    asker: Mutex<Option<String>>,
    figures: Figures,
}

/// The kernel's side in numbers.
#[derive(Debug)]
struct Figures {
    backlog: Arc<Figure>,
    backlog_limit: Arc<Figure>,
    waited: Arc<Figure>,
    enabled: Arc<Figure>,
    owner: Arc<Figure>,
    /// Jiffies in a second.
    hz: u64,
}

/// What `audit-control` wants of `audit-recv`.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    /// Read the registered socket.
    pub(super) unicast: bool,
    /// Read the copy; dropped by `audit-recv` when the registered socket has begun to speak.
    pub(super) multicast: Option<Arc<Socket>>,
    /// Say when nothing came for so long.
    pub(super) silence: Option<Duration>,
    /// Stop reading.
    pub(super) end: bool,
}

impl Shared {
    pub(super) fn new(config: Config, clock: Clock, health: &Health, kept: Inherited) -> std::io::Result<Self> {
        let data = kept.unicast.map_or_else(|| Socket::open(Group::None), Ok)?;
        let orders = Orders { multicast: kept.multicast.map(Arc::new), ..Orders::default() };
        let granted = data.set_receive_buffer(config.receive_buffer())?;
        Ok(Self {
            queue: Queue::new(usize::try_from(config.queue_bytes.0).unwrap_or(usize::MAX)),
            config,
            clock,
            stop: Stop::default(),
            wake: Wake::new()?,
            data: Arc::new(data),
            dropped: AtomicBool::new(false),
            orders: Mutex::new(orders),
            drained: Condvar::new(),
            newest: AtomicU64::new(0),
            hurry: AtomicBool::new(false),
            handing_over: AtomicBool::new(false),
            health: health.source("audit"),
            granted,
            problems: Mutex::default(),
            asker: Mutex::default(),
            figures: Figures::new(health),
        })
    }

    /// Things to say on the health page although the source runs.
    pub(super) fn note_problems(&self, problems: Vec<String>) {
        problems.iter().for_each(|problem| warn!(problem, "audit rules"));
        *lock(&self.problems) = problems;
    }

    /// Lets `audit-recv` read what the mode says, and tells the health page.
    pub(super) fn follow<K: Kernel>(&self, control: &Control<K>) {
        let off = if control.is_switched_off() { format!("; {SWITCHED_OFF}") } else { String::new() };
        let (unicast, multicast, (state, why)) = match control.mode() {
            Mode::Unicast => (true, None, self.own_health(control)),
            Mode::Multicast { why } => match (self.open_copy(), control.copy_lacks()) {
                (Ok(copy), None) => {
                    (false, Some(copy), (State::Degraded, format!("reads the multicast copy: {why}{off}")))
                }
                // Its socket opens, and stays silent for ever.
                (Ok(_), Some(lack)) => (false, None, (State::Off, format!("{why}; no multicast copy either: {lack}"))),
                (Err(error), lack) => {
                    let lack = lack.unwrap_or_else(|| error.to_string());
                    (false, None, (State::Off, format!("{why}; no multicast copy either: {lack}")))
                }
            },
            Mode::Off { why } => (false, None, (State::Off, why.clone())),
        };
        self.health.set(state, why);
        let mut orders = lock(&self.orders);
        orders.unicast = unicast;
        // On the way from the copy to the socket both are read until the socket speaks; audit-recv then drops the copy.
        if !unicast {
            orders.multicast = multicast;
        }
        drop(orders);
        self.wake.wake();
    }

    fn own_health<K: Kernel>(&self, control: &Control<K>) -> (State, String) {
        let mut notes = lock(&self.problems).clone();
        notes.extend_from_slice(control.notes());
        if !self.granted.forced {
            let bytes = self.granted.bytes;
            notes.push(format!("the receive buffer is only {bytes} bytes because CAP_NET_ADMIN is missing"));
        }
        if control.is_switched_off() {
            notes.push(SWITCHED_OFF.to_owned());
        }
        let state = if notes.is_empty() { State::On } else { State::Degraded };
        let waiting = control.waiting().len();
        notes.extend_from_slice(control.remarks());
        if let Some(asker) = &*lock(&self.asker) {
            notes.push(format!("{asker} asked for the audit socket; it stays ours"));
        }
        if waiting > 0 {
            notes.push(format!("{waiting} rules wait for folders that do not exist here"));
        }
        (state, notes.join("; "))
    }

    fn open_copy(&self) -> std::io::Result<Arc<Socket>> {
        if let Some(open) = lock(&self.orders).multicast.clone() {
            return Ok(open);
        }
        let copy = Socket::open(Group::ReadLog)?;
        copy.set_receive_buffer(self.config.receive_buffer())?;
        Ok(Arc::new(copy))
    }

    pub(super) fn orders(&self) -> Orders {
        lock(&self.orders).clone()
    }

    /// Another process wanted the socket. Told at the next look of `audit-control`.
    pub(super) fn asked_by(&self, asker: String) {
        *lock(&self.asker) = Some(asker);
    }

    /// The registered socket speaks: the copy is no longer needed.
    pub(super) fn drop_copy(&self) {
        lock(&self.orders).multicast = None;
    }

    /// Called by `audit-recv` when it was silent as long as ordered.
    pub(super) fn silent(&self) {
        lock(&self.orders).silence = None;
        self.drained.notify_all();
    }

    /// Waits until nothing came for `silence`, at most `limit`.
    fn drain(&self, silence: Duration, limit: Duration) {
        lock(&self.orders).silence = Some(silence);
        self.wake.wake();
        let orders = lock(&self.orders);
        let waiting = |orders: &mut Orders| orders.silence.is_some() && !orders.end;
        drop(self.drained.wait_timeout_while(orders, limit, waiting));
    }

    /// The last serial and the last losses.
    fn last_look<K: Kernel>(&self, control: &mut Control<K>) {
        control.poll(self.clock.wall());
        if let Some(serial) = self.newest() {
            control.saw(serial);
        }
    }

    fn end_reading(&self) {
        self.hurry.store(true, Ordering::Relaxed);
        lock(&self.orders).end = true;
        self.drained.notify_all();
        self.wake.wake();
    }

    /// A record of this serial was decoded.
    pub(super) fn saw(&self, serial: u32) {
        self.newest.store(u64::from(serial) | 1 << 32, Ordering::Relaxed);
    }

    fn newest(&self) -> Option<u32> {
        let newest = self.newest.load(Ordering::Relaxed);
        u32::try_from(newest & u64::from(u32::MAX)).ok().filter(|_| newest != 0)
    }

    /// The end for a successor: the sockets that it reads on.
    pub(super) fn hand_over(&self) -> Vec<Kept> {
        self.handing_over.store(true, Ordering::Relaxed);
        let keep = |name, socket: &Socket| match socket.keep() {
            Ok(fd) => Some((name, fd)),
            Err(error) => {
                warn!(name, %error, "a socket cannot be kept open");
                None
            }
        };
        let copy = self.orders().multicast.and_then(|copy| keep(MULTICAST, &copy));
        let kept = keep(UNICAST, &self.data).into_iter().chain(copy).collect();
        self.stop.set();
        kept
    }

    pub(super) fn is_handing_over(&self) -> bool {
        self.handing_over.load(Ordering::Relaxed)
    }

    /// Whether events that find no room should be given up.
    pub(super) fn in_a_hurry(&self) -> bool {
        self.hurry.load(Ordering::Relaxed)
    }
}

impl Figures {
    fn new(health: &Health) -> Self {
        Self {
            backlog: health.figure("auditng_audit_backlog_records"),
            backlog_limit: health.figure("auditng_audit_backlog_limit_records"),
            waited: health.figure("auditng_audit_wait_seconds_total"),
            enabled: health.figure("auditng_audit_enabled"),
            owner: health.figure("auditng_audit_owner_pid"),
            hz: Proc::default().jiffies_per_second(),
        }
    }

    fn set<K: Kernel>(&self, control: &Control<K>) {
        if let Some(status) = control.status() {
            self.backlog.set(status.backlog.into());
            self.backlog_limit.set(status.backlog_limit.into());
            self.waited.set(u64::from(status.backlog_wait_time_actual.unwrap_or(0)) / self.hz);
            self.enabled.set(status.enabled.into());
            self.owner.set(status.pid.into());
        }
    }
}

/// The loop of `audit-control`: polls until told to stop, then puts everything back.
pub(super) fn supervise<K: Kernel>(mut control: Control<K>, shared: &Shared) {
    let told = |control: &Control<K>| {
        let asker = lock(&shared.asker).clone();
        (control.mode().clone(), control.notes().len(), control.waiting().len(), control.is_switched_off(), asker)
    };
    let mut before = told(&control);
    while !shared.stop.wait(POLL) {
        control.poll(shared.clock.wall());
        if shared.dropped.swap(false, Ordering::Relaxed) {
            control.put_back();
        }
        if let Some(serial) = shared.newest() {
            control.saw(serial);
        }
        shared.figures.set(&control);
        let now = told(&control);
        if before != now {
            shared.follow(&control);
            before = now;
        }
    }
    if shared.is_handing_over() {
        shared.last_look(&mut control);
        shared.end_reading();
        shared.health.set(State::Off, "a successor goes on");
        return;
    }
    if control.switch_off() {
        // Nothing is recorded any more. What is under way becomes events at once; the kernel takes its time with the rules.
        shared.drain(SILENCE, DRAIN);
        shared.last_look(&mut control);
        shared.end_reading();
        control.remove_rules();
        control.restore_values();
    } else {
        // Taking rules and values back makes records, which are read too.
        let owner = *control.mode() == Mode::Unicast;
        control.remove_rules();
        if owner {
            shared.drain(SILENCE, DRAIN);
        }
        control.restore_values();
        if owner {
            shared.drain(LAST_SILENCE, LAST_DRAIN);
        }
        shared.last_look(&mut control);
        shared.end_reading();
    }
    control.end();
    shared.health.set(State::Off, "stopped");
}

/// Orders are whole after each change, so a thread that panicked leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
