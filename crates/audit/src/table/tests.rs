use super::*;

fn check_call(arch: u32, number: u64, name: &str) {
    assert_eq!(syscall_name(arch, number), Some(name));
    if number & arch::X32_BIT == 0 {
        assert_eq!(syscall_number(arch, name).map(u64::from), Some(number));
    }
}

#[test]
fn calls_of_every_numbering() {
    check_call(arch::X86_64, 59, "execve");
    check_call(arch::X86_64, 437, "openat2");
    check_call(arch::X86_64, 0x4000_0000 | 520, "execve");
    check_call(arch::I386, 11, "execve");
    check_call(arch::I386, 102, "socketcall");
    check_call(arch::AARCH64, 221, "execve");
    check_call(arch::ARM, 11, "execve");
    check_call(arch::ARM, 0x000f_0005, "set_tls");
    check_call(arch::PPC, 11, "execve");
    check_call(arch::PPC64LE, 11, "execve");
    check_call(arch::S390, 11, "execve");
    check_call(arch::S390X, 11, "execve");
    check_call(arch::RISCV64, 221, "execve");
    check_call(arch::RISCV32, 221, "execve");
    check_call(arch::LOONGARCH64, 221, "execve");
    check_call(arch::MIPSEL, 4011, "execve");
    check_call(arch::MIPS64, 5057, "execve");
    check_call(arch::MIPSEL64N32, 6057, "execve");
}

#[test]
fn a_32_bit_call_is_not_read_as_the_64_bit_one() {
    let calls = [20, 199, 13, 5, 6, 10];
    assert_eq!(
        calls.map(|number| syscall_name(arch::I386, number).unwrap_or_default()),
        ["getpid", "getuid32", "time", "open", "close", "unlink"]
    );
    assert_eq!(syscall_name(arch::X86_64, 20), Some("writev"));
}

#[test]
fn numbers_beyond_the_tables_have_no_name() {
    assert_eq!(syscall_name(arch::X86_64, 9999), None);
    assert_eq!(syscall_name(arch::X86_64, u64::MAX), None);
    assert_eq!(syscall_name(arch::MIPS, 3), None);
    assert_eq!(syscall_name(0xdead_beef, 1), None);
}

#[test]
fn record_types_read_back_from_their_names() {
    let known: Vec<u16> = (0..=u16::MAX).filter(|number| record_type_name(*number).is_some()).collect();
    assert!(known.len() > 200, "{}", known.len());
    for number in known {
        let name = record_type_name(number).unwrap_or_default();
        assert_eq!(record_type_number(name.as_bytes()), Some(number), "{name}");
    }
}

#[test]
fn record_types_of_new_kernels() {
    let expect = [(1336, "URINGOP"), (1337, "OPENAT2"), (1339, "DM_EVENT"), (1422, "IPE_POLICY_LOAD")];
    for (number, name) in expect {
        assert_eq!(record_type_name(number), Some(name));
    }
    assert_eq!(record_type_name(1423), Some("LANDLOCK_ACCESS"));
    assert_eq!(record_type_name(1426), Some("MAC_OBJ_CONTEXTS"));
}

#[test]
fn unknown_record_types_keep_their_number() {
    assert_eq!(record_type_number(b"UNKNOWN[1399]"), Some(1399));
    assert_eq!(record_type_number(b"UNKNOWN[99999]"), None);
    assert_eq!(record_type_number(b"UNKNOWN[]"), None);
    assert_eq!(record_type_number(b"nonsense"), None);
    assert_eq!(RecordType(1399).to_string(), "UNKNOWN[1399]");
    assert_eq!(RecordType::SYSCALL.to_string(), "SYSCALL");
}

#[test]
fn errors_of_either_sign() {
    assert_eq!(errno_name(-13), Some("EACCES"));
    assert_eq!(errno_name(115), Some("EINPROGRESS"));
    assert_eq!(errno_name(-512), Some("ERESTARTSYS"));
    assert_eq!(errno_name(-516), Some("ERESTART_RESTARTBLOCK"));
    assert_eq!(errno_name(i64::MIN), None);
    assert_eq!(errno_number("EACCES"), Some(13));
    assert_eq!(errno_number("EWOULDBLOCK"), Some(11));
}

#[test]
fn capability_names_are_the_headers() {
    for (number, name) in CAPABILITY.iter() {
        assert_eq!(capability_name(u32::try_from(number).unwrap()), Some(name.to_ascii_lowercase().as_str()));
    }
    assert_eq!(CAPABILITY.iter().count(), 41);
    let high = capabilities(1 << 38 | 1 << 39 | 1 << 40 | 1 << 63).collect::<Vec<_>>();
    assert_eq!(high, ["cap_perfmon", "cap_bpf", "cap_checkpoint_restore"]);
}

#[test]
fn open_flags_differ_between_machines() {
    assert_eq!(open_flags(arch::X86_64).text(0x1_0000), "O_DIRECTORY");
    assert_eq!(open_flags(arch::AARCH64).text(0x4000), "O_DIRECTORY");
    assert_eq!(open_flags(arch::MIPS).text(0x100), "O_CREAT");
    assert_eq!(open_flags(arch::X86_64).text(0o4_200_000 | 0o20_000_000), "O_TMPFILE|0x100000");
}

#[test]
fn creating_flags_are_the_headers() {
    let directories =
        [(arch::X86_64, 0x1_0000), (arch::AARCH64, 0x4000), (arch::PPC64LE, 0x4000), (arch::MIPS, 0x1_0000)];
    for (arch, directory) in directories {
        let create = creating_flags(arch) & 0xffff;
        let tmpfile = creating_flags(arch) & !0xffff | directory;
        assert_eq!([create, tmpfile].map(|flags| open_flags(arch).text(flags)), ["O_CREAT", "O_TMPFILE"], "{arch:#x}");
    }
}

#[test]
fn arch_words_and_names() {
    assert_eq!(arch_name(0xc000_003e), Some("x86_64"));
    assert_eq!(arch_name(0x4000_0003), Some("i386"));
    assert_eq!(arch::word("aarch64"), Some(arch::AARCH64));
    assert_eq!(arch::word("i686"), Some(arch::I386));
    assert_eq!(arch::twin_32(arch::X86_64), Some(arch::I386));
    assert_eq!(arch_name(1), None);
}

#[test]
fn families_as_words() {
    let words = [1, 2, 10, 16, 40].map(|family| family_word(family).unwrap_or_default());
    assert_eq!(words, ["unix", "ipv4", "ipv6", "netlink", "vsock"]);
    assert_eq!(family_word(999), None);
}
