//! What kind of file system something lies on, by the number that `statfs` gives (`linux/magic.h`).

/// How a file system is treated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nature {
    /// On this host: looked at.
    Local,
    /// On others or in a program: looked at, but changes made elsewhere raise no event here, so only scans see them.
    Remote(&'static str),
    /// The kernel's own view of itself: never entered.
    Pseudo(&'static str),
}

/// The nature of a file system of this type.
#[must_use]
pub fn nature(kind: u64) -> Nature {
    match kind {
        0x6969 => Nature::Remote("nfs"),
        0x517b => Nature::Remote("smb"),
        0xfe53_4d42 => Nature::Remote("smb2"),
        0xff53_4d42 => Nature::Remote("cifs"),
        0x0102_1997 => Nature::Remote("9p"),
        0x00c3_6400 => Nature::Remote("ceph"),
        0x5346_414f | 0x6b41_4653 => Nature::Remote("afs"),
        0x0bd0_0bd0 => Nature::Remote("lustre"),
        0x7375_7245 => Nature::Remote("coda"),
        0x6573_5546 => Nature::Remote("fuse"),
        0x9fa0 => Nature::Pseudo("proc"),
        0x6265_6572 => Nature::Pseudo("sysfs"),
        0x0027_e0eb => Nature::Pseudo("cgroup"),
        0x6367_7270 => Nature::Pseudo("cgroup2"),
        0x1cd1 => Nature::Pseudo("devpts"),
        0x6462_6720 => Nature::Pseudo("debugfs"),
        0x7472_6163 => Nature::Pseudo("tracefs"),
        0x7363_6673 => Nature::Pseudo("securityfs"),
        0xcafe_4a11 => Nature::Pseudo("bpf"),
        0x6165_676c => Nature::Pseudo("pstore"),
        0x1980_0202 => Nature::Pseudo("mqueue"),
        0x9584_58f6 => Nature::Pseudo("hugetlbfs"),
        0x6265_6570 => Nature::Pseudo("configfs"),
        0x4249_4e4d => Nature::Pseudo("binfmt_misc"),
        0x6573_5543 => Nature::Pseudo("fusectl"),
        0xf97c_ff8c => Nature::Pseudo("selinuxfs"),
        0x4341_5d53 => Nature::Pseudo("smackfs"),
        0x0000_0187 => Nature::Pseudo("autofs"),
        0x6e73_6673 => Nature::Pseudo("nsfs"),
        0x6759_6969 => Nature::Pseudo("rpc_pipefs"),
        _ => Nature::Local,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_this_host() {
        let of = |path: &str| nature(rustix::fs::statfs(path).unwrap().f_type as u64);
        assert_eq!(of("/proc"), Nature::Pseudo("proc"));
        assert_eq!(of("/"), Nature::Local);
    }
}
