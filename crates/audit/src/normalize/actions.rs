//! The data file of normalisation: one row per action, checked when it is compiled. To teach a meaning: one row, or one name
//! in a row.
//!
//! A test holds that no name stands in two rows, that categories and types are ECS's, and that every record type that a kernel
//! or program can send has a row or is listed there with the reason why not.
//!
//! Words, categories and types follow Elastic's auditd_manager (its list of 36 groups of calls and 106 of record types
//! served as a checklist) and ECS's allowed values; elements beyond it are additions only.

use super::action::*;
use crate::record::name;

/// System calls by name.
pub(super) static SYSCALLS: &[(&[&str], Action)] = &[
    // files
    (&["creat"], CREATED),
    (&["open"], Action { open_flags: Some(name::A1), ..OPENED }),
    (&["openat", "open_by_handle_at"], Action { open_flags: Some(name::A2), ..OPENED }),
    (&["openat2"], Action { open_flags: Some(name::OFLAG), ..OPENED }),
    (&["readlink", "readlinkat"], Action { words: &["opened-file"], ..FILE }),
    (
        &["truncate", "ftruncate", "truncate64", "ftruncate64", "fallocate"],
        Action { words: &["modification", "opened-file"], types: &["change"], ..FILE },
    ),
    (&["read", "readv", "pread64", "preadv", "preadv2"], Action { words: &["read-file"], ..FILE }),
    (
        &["write", "writev", "pwrite64", "pwritev", "pwritev2"],
        Action { words: &["wrote-to-file"], types: &["change"], ..FILE },
    ),
    (
        &[
            "setxattr",
            "fsetxattr",
            "lsetxattr",
            "setxattrat",
            "removexattr",
            "fremovexattr",
            "lremovexattr",
            "removexattrat",
        ],
        Action { words: &["changed-file-attributes-of"], types: &["change"], ..FILE },
    ),
    (
        &["chmod", "fchmod", "fchmodat", "fchmodat2"],
        Action { words: &["changed-file-permissions-of"], types: &["change"], ..FILE },
    ),
    (
        &["chown", "fchown", "fchownat", "lchown", "chown32", "fchown32", "lchown32"],
        Action { words: &["changed-file-ownership-of"], types: &["change"], ..FILE },
    ),
    (&["mkdir", "mkdirat"], Action { words: &["creation", "created-directory"], types: &["creation"], ..FILE }),
    (&["mknod", "mknodat"], Action { words: &["creation", "make-device"], types: &["creation"], ..FILE }),
    (&["link", "linkat"], Action { words: &["creation", "linked"], types: &["creation"], ..FILE }),
    (&["symlink", "symlinkat"], Action { words: &["creation", "symlinked"], types: &["creation"], ..FILE }),
    (&["rename", "renameat", "renameat2"], Action { words: &["rename", "renamed"], types: &["change"], ..FILE }),
    (&["unlink", "unlinkat", "rmdir"], Action { words: &["deletion", "deleted"], types: &["deletion"], ..FILE }),
    (&["mount", "move_mount"], Action { words: &["mounted"], types: &["creation"], ..FILE }),
    (&["umount", "umount2"], Action { words: &["unmounted"], types: &["deletion"], ..FILE }),
    (
        &[
            "access",
            "faccessat",
            "faccessat2",
            "fstatat",
            "fstatat64",
            "newfstatat",
            "stat",
            "stat64",
            "fstat",
            "fstat64",
            "lstat",
            "lstat64",
            "statx",
            "getxattr",
            "lgetxattr",
            "fgetxattr",
        ],
        Action { words: &["checked-metadata-of"], ..FILE },
    ),
    (&["statfs", "fstatfs", "statfs64", "fstatfs64"], Action { words: &["checked-filesystem-metadata-of"], ..FILE }),
    (
        &["utime", "utimes", "futimesat", "futimens", "utimensat"],
        Action { words: &["changed-timestamp-of"], types: &["info", "change"], ..FILE },
    ),
    // processes
    (
        &["execve", "execveat"],
        Action { words: &["exec", "executed"], types: &["start"], object: Object::FirstFile, ..UNLISTED },
    ),
    (&["fork", "vfork", "clone", "clone2", "clone3"], Action { words: &["fork"], types: &["start"], ..UNLISTED }),
    (
        &["exit", "exit_group"],
        Action {
            words: &["end"],
            types: &["end"],
            object: Object::Named("process"),
            how: &[name::SYSCALL],
            ..UNLISTED
        },
    ),
    (
        &["kill", "tkill", "tgkill", "pidfd_send_signal"],
        Action {
            words: &["killed-pid"],
            types: &["end"],
            object: Object::Named("process"),
            primary: &[name::OPID],
            secondary: &[name::OCOMM],
            ..UNLISTED
        },
    ),
    (
        &[
            "setuid",
            "seteuid",
            "setreuid",
            "setresuid",
            "setfsuid",
            "setuid32",
            "setreuid32",
            "setresuid32",
            "setfsuid32",
        ],
        Action { words: &["uid_change", "changed-identity-of"], ..IDENTITY },
    ),
    (
        &[
            "setgid",
            "setegid",
            "setregid",
            "setresgid",
            "setfsgid",
            "setgid32",
            "setregid32",
            "setresgid32",
            "setfsgid32",
        ],
        Action { words: &["gid_change", "changed-identity-of"], ..IDENTITY },
    ),
    (
        &["sched_setparam", "sched_setscheduler", "sched_setattr"],
        Action { words: &["adjusted-scheduling-policy-of"], ..IDENTITY },
    ),
    (&["mmap", "mmap2", "brk"], Action { words: &["allocated-memory"], object: Object::Named("memory"), ..UNLISTED }),
    // network
    (
        &["connect"],
        Action { words: &["connection_attempted", "connected-to"], types: &["connection", "start"], ..NETWORK },
    ),
    (
        &["accept", "accept4"],
        Action {
            words: &["connection_accepted", "accepted-connection-from"],
            types: &["connection", "start"],
            ..NETWORK
        },
    ),
    (&["bind"], Action { words: &["bound-socket"], types: &["start"], ..NETWORK }),
    (&["listen"], Action { words: &["listen-for-connections"], types: &["start"], ..NETWORK }),
    (&["recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64"], Action { words: &["received-from"], ..NETWORK }),
    (&["send", "sendto", "sendmsg", "sendmmsg"], Action { words: &["sent-to"], ..NETWORK }),
    // kernel and host
    (
        &["init_module", "finit_module"],
        Action {
            words: &["loaded-kernel-module"],
            categories: &["driver"],
            types: &["start"],
            object: Object::File,
            primary: &[name::NAME],
            ..UNLISTED
        },
    ),
    (
        &["delete_module"],
        Action {
            words: &["unloaded-kernel-module"],
            categories: &["driver"],
            types: &["end"],
            object: Object::File,
            ..UNLISTED
        },
    ),
    (
        &["settimeofday", "clock_settime", "clock_settime64", "stime", "adjtimex", "clock_adjtime", "clock_adjtime64"],
        SYSTEM_TIME,
    ),
    (&["sethostname", "setdomainname"], Action { words: &["changed-system-name"], ..SYSTEM_TIME }),
];

