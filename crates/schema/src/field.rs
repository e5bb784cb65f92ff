//! The catalogue: every field we know, what kind of value it holds, whether it can hold many, and whether its words are
//! found by a search that names no field.
//!
//! Names are ECS 8.17; `auditd.*` as Elastic's auditd_manager integration has them; our own only under `auditng.*`.
//! A [`Field`] is an index into the catalogue, so an event costs two bytes per name, and the store, the search and the
//! rules agree on a name by comparing numbers. Names outside the catalogue travel as [`OTHER`] with the name as key.
//!
//! To add a field: one line below, in byte order of the names (a test holds that), and nothing else.

use std::fmt;

/// What kind of value a field holds; it decides column, postings and comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A short text that is compared whole.
    Keyword,
    /// A file path: a keyword for which prefixes and wildcards matter.
    Path,
    /// Running text, found by its words.
    Text,
    /// Kept, shown, never searched.
    Stored,
    /// A 64-bit signed number.
    Long,
    /// A 64-bit float.
    Double,
    /// true or false.
    Bool,
    /// Milliseconds since 1970, RFC 3339 outside.
    Date,
    /// An IPv4 or IPv6 address.
    Ip,
    /// An object with keys that nobody lists beforehand and keyword values: `labels.team`.
    Flattened,
    /// JSON that is kept as it is.
    Structured,
}

impl Kind {
    /// The word for it, outside and in stored schemas.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::Path => "path",
            Self::Text => "text",
            Self::Stored => "stored",
            Self::Long => "long",
            Self::Double => "double",
            Self::Bool => "bool",
            Self::Date => "date",
            Self::Ip => "ip",
            Self::Flattened => "flattened",
            Self::Structured => "structured",
        }
    }
}

/// One row of the catalogue.
#[derive(Debug)]
pub struct Info {
    /// Dotted name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// An array in JSON even with one value; `false`: a scalar.
    pub many: bool,
    /// Its words are found by a search that names no field.
    pub words: bool,
}

/// A field of the catalogue, or [`OTHER`]. Ordered as the names are, byte by byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field(u16);

/// Stands for every name outside the catalogue; the entry's key is the whole dotted name.
pub const OTHER: Field = Field(u16::MAX);

impl Field {
    /// The field with this dotted name, if the catalogue has it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let at = CATALOGUE.binary_search_by(|info| info.name.cmp(name)).ok()?;
        u16::try_from(at).ok().map(Self)
    }

    /// For `labels.team` the field `labels` and the key `team`: the flattened field that such a name is part of.
    #[must_use]
    pub fn flattened(name: &str) -> Option<(Self, &str)> {
        name.match_indices('.').find_map(|(dot, _)| {
            let field = Self::named(&name[..dot])?;
            (field.kind() == Kind::Flattened).then(|| (field, &name[dot + 1..]))
        })
    }

    /// All fields of the catalogue in order.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        (0..COUNT).map(Self)
    }

    /// Its place in the catalogue: dense, from 0, valid within one build only.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Its row; [`OTHER`] has a row of its own: keyword, one.
    #[must_use]
    pub fn info(self) -> &'static Info {
        CATALOGUE.get(self.index()).unwrap_or(&OTHER_INFO)
    }

    /// Dotted name, empty for [`OTHER`].
    #[must_use]
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// What it holds.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.info().kind
    }

    /// Whether it is an array in JSON.
    #[must_use]
    pub fn is_many(self) -> bool {
        self.info().many
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == OTHER { "OTHER" } else { self.name() })
    }
}

static OTHER_INFO: Info = Info { name: "", kind: Kind::Keyword, many: false, words: true };

macro_rules! catalogue {
    ($($constant:ident = $name:literal, $kind:ident, $count:ident, $words:ident;)*) => {
        #[repr(u16)]
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "only numbers the constants below")]
        enum Index { $($constant,)* END }
        $(
            #[doc = concat!("`", $name, "`")]
            pub const $constant: Field = Field(Index::$constant as u16);
        )*
        /// Every known field, in byte order of the names.
        pub static CATALOGUE: [Info; COUNT as usize] = [
            $(Info { name: $name, kind: Kind::$kind, many: catalogue!(@ $count), words: catalogue!(@ $words) }),*
        ];
        pub(crate) const COUNT: u16 = Index::END as u16;
    };
    (@ Many) => { true };
    (@ One) => { false };
    (@ words) => { true };
    (@ exact) => { false };
}

