use proptest::prelude::*;

use super::*;

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn check(saddr: &str, family: &str, text: &str) {
    let bytes = unhex(saddr);
    let address = decode(&bytes);
    assert_eq!(address.family_word().unwrap_or_default(), family, "{saddr}");
    assert_eq!(address.to_string(), text, "{saddr}");
}

/// Every form that the recordings hold.
#[test]
fn recorded_addresses() {
    check("020080FB7F0000010000000000000000", "ipv4", "127.0.0.1:33019");
    check("0A0001BB00000005FE80000000000000000000000000000101000000", "ipv6", "[fe80::1%1]:443");
    check("0A0001BB0000000500000000000000000000FFFF0A01020300000000", "ipv6", "[::ffff:10.1.2.3]:443");
    check("01002F6465762F6C6F6700000000000000000000000000000000000000000000", "unix", "/dev/log");
    check("01002F7661722F72756E2F6E7363642F736F636B65740000B621000000000000", "unix", "/var/run/nscd/socket");
    check("010000616273007472616374", "unix", "@abs\\u{0}tract");
    check("0100", "unix", "unnamed");
    check("100000000000000001000000", "netlink", "netlink port 0 groups 0x1");
    check("1100000301000000000000000000000000000000", "packet", "packet ETH_P_ALL interface 1");
    check("28000000000400000200000000000000", "vsock", "vsock 2:1024");
    check("2600686173680000000000000000000000000000000000007368613235360000", "alg", "hash sha256");
    check("00000000000000000000000000000000", "unspec", "unspecified");
    check("00", "", "00");
    check("020011", "ipv4", "020011");
}

#[test]
fn a_scoped_address_names_its_interface() {
    let bytes = unhex("0A0001BB00000000FE80000000000000000000000000000102000000");
    assert_eq!(decode(&bytes).to_string(), "[fe80::1%2]:443");
    assert_eq!(decode(&bytes[..24]).to_string(), "[fe80::1]:443");
    assert!(matches!(decode(&bytes[..23]).endpoint, Endpoint::Cut(_)));
}

#[test]
fn a_mapped_address_went_over_the_wire_as_ipv4() {
    let bytes = unhex("0A0001BB0000000500000000000000000000FFFF0A01020300000000");
    assert_eq!(decode(&bytes).ip(), Some([10, 1, 2, 3].into()));
}

#[test]
fn a_path_without_an_end_is_whole() {
    let mut bytes = vec![1, 0];
    bytes.extend([b'x'; 108]);
    assert_eq!(decode(&bytes).path(), Some(&[b'x'; 108][..]));
}

#[test]
fn big_endian_hosts() {
    check("000200507F0000010000000000000000", "ipv4", "127.0.0.1:80");
    check("00012F6465762F6C6F67", "unix", "/dev/log");
    check("001000000000112200000001", "netlink", "netlink port 4386 groups 0x1");
    check("0028000000000040000000020000", "vsock", "vsock 2:64");
}

#[test]
fn rarer_families() {
    check("1F0000000300", "bluetooth", "bluetooth controller 0");
    check("1F00112233445566", "bluetooth", "bluetooth 66:55:44:33:22:11 channel 0");
    check("1F0011223344556607", "bluetooth", "bluetooth 66:55:44:33:22:11 channel 7");
    check("1D00000005000000", "can", "can interface 5");
    check("2C000000030000000100000000000000", "xdp", "xdp interface 3 queue 1");
    check("2A0000000100000002000000", "qipcrtr", "1:2");
    check("1100080002000000010006061122334455660000", "packet", "packet ETH_P_IP interface 2 11:22:33:44:55:66");
    check("2100000000001000020000500A0000010000000000000000", "rxrpc", "10.0.0.1:80");
}

#[test]
fn unknown_families_keep_their_bytes() {
    check("63000102", "", "63000102");
    assert_eq!(decode(&[0x63, 0, 1, 2]).family, Some(99));
    assert_eq!(decode(&[0x11, 0x22]).family, Some(0x2211));
}

#[test]
fn hostile_names_print_in_one_line() {
    check("01002F746D702F0A1B5B316DFF", "unix", "/tmp/\\n\\u{1b}[1m\\xff");
}

proptest! {
    #[test]
    fn no_bytes_panic(family in 0u8..50, little in any::<bool>(), rest in prop::collection::vec(any::<u8>(), 0..140)) {
        let mut bytes = if little { vec![family, 0] } else { vec![0, family] };
        bytes.extend(rest);
        for end in [bytes.len(), bytes.len() / 2, 1, 0] {
            let address = decode(&bytes[..end]);
            prop_assert!(!address.to_string().contains(char::is_control));
            prop_assert!(address.family.is_some() == (end >= 2));
        }
    }
}