const CREATED: Action = Action { words: &["creation", "opened-file"], types: &["creation"], ..FILE };
const OPENED: Action = Action { words: &["open", "opened-file"], created: Some(&CREATED), ..FILE };
const IDENTITY: Action =
    Action { types: &["change"], object: Object::Named("process"), how: &[name::SYSCALL], ..UNLISTED };
const SYSTEM_TIME: Action = Action {
    words: &["changed-system-time"],
    categories: &["host"],
    types: &["change"],
    object: Object::Named("system"),
    ..UNLISTED
};

const ACCOUNT: Action = Action { object: Object::Named("account"), primary: &[name::ID, name::ACCT], ..IAM };
const USER_ACCOUNT: Action =
    Action { user: Whom::Actor, effective: Whom::Second, target: Whom::Object, group: Whom::Nobody, ..ACCOUNT };
const GROUP_ACCOUNT: Action = Action { user: Whom::Actor, effective: Whom::Second, group: Whom::Object, ..ACCOUNT };
const USER_CHANGE: Action = Action {
    types: &["user", "change"],
    user: Whom::Actor,
    effective: Whom::Uid,
    target: Whom::Second,
    group: Whom::Nobody,
    categories: &["iam"],
    ..USER_SESSION
};
const VIRTUAL: Action = Action { object: Object::Named("virtual-machine"), primary: &[name::VM], ..HOST };
const AUDITD: Action = Action { object: Object::Named("service"), ..UNLISTED };
const MAC: Action = Action { object: Object::Named("mac-config"), ..CONFIGURATION };
const DENIED_LOGIN: Action = Action {
    categories: &["authentication", "intrusion_detection"],
    types: &["start", "denied"],
    kind: "alert",
    ..USER_SESSION
};
const POLICY: Action = Action { object: Object::Named("policy"), ..UNKNOWN_RECORD };
const INTEGRITY: Action =
    Action { words: &["checked-integrity-of"], types: &["info"], primary: &[name::NAME, name::FILE], ..FILE };