#[rustfmt::skip]
catalogue! {
    TIMESTAMP = "@timestamp", Date, One, exact;
    AGENT_ID = "agent.id", Keyword, One, words;
    AGENT_NAME = "agent.name", Keyword, One, words;
    AGENT_TYPE = "agent.type", Keyword, One, exact;
    AGENT_VERSION = "agent.version", Keyword, One, exact;
    AUDITD_DATA = "auditd.data", Flattened, One, exact;
    AUDITD_FILE_SELINUX_DOMAIN = "auditd.file.selinux.domain", Keyword, One, exact;
    AUDITD_FILE_SELINUX_LEVEL = "auditd.file.selinux.level", Keyword, One, exact;
    AUDITD_FILE_SELINUX_ROLE = "auditd.file.selinux.role", Keyword, One, exact;
    AUDITD_FILE_SELINUX_USER = "auditd.file.selinux.user", Keyword, One, exact;
    AUDITD_MESSAGE_TYPE = "auditd.message_type", Keyword, One, words;
    AUDITD_PATHS = "auditd.paths", Structured, One, exact;
    AUDITD_RESULT = "auditd.result", Keyword, One, exact;
    AUDITD_SESSION = "auditd.session", Keyword, One, exact;
    AUDITD_SUMMARY_ACTOR_PRIMARY = "auditd.summary.actor.primary", Keyword, One, words;
    AUDITD_SUMMARY_ACTOR_SECONDARY = "auditd.summary.actor.secondary", Keyword, One, words;
    AUDITD_SUMMARY_HOW = "auditd.summary.how", Keyword, One, words;
    AUDITD_SUMMARY_OBJECT_PRIMARY = "auditd.summary.object.primary", Keyword, One, words;
    AUDITD_SUMMARY_OBJECT_SECONDARY = "auditd.summary.object.secondary", Keyword, One, words;
    AUDITD_SUMMARY_OBJECT_TYPE = "auditd.summary.object.type", Keyword, One, exact;
    AUDITD_USER_AUDIT_GROUP_ID = "auditd.user.audit.group.id", Keyword, One, exact;
    AUDITD_USER_AUDIT_GROUP_NAME = "auditd.user.audit.group.name", Keyword, One, exact;
    AUDITD_USER_AUDIT_ID = "auditd.user.audit.id", Keyword, One, exact;
    AUDITD_USER_AUDIT_NAME = "auditd.user.audit.name", Keyword, One, words;
    AUDITD_USER_FILESYSTEM_GROUP_ID = "auditd.user.filesystem.group.id", Keyword, One, exact;
    AUDITD_USER_FILESYSTEM_GROUP_NAME = "auditd.user.filesystem.group.name", Keyword, One, exact;
    AUDITD_USER_FILESYSTEM_ID = "auditd.user.filesystem.id", Keyword, One, exact;
    AUDITD_USER_FILESYSTEM_NAME = "auditd.user.filesystem.name", Keyword, One, exact;
    AUDITD_USER_SAVED_GROUP_ID = "auditd.user.saved.group.id", Keyword, One, exact;
    AUDITD_USER_SAVED_GROUP_NAME = "auditd.user.saved.group.name", Keyword, One, exact;
    AUDITD_USER_SAVED_ID = "auditd.user.saved.id", Keyword, One, exact;
    AUDITD_USER_SAVED_NAME = "auditd.user.saved.name", Keyword, One, exact;
    AUDITD_USER_SELINUX_CATEGORY = "auditd.user.selinux.category", Keyword, One, exact;
    AUDITD_USER_SELINUX_DOMAIN = "auditd.user.selinux.domain", Keyword, One, exact;
    AUDITD_USER_SELINUX_LEVEL = "auditd.user.selinux.level", Keyword, One, exact;
    AUDITD_USER_SELINUX_ROLE = "auditd.user.selinux.role", Keyword, One, exact;
    AUDITD_USER_SELINUX_USER = "auditd.user.selinux.user", Keyword, One, exact;
    AUDITNG_AGGREGATE_COUNT = "auditng.aggregate.count", Long, One, exact;
    AUDITNG_AGGREGATE_FIRST = "auditng.aggregate.first", Date, One, exact;
    AUDITNG_AGGREGATE_LAST = "auditng.aggregate.last", Date, One, exact;
    AUDITNG_AUDIT_INCOMPLETE = "auditng.audit.incomplete", Bool, One, exact;
    AUDITNG_AUDIT_LATE = "auditng.audit.late", Bool, One, exact;
    AUDITNG_AUDIT_TYPES = "auditng.audit.types", Keyword, Many, exact;
    AUDITNG_CGROUP_PATH = "auditng.cgroup.path", Path, One, exact;
    AUDITNG_CONTAINER_METADATA = "auditng.container.metadata", Keyword, One, exact;
    AUDITNG_CONTAINER_OUTER = "auditng.container.outer", Keyword, Many, exact;
    AUDITNG_CONTAINER_PID_NS = "auditng.container.pid_ns", Long, One, exact;
    AUDITNG_CONTAINER_PRIVILEGED = "auditng.container.privileged", Bool, One, exact;
    AUDITNG_CONTAINER_REASON = "auditng.container.reason", Keyword, One, exact;
    AUDITNG_CONTAINER_SCOPE = "auditng.container.scope", Keyword, One, exact;
    AUDITNG_CONTAINER_SOURCE = "auditng.container.source", Keyword, One, exact;
    AUDITNG_CONTAINER_USER_GROUP_ID = "auditng.container.user.group.id", Keyword, One, exact;
    AUDITNG_CONTAINER_USER_GROUP_NAME = "auditng.container.user.group.name", Keyword, One, exact;
    AUDITNG_CONTAINER_USER_ID = "auditng.container.user.id", Keyword, One, exact;
    AUDITNG_CONTAINER_USER_NAME = "auditng.container.user.name", Keyword, One, exact;
    AUDITNG_ERRNO = "auditng.errno", Keyword, One, words;
    AUDITNG_ESCAPED = "auditng.escaped", Keyword, Many, exact;
    AUDITNG_FILE_ORIGINAL_PATH = "auditng.file.original.path", Path, One, words;
    AUDITNG_FILE_PATH_PARTIAL = "auditng.file.path_partial", Bool, One, exact;
    AUDITNG_FILTER_NAME = "auditng.filter.name", Keyword, One, exact;
    AUDITNG_FILTER_SAMPLE = "auditng.filter.sample", Long, One, exact;
    AUDITNG_FIM_ACCESS = "auditng.fim.access", Keyword, One, exact;
    AUDITNG_FIM_AFTER = "auditng.fim.after", Flattened, One, exact;
    AUDITNG_FIM_APPEND_OFFSET = "auditng.fim.append_offset", Long, One, exact;
    AUDITNG_FIM_BASELINE_KEY = "auditng.fim.baseline.key", Keyword, One, exact;
    AUDITNG_FIM_BASELINE_POLICIES = "auditng.fim.baseline.policies", Keyword, One, exact;
    AUDITNG_FIM_BASELINE_PREVIOUS = "auditng.fim.baseline.previous", Keyword, One, exact;
    AUDITNG_FIM_BASELINE_ROOT = "auditng.fim.baseline.root", Keyword, One, exact;
    AUDITNG_FIM_BASELINE_SIGNATURE = "auditng.fim.baseline.signature", Keyword, One, exact;
    AUDITNG_FIM_BASELINE_STATE = "auditng.fim.baseline.state", Keyword, One, exact;
    AUDITNG_FIM_BEFORE = "auditng.fim.before", Flattened, One, exact;
    AUDITNG_FIM_CAUSE = "auditng.fim.cause", Keyword, One, exact;
    AUDITNG_FIM_CHANGE_WINDOW = "auditng.fim.change_window", Keyword, One, words;
    AUDITNG_FIM_CHANGED = "auditng.fim.changed", Keyword, Many, exact;
    AUDITNG_FIM_CLASSES = "auditng.fim.classes", Keyword, Many, exact;
    AUDITNG_FIM_COUNT = "auditng.fim.count", Long, One, exact;
    AUDITNG_FIM_DIFF = "auditng.fim.diff", Stored, One, exact;
    AUDITNG_FIM_DIFF_REASON = "auditng.fim.diff_reason", Keyword, One, exact;
    AUDITNG_FIM_DIFF_TRUNCATED = "auditng.fim.diff_truncated", Bool, One, exact;
    AUDITNG_FIM_ENFORCED = "auditng.fim.enforced", Bool, One, exact;
    AUDITNG_FIM_GENERATION = "auditng.fim.generation", Long, One, exact;
    AUDITNG_FIM_HASH_UNSTABLE = "auditng.fim.hash_unstable", Bool, One, exact;
    AUDITNG_FIM_HOST_PATH = "auditng.fim.host_path", Path, One, words;
    AUDITNG_FIM_IN_TIME = "auditng.fim.in_time", Bool, One, exact;
    AUDITNG_FIM_MASK = "auditng.fim.mask", Keyword, Many, exact;
    AUDITNG_FIM_NAMES = "auditng.fim.names", Path, Many, words;
    AUDITNG_FIM_OLD_PATH = "auditng.fim.old_path", Path, One, words;
    AUDITNG_FIM_PARTIAL_HASH = "auditng.fim.partial_hash", Bool, One, exact;
    AUDITNG_FIM_POLICY = "auditng.fim.policy", Keyword, Many, words;
    AUDITNG_FIM_PROVENANCE_BY = "auditng.fim.provenance.by", Keyword, One, exact;
    AUDITNG_FIM_PROVENANCE_PACKAGES = "auditng.fim.provenance.packages", Keyword, Many, words;
    AUDITNG_FIM_PROVENANCE_VERSIONS = "auditng.fim.provenance.versions", Keyword, Many, exact;
    AUDITNG_FIM_REASON = "auditng.fim.reason", Keyword, One, exact;
    AUDITNG_FIM_ROOT = "auditng.fim.root", Path, One, exact;
    AUDITNG_FIM_SCAN_BYTES = "auditng.fim.scan.bytes", Long, One, exact;
    AUDITNG_FIM_SCAN_DIFFERENCES = "auditng.fim.scan.differences", Long, One, exact;
    AUDITNG_FIM_SCAN_ENTRIES = "auditng.fim.scan.entries", Long, One, exact;
    AUDITNG_FIM_SCAN_KIND = "auditng.fim.scan.kind", Keyword, One, exact;
    AUDITNG_FIM_SCAN_SKIPPED = "auditng.fim.scan.skipped", Long, One, exact;
    AUDITNG_FIM_SCAN_UNREADABLE = "auditng.fim.scan.unreadable", Long, One, exact;
    AUDITNG_FIM_SETTINGS = "auditng.fim.settings", Flattened, One, exact;
    AUDITNG_FIM_SEVERITY = "auditng.fim.severity", Keyword, One, exact;
    AUDITNG_FIM_SOURCE = "auditng.fim.source", Keyword, One, exact;
    AUDITNG_FIM_SUMMARY = "auditng.fim.summary", Keyword, One, exact;
    AUDITNG_FIM_TRANSIENT = "auditng.fim.transient", Bool, One, exact;
    AUDITNG_FIM_VERIFIED = "auditng.fim.verified", Bool, One, exact;
    AUDITNG_FIM_WHO_CANDIDATES = "auditng.fim.who.candidates", Long, Many, exact;
    AUDITNG_FIM_WHO_CONFIDENCE = "auditng.fim.who.confidence", Keyword, One, exact;
    AUDITNG_FIM_WHO_REASON = "auditng.fim.who.reason", Keyword, One, exact;
    AUDITNG_FIM_WHO_SOURCE = "auditng.fim.who.source", Keyword, One, exact;
    AUDITNG_FIM_WINDOW_END = "auditng.fim.window_end", Date, One, exact;
    AUDITNG_FIM_WINDOW_START = "auditng.fim.window_start", Date, One, exact;
    AUDITNG_IMPORT_CONTAINER_PID = "auditng.import.container_pid", Long, One, exact;
    AUDITNG_INGEST_SEQ = "auditng.ingest_seq", Long, One, exact;
    AUDITNG_LOSS_AGENT = "auditng.loss.agent", Keyword, One, exact;
    AUDITNG_LOSS_COUNT = "auditng.loss.count", Long, One, exact;
    AUDITNG_LOSS_EPOCH = "auditng.loss.epoch", Long, One, exact;
    AUDITNG_LOSS_FIRST = "auditng.loss.first", Long, One, exact;
    AUDITNG_LOSS_LANE = "auditng.loss.lane", Keyword, One, exact;
    AUDITNG_LOSS_LAST = "auditng.loss.last", Long, One, exact;
    AUDITNG_LOSS_REASON = "auditng.loss.reason", Keyword, One, words;
    AUDITNG_LOSS_STAGE = "auditng.loss.stage", Keyword, One, words;
    AUDITNG_LOSS_UNIT = "auditng.loss.unit", Keyword, One, exact;
    AUDITNG_LOSS_WINDOW_END = "auditng.loss.window_end", Date, One, exact;
    AUDITNG_LOSS_WINDOW_START = "auditng.loss.window_start", Date, One, exact;
    AUDITNG_MEANING = "auditng.meaning", Flattened, One, exact;
    AUDITNG_PROCESS_ANCESTRY = "auditng.process.ancestry", Structured, One, exact;
    AUDITNG_PROCESS_CREATOR_ENTITY_ID = "auditng.process.creator.entity_id", Keyword, One, exact;
    AUDITNG_PROCESS_CREATOR_PID = "auditng.process.creator.pid", Long, One, exact;
    AUDITNG_PROCESS_EXISTING = "auditng.process.existing", Bool, One, exact;
    AUDITNG_PROCESS_EXIT_SIGNAL = "auditng.process.exit_signal", Long, One, exact;
    AUDITNG_PROCESS_HASH = "auditng.process.hash", Keyword, One, exact;
    AUDITNG_PROCESS_INTERPRETER = "auditng.process.interpreter", Path, One, exact;
    AUDITNG_PROCESS_INVOKED = "auditng.process.invoked", Path, One, words;
    AUDITNG_PROCESS_SCRIPT = "auditng.process.script", Path, One, words;
    AUDITNG_PROCESS_START_KNOWN = "auditng.process.start_known", Bool, One, exact;
    AUDITNG_RULE_ID = "auditng.rule.id", Keyword, Many, exact;
    AUDITNG_RULE_LABEL = "auditng.rule.label", Keyword, One, exact;
    AUDITNG_SYSCALL_ARGS = "auditng.syscall.args", Keyword, Many, words;
    AUDITNG_SYSCALL_NAME = "auditng.syscall.name", Keyword, One, words;
    AUDITNG_SYSTEMD_UNIT = "auditng.systemd.unit", Keyword, One, words;
    AUDITNG_TIME_SUSPECT = "auditng.time_suspect", Bool, One, exact;
    AUDITNG_TRUNCATED = "auditng.truncated", Keyword, Many, exact;
    CONTAINER_ID = "container.id", Keyword, One, words;
    CONTAINER_IMAGE_HASH_ALL = "container.image.hash.all", Keyword, Many, exact;
    CONTAINER_IMAGE_NAME = "container.image.name", Keyword, One, words;
    CONTAINER_IMAGE_TAG = "container.image.tag", Keyword, Many, exact;
    CONTAINER_LABELS = "container.labels", Flattened, One, exact;
    CONTAINER_NAME = "container.name", Keyword, One, words;
    CONTAINER_RUNTIME = "container.runtime", Keyword, One, exact;
    DESTINATION_ADDRESS = "destination.address", Keyword, One, words;
    DESTINATION_IP = "destination.ip", Ip, One, exact;
    DESTINATION_PATH = "destination.path", Path, One, words;
    DESTINATION_PORT = "destination.port", Long, One, exact;
    ECS_VERSION = "ecs.version", Keyword, One, exact;
    ERROR_CODE = "error.code", Keyword, One, words;
    ERROR_MESSAGE = "error.message", Text, One, words;
    EVENT_ACTION = "event.action", Keyword, Many, words;
    EVENT_CATEGORY = "event.category", Keyword, Many, exact;
    EVENT_CREATED = "event.created", Date, One, exact;
    EVENT_DATASET = "event.dataset", Keyword, One, exact;
    EVENT_DURATION = "event.duration", Long, One, exact;
    EVENT_END = "event.end", Date, One, exact;
    EVENT_ID = "event.id", Keyword, One, exact;
    EVENT_INGESTED = "event.ingested", Date, One, exact;
    EVENT_KIND = "event.kind", Keyword, One, exact;
    EVENT_MODULE = "event.module", Keyword, One, exact;
    EVENT_ORIGINAL = "event.original", Stored, One, exact;
    EVENT_OUTCOME = "event.outcome", Keyword, One, exact;
    EVENT_PROVIDER = "event.provider", Keyword, One, exact;
    EVENT_REASON = "event.reason", Keyword, One, words;
    EVENT_SEQUENCE = "event.sequence", Long, One, exact;
    EVENT_SEVERITY = "event.severity", Long, One, exact;
    EVENT_START = "event.start", Date, One, exact;
    EVENT_TYPE = "event.type", Keyword, Many, exact;
    FILE_ACCESSED = "file.accessed", Date, One, exact;
    FILE_CREATED = "file.created", Date, One, exact;
    FILE_CTIME = "file.ctime", Date, One, exact;
    FILE_DEVICE = "file.device", Keyword, One, exact;
    FILE_DIRECTORY = "file.directory", Path, One, exact;
    FILE_EXTENSION = "file.extension", Keyword, One, exact;
    FILE_GID = "file.gid", Keyword, One, exact;
    FILE_GROUP = "file.group", Keyword, One, exact;
    FILE_HASH_BLAKE3 = "file.hash.blake3", Keyword, One, exact;
    FILE_HASH_MD5 = "file.hash.md5", Keyword, One, exact;
    FILE_HASH_SHA1 = "file.hash.sha1", Keyword, One, exact;
    FILE_HASH_SHA256 = "file.hash.sha256", Keyword, One, words;
    FILE_INODE = "file.inode", Keyword, One, exact;
    FILE_MODE = "file.mode", Keyword, One, exact;
    FILE_MTIME = "file.mtime", Date, One, exact;
    FILE_NAME = "file.name", Keyword, One, words;
    FILE_OWNER = "file.owner", Keyword, One, exact;
    FILE_PATH = "file.path", Path, One, words;
    FILE_SIZE = "file.size", Long, One, exact;
    FILE_TARGET_PATH = "file.target_path", Path, One, words;
    FILE_TYPE = "file.type", Keyword, One, exact;
    FILE_UID = "file.uid", Keyword, One, exact;
    GROUP_ID = "group.id", Keyword, One, exact;
    GROUP_NAME = "group.name", Keyword, One, words;
    HOST_ARCHITECTURE = "host.architecture", Keyword, One, exact;
    HOST_HOSTNAME = "host.hostname", Keyword, One, words;
    HOST_ID = "host.id", Keyword, One, exact;
    HOST_IP = "host.ip", Ip, Many, exact;
    HOST_MAC = "host.mac", Keyword, Many, exact;
    HOST_NAME = "host.name", Keyword, One, words;
    HOST_OS_FAMILY = "host.os.family", Keyword, One, exact;
    HOST_OS_FULL = "host.os.full", Keyword, One, exact;
    HOST_OS_KERNEL = "host.os.kernel", Keyword, One, exact;
    HOST_OS_NAME = "host.os.name", Keyword, One, exact;
    HOST_OS_PLATFORM = "host.os.platform", Keyword, One, exact;
    HOST_OS_TYPE = "host.os.type", Keyword, One, exact;
    HOST_OS_VERSION = "host.os.version", Keyword, One, exact;
    HOST_UPTIME = "host.uptime", Long, One, exact;
    LABELS = "labels", Flattened, One, exact;
    LOG_FILE_PATH = "log.file.path", Path, One, exact;
    LOG_LEVEL = "log.level", Keyword, One, exact;
    LOG_OFFSET = "log.offset", Long, One, exact;
    MESSAGE = "message", Text, One, words;
    NETWORK_DIRECTION = "network.direction", Keyword, One, exact;
    NETWORK_IANA_NUMBER = "network.iana_number", Keyword, One, exact;
    NETWORK_PROTOCOL = "network.protocol", Keyword, One, exact;
    NETWORK_TRANSPORT = "network.transport", Keyword, One, exact;
    NETWORK_TYPE = "network.type", Keyword, One, exact;
    OBSERVER_TYPE = "observer.type", Keyword, One, exact;
    ORCHESTRATOR_CLUSTER_NAME = "orchestrator.cluster.name", Keyword, One, words;
    ORCHESTRATOR_NAMESPACE = "orchestrator.namespace", Keyword, One, words;
    ORCHESTRATOR_RESOURCE_ID = "orchestrator.resource.id", Keyword, One, exact;
    ORCHESTRATOR_RESOURCE_LABEL = "orchestrator.resource.label", Keyword, Many, exact;
    ORCHESTRATOR_RESOURCE_NAME = "orchestrator.resource.name", Keyword, One, words;
    ORCHESTRATOR_RESOURCE_TYPE = "orchestrator.resource.type", Keyword, One, exact;
    ORCHESTRATOR_TYPE = "orchestrator.type", Keyword, One, exact;
    PROCESS_ARGS = "process.args", Keyword, Many, words;
    PROCESS_ARGS_COUNT = "process.args_count", Long, One, exact;
    PROCESS_COMMAND_LINE = "process.command_line", Text, One, words;
    PROCESS_END = "process.end", Date, One, exact;
    PROCESS_ENTITY_ID = "process.entity_id", Keyword, One, exact;
    PROCESS_ENTRY_LEADER_ENTITY_ID = "process.entry_leader.entity_id", Keyword, One, exact;
    PROCESS_ENTRY_LEADER_ENTRY_META_TYPE = "process.entry_leader.entry_meta.type", Keyword, One, exact;
    PROCESS_ENTRY_LEADER_EXECUTABLE = "process.entry_leader.executable", Path, One, exact;
    PROCESS_ENTRY_LEADER_NAME = "process.entry_leader.name", Keyword, One, exact;
    PROCESS_ENTRY_LEADER_PID = "process.entry_leader.pid", Long, One, exact;
    PROCESS_EXECUTABLE = "process.executable", Path, One, words;
    PROCESS_EXIT_CODE = "process.exit_code", Long, One, exact;
    PROCESS_GROUP_LEADER_ENTITY_ID = "process.group_leader.entity_id", Keyword, One, exact;
    PROCESS_GROUP_LEADER_EXECUTABLE = "process.group_leader.executable", Path, One, exact;
    PROCESS_GROUP_LEADER_NAME = "process.group_leader.name", Keyword, One, exact;
    PROCESS_GROUP_LEADER_PID = "process.group_leader.pid", Long, One, exact;
    PROCESS_HASH_SHA256 = "process.hash.sha256", Keyword, One, words;
    PROCESS_NAME = "process.name", Keyword, One, words;
    PROCESS_PARENT_ARGS = "process.parent.args", Keyword, Many, words;
    PROCESS_PARENT_ARGS_COUNT = "process.parent.args_count", Long, One, exact;
    PROCESS_PARENT_COMMAND_LINE = "process.parent.command_line", Text, One, words;
    PROCESS_PARENT_ENTITY_ID = "process.parent.entity_id", Keyword, One, exact;
    PROCESS_PARENT_EXECUTABLE = "process.parent.executable", Path, One, words;
    PROCESS_PARENT_NAME = "process.parent.name", Keyword, One, words;
    PROCESS_PARENT_PID = "process.parent.pid", Long, One, exact;
    PROCESS_PARENT_START = "process.parent.start", Date, One, exact;
    PROCESS_PARENT_USER_ID = "process.parent.user.id", Keyword, One, exact;
    PROCESS_PID = "process.pid", Long, One, exact;
    PROCESS_SESSION_LEADER_ENTITY_ID = "process.session_leader.entity_id", Keyword, One, exact;
    PROCESS_SESSION_LEADER_EXECUTABLE = "process.session_leader.executable", Path, One, exact;
    PROCESS_SESSION_LEADER_NAME = "process.session_leader.name", Keyword, One, exact;
    PROCESS_SESSION_LEADER_PID = "process.session_leader.pid", Long, One, exact;
    PROCESS_START = "process.start", Date, One, exact;
    PROCESS_THREAD_CAPABILITIES_EFFECTIVE = "process.thread.capabilities.effective", Keyword, Many, exact;
    PROCESS_THREAD_CAPABILITIES_PERMITTED = "process.thread.capabilities.permitted", Keyword, Many, exact;
    PROCESS_THREAD_ID = "process.thread.id", Long, One, exact;
    PROCESS_TITLE = "process.title", Keyword, One, words;
    PROCESS_TTY_NAME = "process.tty.name", Keyword, One, exact;
    PROCESS_WORKING_DIRECTORY = "process.working_directory", Path, One, words;
    RELATED_HASH = "related.hash", Keyword, Many, exact;
    RELATED_HOSTS = "related.hosts", Keyword, Many, exact;
    RELATED_IP = "related.ip", Ip, Many, exact;
    RELATED_USER = "related.user", Keyword, Many, exact;
    RULE_CATEGORY = "rule.category", Keyword, One, exact;
    RULE_ID = "rule.id", Keyword, One, exact;
    RULE_NAME = "rule.name", Keyword, One, words;
    SERVICE_NAME = "service.name", Keyword, One, words;
    SERVICE_TYPE = "service.type", Keyword, One, exact;
    SOURCE_ADDRESS = "source.address", Keyword, One, words;
    SOURCE_DOMAIN = "source.domain", Keyword, One, words;
    SOURCE_IP = "source.ip", Ip, One, exact;
    SOURCE_PATH = "source.path", Path, One, exact;
    SOURCE_PORT = "source.port", Long, One, exact;
    TAGS = "tags", Keyword, Many, words;
    THREAT_FRAMEWORK = "threat.framework", Keyword, One, exact;
    THREAT_TACTIC_ID = "threat.tactic.id", Keyword, Many, exact;
    THREAT_TACTIC_NAME = "threat.tactic.name", Keyword, Many, exact;
    THREAT_TECHNIQUE_ID = "threat.technique.id", Keyword, Many, exact;
    THREAT_TECHNIQUE_NAME = "threat.technique.name", Keyword, Many, exact;
    USER_CHANGES_GROUP_ID = "user.changes.group.id", Keyword, One, exact;
    USER_CHANGES_GROUP_NAME = "user.changes.group.name", Keyword, One, exact;
    USER_CHANGES_ID = "user.changes.id", Keyword, One, exact;
    USER_CHANGES_NAME = "user.changes.name", Keyword, One, words;
    USER_EFFECTIVE_GROUP_ID = "user.effective.group.id", Keyword, One, exact;
    USER_EFFECTIVE_GROUP_NAME = "user.effective.group.name", Keyword, One, words;
    USER_EFFECTIVE_ID = "user.effective.id", Keyword, One, exact;
    USER_EFFECTIVE_NAME = "user.effective.name", Keyword, One, words;
    USER_GROUP_ID = "user.group.id", Keyword, One, exact;
    USER_GROUP_NAME = "user.group.name", Keyword, One, words;
    USER_ID = "user.id", Keyword, One, exact;
    USER_NAME = "user.name", Keyword, One, words;
    USER_TARGET_GROUP_ID = "user.target.group.id", Keyword, One, exact;
    USER_TARGET_GROUP_NAME = "user.target.group.name", Keyword, One, exact;
    USER_TARGET_ID = "user.target.id", Keyword, One, exact;
    USER_TARGET_NAME = "user.target.name", Keyword, One, words;
}