const DEVICE: Action =
    Action { types: &["info"], object: Object::Named("device"), primary: &[name::DEV, name::NAME], ..HOST };
const RESPONSE: Action =
    Action { words: &["responded-to-intrusion"], types: &["info"], primary: &[name::OP], kind: "event", ..ANOMALY };
const CRYPTO: Action =
    Action { object: Object::Named("user-session"), second: &[name::ACCT, name::ID, name::UID], ..USER_SESSION };

/// Record types by the names that logs give them.
pub(super) static RECORDS: &[(&[&str], Action)] = &[
    // accounts
    (&["ACCT_LOCK"], Action { words: &["locked-account"], types: &["user", "info"], ..IAM }),
    (&["ACCT_UNLOCK"], Action { words: &["unlocked-account"], types: &["user", "info"], ..IAM }),
    (&["ADD_GROUP"], Action { words: &["added-group-account-to"], types: &["group", "creation"], ..GROUP_ACCOUNT }),
    (&["DEL_GROUP"], Action { words: &["deleted-group-account-from"], types: &["group", "deletion"], ..GROUP_ACCOUNT }),
    (&["ADD_USER"], Action { words: &["added-user-account"], types: &["user", "creation"], ..USER_ACCOUNT }),
    (&["DEL_USER"], Action { words: &["deleted-user-account"], types: &["user", "deletion"], ..USER_ACCOUNT }),
    (
        &["GRP_MGMT"],
        Action {
            words: &["modified-group-account"],
            types: &["group", "change"],
            user: Whom::Actor,
            effective: Whom::Uid,
            group: Whom::Second,
            ..ACCOUNT
        },
    ),
    (&["ROLE_ASSIGN"], Action { words: &["assigned-user-role-to"], types: &["user", "change"], ..ACCOUNT }),
    (&["ROLE_MODIFY"], Action { words: &["modified-role"], types: &["change"], ..IAM }),
    (&["ROLE_REMOVE"], Action { words: &["removed-user-role-from"], types: &["user", "change"], ..ACCOUNT }),
    (&["USER_MGMT"], Action { words: &["modified-user-account"], ..USER_CHANGE }),
    (&["USER_CHAUTHTOK"], Action { words: &["changed-password"], ..USER_CHANGE }),
    (
        &["GRP_CHAUTHTOK"],
        Action {
            words: &["changed-group-password"],
            types: &["group", "change"],
            primary: &[name::ACCT],
            target: Whom::Nobody,
            group: Whom::Second,
            ..USER_CHANGE
        },
    ),
    // authentication and sessions
    (&["CRED_ACQ"], Action { words: &["acquired-credentials"], ..AUTHENTICATION }),
    (&["CRED_DISP"], Action { words: &["disposed-credentials"], ..AUTHENTICATION }),
    (&["CRED_REFR"], Action { words: &["refreshed-credentials"], ..AUTHENTICATION }),
    (&["GRP_AUTH"], Action { words: &["authenticated-to-group"], ..AUTHENTICATION }),
    (&["USER_ACCT"], Action { words: &["was-authorized"], ..AUTHENTICATION }),
    (&["USER_AUTH"], Action { words: &["authenticated"], ..AUTHENTICATION }),
    (&["USER_ERR"], Action { words: &["error"], ..AUTHENTICATION }),
    (&["USER_LOGIN"], Action { words: &["logged-in"], types: &["start"], ..AUTHENTICATION }),
    (&["USER_LOGOUT"], Action { words: &["logged-out"], types: &["end"], ..AUTHENTICATION }),
    (
        &["LOGIN"],
        Action {
            words: &["changed-login-id-to"],
            types: &["start"],
            actor: &[name::OLD_AUID, name::OLD_AUID_2],
            second: &[name::UID],
            primary: &[name::NEW_AUID, name::NEW_AUID_2, name::AUID],
            secondary: &[],
            how: &[],
            from_addr: false,
            effective: Whom::Object,
            ..AUTHENTICATION
        },
    ),
    (&["USER_START"], Action { words: &["started-session"], types: &["start"], ..SESSION }),
    (&["USER_END"], Action { words: &["ended-session"], types: &["end"], ..SESSION }),
    (
        &["USER_ROLE_CHANGE"],
        Action {
            words: &["changed-role-to"],
            primary: &[name::SELECTED_CONTEXT],
            categories: &["iam"],
            types: &["user", "change"],
            ..USER_SESSION
        },
    ),
    // programs and services
    (
        &["USER_CMD"],
        Action {
            words: &["ran-command"],
            types: &["start"],
            object: Object::Named("process"),
            primary: &[name::CMD],
            ..UNLISTED
        },
    ),
    (&["CHGRP_ID"], Action { words: &["changed-group"], types: &["change"], ..UNLISTED }),
    (&["CHUSER_ID"], Action { words: &["changed-user-id"], types: &["change"], ..UNLISTED }),
    (&["TEST"], Action { words: &["sent-test"], ..UNLISTED }),
    (&["TRUSTED_APP"], Action { words: &["unknown"], ..UNLISTED }),
    (&["USER"], Action { words: &["sent-message"], primary: &[name::ADDR], ..UNKNOWN_RECORD }),
    (&["SERVICE_START"], Action { words: &["started-service"], types: &["start"], primary: &[name::UNIT], ..AUDITD }),
    (&["SERVICE_STOP"], Action { words: &["stopped-service"], types: &["end"], primary: &[name::UNIT], ..AUDITD }),
    (
        &["SOFTWARE_UPDATE"],
        Action {
            words: &["package-updated"],
            categories: &["package"],
            object: Object::Named("package"),
            primary: &[name::SW],
            secondary: &[name::SW_TYPE],
            ..UNLISTED
        },
    ),
    (
        &["TTY", "USER_TTY"],
        Action {
            words: &["typed"],
            categories: &["process"],
            object: Object::Named("keystrokes"),
            primary: &[name::DATA],
            how: &[name::COMM, name::EXE],
            ..UNLISTED
        },
    ),
    // host
    (
        &["SYSTEM_BOOT"],
        Action { words: &["booted-system"], types: &["start"], object: Object::Named("system"), ..HOST },
    ),
    (
        &["SYSTEM_RUNLEVEL"],
        Action {
            words: &["changed-to-runlevel"],
            types: &["change"],
            object: Object::Named("system"),
            primary: &[name::NEW_LEVEL],
            ..HOST
        },
    ),
    (
        &["SYSTEM_SHUTDOWN"],
        Action { words: &["shutdown-system"], types: &["end"], object: Object::Named("system"), ..HOST },
    ),
    (&["TIME_ADJNTPVAL", "TIME_INJOFFSET"], SYSTEM_TIME),
    (
        &["KERN_MODULE"],
        Action {
            words: &["loaded-kernel-module"],
            categories: &["driver"],
            types: &["start"],
            object: Object::File,
            primary: &[name::NAME],
            ..UNLISTED
        },
    ),
    (
        &["VIRT_CONTROL"],
        Action { words: &["issued-vm-control"], primary: &[name::OP], secondary: &[name::VM], ..VIRTUAL },
    ),
    (&["VIRT_CREATE"], Action { words: &["created-vm-image"], ..VIRTUAL }),
    (&["VIRT_DESTROY"], Action { words: &["deleted-vm-image"], ..VIRTUAL }),
    (&["VIRT_INTEGRITY_CHECK"], Action { words: &["checked-integrity-of"], ..VIRTUAL }),
    (&["VIRT_MACHINE_ID"], Action { words: &["assigned-vm-id"], ..VIRTUAL }),
    (&["VIRT_MIGRATE_IN"], Action { words: &["migrated-vm-from"], ..VIRTUAL }),
    (&["VIRT_MIGRATE_OUT"], Action { words: &["migrated-vm-to"], ..VIRTUAL }),
    (
        &["VIRT_RESOURCE"],
        Action { words: &["assigned-vm-resource"], primary: &[name::RESRC], secondary: &[name::VM], ..VIRTUAL },
    ),
    // the audit system itself
    (
        &["CONFIG_CHANGE"],
        Action {
            words: &["changed-audit-configuration"],
            categories: &["process", "configuration"],
            object: Object::Named("audit-config"),
            primary: &[
                name::OP,
                name::KEY,
                name::AUDIT_ENABLED,
                name::AUDIT_PID,
                name::AUDIT_BACKLOG_LIMIT,
                name::AUDIT_FAILURE,
            ],
            ..CONFIGURATION
        },
    ),
    (&["DAEMON_ABORT"], Action { words: &["aborted-auditd-startup"], types: &["end"], ..AUDITD }),
    (
        &["DAEMON_ACCEPT"],
        Action {
            words: &["remote-audit-connected"],
            categories: &["network"],
            types: &["connection", "start"],
            ..AUDITD
        },
    ),
    (
        &["DAEMON_CLOSE"],
        Action {
            words: &["remote-audit-disconnected"],
            categories: &["network"],
            types: &["connection", "start"],
            ..AUDITD
        },
    ),
    (
        &["DAEMON_CONFIG"],
        Action {
            words: &["changed-auditd-configuration"],
            categories: &["process", "configuration"],
            types: &["change"],
            ..AUDITD
        },
    ),
    (&["DAEMON_END"], Action { words: &["shutdown-audit"], types: &["end"], ..AUDITD }),
    (&["DAEMON_ERR"], Action { words: &["audit-error"], ..AUDITD }),
    (
        &["DAEMON_RECONFIG"],
        Action { words: &["reconfigured-auditd"], categories: &["process", "configuration"], ..AUDITD },
    ),
    (&["DAEMON_RESUME"], Action { words: &["resumed-audit-logging"], types: &["change"], ..AUDITD }),
    (&["DAEMON_ROTATE"], Action { words: &["rotated-audit-logs"], types: &["change"], ..AUDITD }),
    (&["DAEMON_START"], Action { words: &["started-audit"], types: &["start"], ..AUDITD }),
    (&["KERNEL"], Action { words: &["initialized-audit-subsystem"], ..UNLISTED }),
    // configuration
    (
        &["USYS_CONFIG"],
        Action {
            words: &["changed-configuration"],
            object: Object::Named("system"),
            primary: &[name::OP],
            ..CONFIGURATION
        },
    ),
    (
        &["NETFILTER_CFG"],
        Action {
            words: &["loaded-firewall-rule-to"],
            object: Object::Named("firewall"),
            primary: &[name::TABLE],
            ..CONFIGURATION
        },
    ),
    (
        &["FEATURE_CHANGE"],
        Action {
            words: &["changed-audit-feature"],
            object: Object::Named("system"),
            primary: &[name::FEATURE],
            ..CONFIGURATION
        },
    ),
    (&["MAC_CONFIG_CHANGE"], Action { words: &["changed-selinux-boolean"], primary: &[name::BOOL], ..MAC }),
    (&["MAC_POLICY_LOAD"], Action { words: &["loaded-selinux-policy"], types: &["access"], ..MAC }),
    (&["MAC_STATUS"], Action { words: &["changed-selinux-enforcement"], ..MAC }),
    (&["USER_MAC_CONFIG_CHANGE"], Action { words: &["changed-mac-configuration"], ..MAC }),
    (&["USER_MAC_POLICY_LOAD"], Action { words: &["loaded-mac-policy"], types: &["access"], ..MAC }),
    (&["FS_RELABEL"], Action { words: &["relabeled-filesystem"], ..MAC }),
    (&["LABEL_OVERRIDE"], Action { words: &["overrode-label-of"], ..MAC }),
    (
        &["LABEL_LEVEL_CHANGE"],
        Action {
            words: &["modified-level-of"],
            object: Object::Named("printer"),
            primary: &[name::PRINTER],
            ..UNKNOWN_RECORD
        },
    ),
    // policy decisions
    (&["AVC"], SELINUX),
    (&["USER_AVC"], Action { words: &["access-permission"], ..UNKNOWN_RECORD }),
    (&["USER_SELINUX_ERR"], Action { words: &["access-error"], ..UNKNOWN_RECORD }),
    (
        &["SELINUX_ERR"],
        Action { words: &["caused-mac-policy-error"], object: Object::Named("system"), ..UNKNOWN_RECORD },
    ),
    (&["MAC_CHECK"], Action { words: &["mac-permission"], ..UNKNOWN_RECORD }),
    (&["DAC_CHECK"], Action { words: &["access-result"], ..UNKNOWN_RECORD }),
    (
        &["SECCOMP"],
        Action {
            words: &["violated-seccomp-policy"],
            object: Object::Named("process"),
            primary: &[name::SYSCALL],
            categories: &["process"],
            types: &["info"],
            ..UNLISTED
        },
    ),
    // programs in the kernel, files under its guard
    (
        &["BPF"],
        Action {
            words: &["changed-bpf-program"],
            types: &["change"],
            object: Object::Named("bpf-program"),
            primary: &[name::PROG_ID],
            secondary: &[name::OP],
            ..UNLISTED
        },
    ),
    (&["FANOTIFY"], Action { words: &["decided-file-access"], types: &["access"], secondary: &[name::RESP], ..FILE }),
    (&["INTEGRITY_DATA", "INTEGRITY_METADATA", "INTEGRITY_HASH", "INTEGRITY_EVM_XATTR"], INTEGRITY),
    (
        &["INTEGRITY_RULE", "INTEGRITY_PCR", "INTEGRITY_USERSPACE"],
        Action { words: &["measured-integrity-of"], ..INTEGRITY },
    ),
    (
        &["INTEGRITY_STATUS", "INTEGRITY_POLICY_RULE"],
        Action { words: &["changed-integrity-policy"], primary: &[name::OP], ..CONFIGURATION },
    ),
    (
        &["DM_CTRL"],
        Action {
            words: &["changed-device-mapper"],
            object: Object::Named("device"),
            primary: &[name::DEV],
            secondary: &[name::MODULE],
            ..CONFIGURATION
        },
    ),
    (
        &["DM_EVENT"],
        Action {
            words: &["reported-device-error"],
            types: &["info"],
            object: Object::Named("device"),
            primary: &[name::DEV],
            secondary: &[name::MODULE],
            ..HOST
        },
    ),
    (
        &["EVENT_LISTENER"],
        Action {
            words: &["listened-to-audit"],
            object: Object::Named("audit-stream"),
            primary: &[name::OP],
            ..UNLISTED
        },
    ),
    (
        &["NETFILTER_PKT"],
        Action {
            words: &["matched-packet"],
            types: &["info"],
            primary: &[name::DADDR],
            secondary: &[name::DEST],
            object: Object::Named("packet"),
            ..NETWORK
        },
    ),
    (
        &["LANDLOCK_ACCESS"],
        Action {
            words: &["violated-landlock-policy"],
            object: Object::Named("policy"),
            primary: &[name::BLOCKERS],
            secondary: &[name::PATH],
            ..UNLISTED
        },
    ),
    (&["LANDLOCK_DOMAIN"], Action { words: &["changed-landlock-domain"], object: Object::Named("policy"), ..UNLISTED }),
    (&["IPE_ACCESS"], Action { words: &["checked-ipe-policy"], primary: &[name::PATH], ..POLICY }),
    (&["IPE_CONFIG_CHANGE"], Action { words: &["changed-ipe-enforcement"], ..MAC }),
    (&["IPE_POLICY_LOAD"], Action { words: &["loaded-ipe-policy"], ..MAC }),
    (
        &[
            "APPARMOR",
            "APPARMOR_ALLOWED",
            "APPARMOR_AUDIT",
            "APPARMOR_DENIED",
            "APPARMOR_ERROR",
            "APPARMOR_HINT",
            "APPARMOR_KILL",
        ],
        APPARMOR_ROW,
    ),
    (&["APPARMOR_STATUS"], Action { words: &["changed-apparmor-profile"], primary: &[name::OPERATION], ..MAC }),
    (&["USER_MAC_STATUS"], Action { words: &["changed-mac-status"], ..MAC }),
    (
        &[
            "MAC_UNLBL_ALLOW",
            "MAC_UNLBL_STCADD",
            "MAC_UNLBL_STCDEL",
            "MAC_CIPSOV4_ADD",
            "MAC_CIPSOV4_DEL",
            "MAC_CALIPSO_ADD",
            "MAC_CALIPSO_DEL",
            "MAC_MAP_ADD",
            "MAC_MAP_DEL",
        ],
        Action { words: &["changed-network-labels"], ..MAC },
    ),
    (
        &["MAC_IPSEC_EVENT", "MAC_IPSEC_ADDSA", "MAC_IPSEC_DELSA", "MAC_IPSEC_ADDSPD", "MAC_IPSEC_DELSPD"],
        Action { words: &["changed-ipsec-policy"], ..MAC },
    ),
    // devices and exports
    (&["DEV_ALLOC"], Action { words: &["allocated-device"], ..DEVICE }),
    (&["DEV_DEALLOC"], Action { words: &["deallocated-device"], ..DEVICE }),
    (&["USER_DEVICE"], Action { words: &["changed-device-access"], types: &["change"], ..DEVICE }),
    (
        &["USER_LABELED_EXPORT", "USER_UNLABELED_EXPORT"],
        Action { words: &["exported-data"], object: Object::Named("printer"), primary: &[name::PRINTER], ..UNLISTED },
    ),
    // answers of an intrusion detection program
    (&["RESP_ANOMALY", "RESP_ALERT", "RESP_EXEC", "RESP_SEBOOL"], RESPONSE),
    (&["RESP_KILL_PROC"], Action { words: &["killed-process-in-response"], types: &["info", "end"], ..RESPONSE }),
    (&["RESP_TERM_ACCESS", "RESP_TERM_LOCK"], Action { words: &["locked-terminal-in-response"], ..RESPONSE }),
    (
        &["RESP_ACCT_LOCK", "RESP_ACCT_LOCK_TIMED", "RESP_ACCT_UNLOCK_TIMED", "RESP_ACCT_REMOTE"],
        Action { words: &["locked-account-in-response"], primary: &[name::ACCT, name::ID], ..RESPONSE },
    ),
    (
        &["RESP_ORIGIN_BLOCK", "RESP_ORIGIN_BLOCK_TIMED", "RESP_ORIGIN_UNBLOCK_TIMED"],
        Action { words: &["blocked-origin-in-response"], primary: &[name::ADDR], ..RESPONSE },
    ),
    (&["RESP_SINGLE", "RESP_HALT"], Action { words: &["stopped-system-in-response"], ..RESPONSE }),
    // cryptography
    (&["CRYPTO_KEY_USER"], Action { words: &["negotiated-crypto-key"], primary: &[name::FP], ..CRYPTO }),
    (
        &["CRYPTO_SESSION"],
        Action { words: &["started-crypto-session"], primary: &[name::ADDR], secondary: &[name::RPORT], ..CRYPTO },
    ),
    (&["CRYPTO_FAILURE_USER"], Action { words: &["failed-crypto-operation"], ..CRYPTO }),
    (&["CRYPTO_TEST_USER"], Action { words: &["tested-crypto"], ..CRYPTO }),
    (&["CRYPTO_PARAM_CHANGE_USER"], Action { words: &["changed-crypto-parameter"], types: &["change"], ..CRYPTO }),
    (&["CRYPTO_REPLAY_USER"], Action { words: &["detected-crypto-replay"], ..CRYPTO }),
    (
        &["CRYPTO_IKE_SA", "CRYPTO_IPSEC_SA"],
        Action {
            words: &["negotiated-crypto-association"],
            primary: &[name::ADDR],
            secondary: &[name::RPORT],
            ..CRYPTO
        },
    ),
    (&["CRYPTO_LOGIN"], Action { words: &["crypto-officer-logged-in"], ..UNKNOWN_RECORD }),
    (&["CRYPTO_LOGOUT"], Action { words: &["crypto-officer-logged-out"], ..UNLISTED }),
    // anomalies
    (
        &["ANOM_ABEND"],
        Action {
            words: &["crashed-program"],
            categories: &["process", "intrusion_detection"],
            types: &["end", "info"],
            object: Object::Named("process"),
            primary: &[name::COMM, name::EXE],
            secondary: &[name::PID],
            how: &[name::SIG],
            ..ANOMALY
        },
    ),
    (
        &["ANOM_EXEC"],
        Action {
            words: &["attempted-execution-of-forbidden-program"],
            categories: &["process", "intrusion_detection"],
            types: &["start", "info"],
            object: Object::Named("process"),
            primary: &[name::CMD],
            how: &[name::TERMINAL],
            ..ANOMALY
        },
    ),
    (
        &["ANOM_LINK"],
        Action {
            words: &["used-suspicious-link"],
            categories: &["file", "intrusion_detection"],
            types: &["access", "info"],
            ..ANOMALY
        },
    ),
    (
        &["ANOM_CREAT"],
        Action {
            words: &["created-suspicious-file"],
            categories: &["file", "intrusion_detection"],
            types: &["creation", "info"],
            ..ANOMALY
        },
    ),
    (&["ANOM_LOGIN_FAILURES"], Action { words: &["failed-log-in-too-many-times-to"], ..DENIED_LOGIN }),
    (&["ANOM_LOGIN_LOCATION"], Action { words: &["attempted-log-in-from-unusual-place-to"], ..DENIED_LOGIN }),
    (&["ANOM_LOGIN_SESSIONS"], Action { words: &["opened-too-many-sessions-to"], ..DENIED_LOGIN }),
    (&["ANOM_LOGIN_TIME"], Action { words: &["attempted-log-in-during-unusual-hour-to"], ..DENIED_LOGIN }),
    (&["ANOM_LOGIN_ACCT"], Action { words: &["attempted-log-in-to-watched-account"], ..DENIED_LOGIN }),
    (&["ANOM_LOGIN_SERVICE"], Action { words: &["service-account-attempted-login"], ..DENIED_LOGIN }),
    (&["ANOM_LOGIN_ROOT"], Action { words: &["attempted-log-in-as-root"], ..DENIED_LOGIN }),
    (&["ANOM_ORIGIN_FAILURES"], Action { words: &["failed-log-in-too-many-times-from"], ..DENIED_LOGIN }),
    (
        &["ANOM_SESSION"],
        Action {
            words: &["opened-suspicious-session"],
            categories: &["session", "intrusion_detection"],
            types: &["start", "info"],
            ..ANOMALY
        },
    ),
    (
        &["ANOM_ROOT_TRANS"],
        Action {
            words: &["user-became-root"],
            categories: &["authentication", "intrusion_detection"],
            types: &["start", "info"],
            ..ANOMALY
        },
    ),
    (
        &["ANOM_PROMISCUOUS"],
        Action {
            words: &["changed-promiscuous-mode-on-device"],
            types: &["info", "change"],
            object: Object::Named("network-device"),
            primary: &[name::DEV],
            ..ANOMALY
        },
    ),
    (
        &["ANOM_RBAC_INTEGRITY_FAIL"],
        Action {
            words: &["tested-file-system-integrity-of"],
            object: Object::Named("filesystem"),
            primary: &[name::HOSTNAME],
            ..ANOMALY
        },
    ),
    (&["ANOM_MAX_DAC"], Action { words: &["max-discretionary-access-control-failures-reached"], ..ANOMALY }),
    (&["ANOM_MAX_MAC"], Action { words: &["max-mandatory-access-control-failures-reached"], ..ANOMALY }),
    (&["ANOM_AMTU_FAIL"], Action { words: &["abstract-machine-test-utility-failure"], ..ANOMALY }),
    (&["ANOM_RBAC_FAIL"], Action { words: &["rbac-self-test-failure"], ..ANOMALY }),
    (&["ANOM_CRYPTO_FAIL"], Action { words: &["crypto-system-test-failure"], ..ANOMALY }),
    (
        &["ANOM_MK_EXEC"],
        Action {
            words: &["made-an-executable"],
            categories: &["file", "intrusion_detection"],
            types: &["change", "info"],
            ..ANOMALY
        },
    ),
    (
        &["ANOM_ACCESS_FS"],
        Action {
            words: &["accessed-watched-file-or-directory"],
            categories: &["file", "intrusion_detection"],
            types: &["access", "info"],
            ..ANOMALY
        },
    ),
    (
        &["ANOM_ADD_ACCT"],
        Action {
            words: &["added-user-account"],
            categories: &["iam", "intrusion_detection"],
            types: &["user", "creation", "info"],
            ..ANOMALY
        },
    ),
    (
        &["ANOM_DEL_ACCT"],
        Action {
            words: &["deleted-user-account"],
            categories: &["iam", "intrusion_detection"],
            types: &["user", "deletion", "info"],
            ..ANOMALY
        },
    ),
    (
        &["ANOM_MOD_ACCT"],
        Action {
            words: &["modified-user-account"],
            categories: &["iam", "intrusion_detection"],
            types: &["user", "change", "info"],
            ..ANOMALY
        },
    ),
];

const SELINUX: Action = Action {
    words: &["violated-selinux-policy"],
    actor: &[name::SCONTEXT],
    primary: &[name::TCONTEXT],
    secondary: &[name::TCLASS],
    ..UNKNOWN_RECORD
};

/// An AVC record of AppArmor, told by its `apparmor` field.
pub(super) static APPARMOR: Action = APPARMOR_ROW;
const APPARMOR_ROW: Action = Action {
    words: &["violated-apparmor-policy"],
    object: Object::Named("policy"),
    primary: &[name::OPERATION],
    secondary: &[name::REQUESTED_MASK, name::DENIED_MASK, name::CAPNAME],
    ..UNKNOWN_RECORD
};

/// What an io_uring worker did and no call of the same name is listed for.
pub(super) static RING: Action = Action { words: &["io_uring"], primary: &[name::URING_OP], ..UNLISTED };