/// Other names under which people know a field: Sigma, Falco, osquery and older ECS habits.
/// Looked up only after the catalogue.
pub static ALIASES: &[(&str, Field)] = &[
    ("auid", AUDITD_USER_AUDIT_ID),
    ("kubernetes.namespace", ORCHESTRATOR_NAMESPACE),
    ("kubernetes.pod.name", ORCHESTRATOR_RESOURCE_NAME),
    ("kubernetes.pod.uid", ORCHESTRATOR_RESOURCE_ID),
    ("user.audit.group.id", AUDITD_USER_AUDIT_GROUP_ID),
    ("user.audit.id", AUDITD_USER_AUDIT_ID),
    ("user.audit.name", AUDITD_USER_AUDIT_NAME),
    ("user.filesystem.id", AUDITD_USER_FILESYSTEM_ID),
    ("user.saved.id", AUDITD_USER_SAVED_ID),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_in_byte_order_and_found_by_name() {
        assert!(CATALOGUE.windows(2).all(|pair| pair[0].name < pair[1].name));
        for field in Field::all() {
            assert_eq!(Field::named(field.name()), Some(field));
        }
        assert_eq!(PROCESS_PID.name(), "process.pid");
        assert_eq!(Field::named("process.pod"), None);
    }

    #[test]
    fn no_field_is_also_an_object() {
        // `a` and `a.b` could not both be written in one JSON document.
        for field in Field::all() {
            let inside = format!("{}.", field.name());
            assert!(!CATALOGUE.iter().any(|info| info.name.starts_with(&inside)), "{field:?}");
        }
    }

    #[test]
    fn flattened_names_split_at_the_field() {
        assert_eq!(Field::flattened("labels.team.name"), Some((LABELS, "team.name")));
        assert_eq!(Field::flattened("container.labels.a"), Some((CONTAINER_LABELS, "a")));
        assert_eq!(Field::flattened("process.pid"), None);
    }

    #[test]
    fn aliases_do_not_hide_fields() {
        for (alias, _) in ALIASES {
            assert_eq!(Field::named(alias), None, "{alias}");
        }
    }
}
