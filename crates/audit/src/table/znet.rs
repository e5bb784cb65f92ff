//! Constants of system call arguments: net.
//!
//! Machine-written by `cargo xtask tables` from the uapi headers of Linux 7.2.0; do not edit.

use super::flag::{Flags, Values};

/// Address families.
#[rustfmt::skip]
pub static FAMILY: Values = Values::new(&[
    (0x0, "AF_UNSPEC"), (0x1, "AF_UNIX"), (0x2, "AF_INET"), (0x3, "AF_AX25"), (0x4, "AF_IPX"), (0x5, "AF_APPLETALK"),
    (0x6, "AF_NETROM"), (0x7, "AF_BRIDGE"), (0x8, "AF_ATMPVC"), (0x9, "AF_X25"), (0xa, "AF_INET6"), (0xb, "AF_ROSE"),
    (0xc, "AF_DECnet"), (0xd, "AF_NETBEUI"), (0xe, "AF_SECURITY"), (0xf, "AF_KEY"), (0x10, "AF_NETLINK"),
    (0x11, "AF_PACKET"), (0x12, "AF_ASH"), (0x13, "AF_ECONET"), (0x14, "AF_ATMSVC"), (0x15, "AF_RDS"),
    (0x16, "AF_SNA"), (0x17, "AF_IRDA"), (0x18, "AF_PPPOX"), (0x19, "AF_WANPIPE"), (0x1a, "AF_LLC"), (0x1b, "AF_IB"),
    (0x1c, "AF_MPLS"), (0x1d, "AF_CAN"), (0x1e, "AF_TIPC"), (0x1f, "AF_BLUETOOTH"), (0x20, "AF_IUCV"),
    (0x21, "AF_RXRPC"), (0x22, "AF_ISDN"), (0x23, "AF_PHONET"), (0x24, "AF_IEEE802154"), (0x25, "AF_CAIF"),
    (0x26, "AF_ALG"), (0x27, "AF_NFC"), (0x28, "AF_VSOCK"), (0x29, "AF_KCM"), (0x2a, "AF_QIPCRTR"), (0x2b, "AF_SMC"),
    (0x2c, "AF_XDP"), (0x2d, "AF_MCTP"),
]);

/// Socket types, the lowest four bits.
#[rustfmt::skip]
pub static SOCKET_TYPE: Values = Values::new(&[
    (0x1, "SOCK_STREAM"), (0x2, "SOCK_DGRAM"), (0x3, "SOCK_RAW"), (0x4, "SOCK_RDM"), (0x5, "SOCK_SEQPACKET"),
    (0x6, "SOCK_DCCP"), (0xa, "SOCK_PACKET"),
]);

/// Flags beside the socket type.
#[rustfmt::skip]
pub static SOCKET_FLAGS: Flags = Flags::new(&[
    (0x800, "SOCK_NONBLOCK"), (0x0008_0000, "SOCK_CLOEXEC"),
]);

/// IP protocols.
#[rustfmt::skip]
pub static PROTOCOL: Values = Values::new(&[
    (0x0, "IPPROTO_IP"), (0x1, "IPPROTO_ICMP"), (0x2, "IPPROTO_IGMP"), (0x4, "IPPROTO_IPIP"), (0x6, "IPPROTO_TCP"),
    (0x8, "IPPROTO_EGP"), (0xc, "IPPROTO_PUP"), (0x11, "IPPROTO_UDP"), (0x16, "IPPROTO_IDP"), (0x1d, "IPPROTO_TP"),
    (0x21, "IPPROTO_DCCP"), (0x29, "IPPROTO_IPV6"), (0x2e, "IPPROTO_RSVP"), (0x2f, "IPPROTO_GRE"),
    (0x32, "IPPROTO_ESP"), (0x33, "IPPROTO_AH"), (0x5c, "IPPROTO_MTP"), (0x5e, "IPPROTO_BEETPH"),
    (0x62, "IPPROTO_ENCAP"), (0x67, "IPPROTO_PIM"), (0x6c, "IPPROTO_COMP"), (0x73, "IPPROTO_L2TP"),
    (0x84, "IPPROTO_SCTP"), (0x88, "IPPROTO_UDPLITE"), (0x89, "IPPROTO_MPLS"), (0x8f, "IPPROTO_ETHERNET"),
    (0x90, "IPPROTO_AGGFRAG"), (0xff, "IPPROTO_RAW"), (0x100, "IPPROTO_SMC"), (0x106, "IPPROTO_MPTCP"),
]);

/// IPv6 extension headers.
#[rustfmt::skip]
pub static PROTOCOL_V6: Values = Values::new(&[
    (0x0, "IPPROTO_HOPOPTS"), (0x2b, "IPPROTO_ROUTING"), (0x2c, "IPPROTO_FRAGMENT"), (0x3a, "IPPROTO_ICMPV6"),
    (0x3b, "IPPROTO_NONE"), (0x3c, "IPPROTO_DSTOPTS"), (0x87, "IPPROTO_MH"),
]);

/// Netlink families.
#[rustfmt::skip]
pub static NETLINK: Values = Values::new(&[
    (0x0, "NETLINK_ROUTE"), (0x2, "NETLINK_USERSOCK"), (0x3, "NETLINK_FIREWALL"), (0x4, "NETLINK_SOCK_DIAG"),
    (0x5, "NETLINK_NFLOG"), (0x6, "NETLINK_XFRM"), (0x7, "NETLINK_SELINUX"), (0x8, "NETLINK_ISCSI"),
    (0x9, "NETLINK_AUDIT"), (0xa, "NETLINK_FIB_LOOKUP"), (0xb, "NETLINK_CONNECTOR"), (0xc, "NETLINK_NETFILTER"),
    (0xd, "NETLINK_IP6_FW"), (0xe, "NETLINK_DNRTMSG"), (0xf, "NETLINK_KOBJECT_UEVENT"), (0x10, "NETLINK_GENERIC"),
    (0x12, "NETLINK_SCSITRANSPORT"), (0x13, "NETLINK_ECRYPTFS"), (0x14, "NETLINK_RDMA"), (0x15, "NETLINK_CRYPTO"),
    (0x16, "NETLINK_SMC"),
]);

/// Protocols of packet sockets.
#[rustfmt::skip]
pub static ETHERTYPE: Values = Values::new(&[
    (0x1, "ETH_P_802_3"), (0x2, "ETH_P_AX25"), (0x3, "ETH_P_ALL"), (0x4, "ETH_P_802_2"), (0x5, "ETH_P_SNAP"),
    (0x6, "ETH_P_DDCMP"), (0x7, "ETH_P_WAN_PPP"), (0x8, "ETH_P_PPP_MP"), (0x9, "ETH_P_LOCALTALK"), (0xc, "ETH_P_CAN"),
    (0xd, "ETH_P_CANFD"), (0xe, "ETH_P_CANXL"), (0x10, "ETH_P_PPPTALK"), (0x11, "ETH_P_TR_802_2"),
    (0x15, "ETH_P_MOBITEX"), (0x16, "ETH_P_CONTROL"), (0x17, "ETH_P_IRDA"), (0x18, "ETH_P_ECONET"),
    (0x19, "ETH_P_HDLC"), (0x1a, "ETH_P_ARCNET"), (0x1b, "ETH_P_DSA"), (0x1c, "ETH_P_TRAILER"), (0x60, "ETH_P_LOOP"),
    (0xf5, "ETH_P_PHONET"), (0xf6, "ETH_P_IEEE802154"), (0xf7, "ETH_P_CAIF"), (0xf8, "ETH_P_XDSA"),
    (0xf9, "ETH_P_MAP"), (0xfa, "ETH_P_MCTP"), (0xfe, "ETH_P_GRE_OSI"), (0x200, "ETH_P_PUP"), (0x201, "ETH_P_PUPAT"),
    (0x800, "ETH_P_IP"), (0x805, "ETH_P_X25"), (0x806, "ETH_P_ARP"), (0x8ff, "ETH_P_BPQ"), (0xa00, "ETH_P_IEEEPUP"),
    (0xa01, "ETH_P_IEEEPUPAT"), (0x22eb, "ETH_P_ERSPAN2"), (0x22f0, "ETH_P_TSN"), (0x4305, "ETH_P_BATMAN"),
    (0x6000, "ETH_P_DEC"), (0x6001, "ETH_P_DNA_DL"), (0x6002, "ETH_P_DNA_RC"), (0x6003, "ETH_P_DNA_RT"),
    (0x6004, "ETH_P_LAT"), (0x6005, "ETH_P_DIAG"), (0x6006, "ETH_P_CUST"), (0x6007, "ETH_P_SCA"),
    (0x6558, "ETH_P_TEB"), (0x8035, "ETH_P_RARP"), (0x809b, "ETH_P_ATALK"), (0x80f3, "ETH_P_AARP"),
    (0x8100, "ETH_P_8021Q"), (0x8137, "ETH_P_IPX"), (0x86dd, "ETH_P_IPV6"), (0x8808, "ETH_P_PAUSE"),
    (0x8809, "ETH_P_SLOW"), (0x883e, "ETH_P_WCCP"), (0x8847, "ETH_P_MPLS_UC"), (0x8848, "ETH_P_MPLS_MC"),
    (0x884c, "ETH_P_ATMMPOA"), (0x8863, "ETH_P_PPP_DISC"), (0x8864, "ETH_P_PPP_SES"), (0x886c, "ETH_P_LINK_CTL"),
    (0x8870, "ETH_P_8021AC"), (0x8884, "ETH_P_ATMFATE"), (0x888e, "ETH_P_PAE"), (0x8892, "ETH_P_PROFINET"),
    (0x8899, "ETH_P_REALTEK"), (0x88a2, "ETH_P_AOE"), (0x88a4, "ETH_P_ETHERCAT"), (0x88a8, "ETH_P_8021AD"),
    (0x88b5, "ETH_P_802_EX1"), (0x88be, "ETH_P_ERSPAN"), (0x88c3, "ETH_P_MXLGSW"), (0x88c7, "ETH_P_PREAUTH"),
    (0x88ca, "ETH_P_TIPC"), (0x88cc, "ETH_P_LLDP"), (0x88e3, "ETH_P_MRP"), (0x88e5, "ETH_P_MACSEC"),
    (0x88e7, "ETH_P_8021AH"), (0x88f5, "ETH_P_MVRP"), (0x88f7, "ETH_P_1588"), (0x88f8, "ETH_P_NCSI"),
    (0x88fb, "ETH_P_PRP"), (0x8902, "ETH_P_CFM"), (0x8906, "ETH_P_FCOE"), (0x890d, "ETH_P_TDLS"),
    (0x8914, "ETH_P_FIP"), (0x8915, "ETH_P_IBOE"), (0x8917, "ETH_P_80221"), (0x892f, "ETH_P_HSR"),
    (0x894f, "ETH_P_NSH"), (0x9000, "ETH_P_LOOPBACK"), (0x9100, "ETH_P_QINQ1"), (0x9200, "ETH_P_QINQ2"),
    (0x9300, "ETH_P_QINQ3"), (0x9988, "ETH_P_YT921X"), (0xdada, "ETH_P_EDSA"), (0xdadb, "ETH_P_DSA_8021Q"),
    (0xe001, "ETH_P_DSA_A5PSW"), (0xed3e, "ETH_P_IFE"), (0xfbfb, "ETH_P_AF_IUCV"), (0xfd3a, "ETH_P_NXP_NETC"),
]);

/// `setsockopt(2)` levels beside the IP protocols.
#[rustfmt::skip]
pub static SOCKET_LEVEL: Values = Values::new(&[
    (0x0, "SOL_IP"), (0x1, "SOL_SOCKET"), (0x6, "SOL_TCP"), (0x11, "SOL_UDP"), (0x29, "SOL_IPV6"),
    (0x3a, "SOL_ICMPV6"), (0x84, "SOL_SCTP"), (0x88, "SOL_UDPLITE"), (0xff, "SOL_RAW"), (0x101, "SOL_AX25"),
    (0x107, "SOL_PACKET"), (0x108, "SOL_ATM"), (0x109, "SOL_AAL"), (0x10c, "SOL_LLC"), (0x10d, "SOL_DCCP"),
    (0x10e, "SOL_NETLINK"), (0x10f, "SOL_TIPC"), (0x110, "SOL_RXRPC"), (0x111, "SOL_PPPOL2TP"),
    (0x112, "SOL_BLUETOOTH"), (0x113, "SOL_PNPIPE"), (0x114, "SOL_RDS"), (0x115, "SOL_IUCV"), (0x116, "SOL_CAIF"),
    (0x117, "SOL_ALG"), (0x118, "SOL_NFC"), (0x119, "SOL_KCM"), (0x11a, "SOL_TLS"), (0x11b, "SOL_XDP"),
    (0x11c, "SOL_MPTCP"), (0x11d, "SOL_MCTP"), (0x11e, "SOL_SMC"), (0x11f, "SOL_VSOCK"),
]);

/// Options of `SOL_SOCKET`.
#[rustfmt::skip]
pub static SOCKET_OPTION: Values = Values::new(&[
    (0x1, "SO_DEBUG"), (0x2, "SO_REUSEADDR"), (0x3, "SO_TYPE"), (0x4, "SO_ERROR"), (0x5, "SO_DONTROUTE"),
    (0x6, "SO_BROADCAST"), (0x7, "SO_SNDBUF"), (0x8, "SO_RCVBUF"), (0x9, "SO_KEEPALIVE"), (0xa, "SO_OOBINLINE"),
    (0xb, "SO_NO_CHECK"), (0xc, "SO_PRIORITY"), (0xd, "SO_LINGER"), (0xe, "SO_BSDCOMPAT"), (0xf, "SO_REUSEPORT"),
    (0x10, "SO_PASSCRED"), (0x11, "SO_PEERCRED"), (0x12, "SO_RCVLOWAT"), (0x13, "SO_SNDLOWAT"),
    (0x14, "SO_RCVTIMEO_OLD"), (0x15, "SO_SNDTIMEO_OLD"), (0x16, "SO_SECURITY_AUTHENTICATION"),
    (0x17, "SO_SECURITY_ENCRYPTION_TRANSPORT"), (0x18, "SO_SECURITY_ENCRYPTION_NETWORK"), (0x19, "SO_BINDTODEVICE"),
    (0x1a, "SO_ATTACH_FILTER"), (0x1b, "SO_DETACH_FILTER"), (0x1c, "SO_PEERNAME"), (0x1d, "SO_TIMESTAMP_OLD"),
    (0x1e, "SO_ACCEPTCONN"), (0x1f, "SO_PEERSEC"), (0x20, "SO_SNDBUFFORCE"), (0x21, "SO_RCVBUFFORCE"),
    (0x22, "SO_PASSSEC"), (0x23, "SO_TIMESTAMPNS_OLD"), (0x24, "SO_MARK"), (0x25, "SO_TIMESTAMPING_OLD"),
    (0x26, "SO_PROTOCOL"), (0x27, "SO_DOMAIN"), (0x28, "SO_RXQ_OVFL"), (0x29, "SO_WIFI_STATUS"), (0x2a, "SO_PEEK_OFF"),
    (0x2b, "SO_NOFCS"), (0x2c, "SO_LOCK_FILTER"), (0x2d, "SO_SELECT_ERR_QUEUE"), (0x2e, "SO_BUSY_POLL"),
    (0x2f, "SO_MAX_PACING_RATE"), (0x30, "SO_BPF_EXTENSIONS"), (0x31, "SO_INCOMING_CPU"), (0x32, "SO_ATTACH_BPF"),
    (0x33, "SO_ATTACH_REUSEPORT_CBPF"), (0x34, "SO_ATTACH_REUSEPORT_EBPF"), (0x35, "SO_CNX_ADVICE"),
    (0x37, "SO_MEMINFO"), (0x38, "SO_INCOMING_NAPI_ID"), (0x39, "SO_COOKIE"), (0x3b, "SO_PEERGROUPS"),
    (0x3c, "SO_ZEROCOPY"), (0x3d, "SO_TXTIME"), (0x3e, "SO_BINDTOIFINDEX"), (0x3f, "SO_TIMESTAMP_NEW"),
    (0x40, "SO_TIMESTAMPNS_NEW"), (0x41, "SO_TIMESTAMPING_NEW"), (0x42, "SO_RCVTIMEO_NEW"), (0x43, "SO_SNDTIMEO_NEW"),
    (0x44, "SO_DETACH_REUSEPORT_BPF"), (0x45, "SO_PREFER_BUSY_POLL"), (0x46, "SO_BUSY_POLL_BUDGET"),
    (0x47, "SO_NETNS_COOKIE"), (0x48, "SO_BUF_LOCK"), (0x49, "SO_RESERVE_MEM"), (0x4a, "SO_TXREHASH"),
    (0x4b, "SO_RCVMARK"), (0x4c, "SO_PASSPIDFD"), (0x4d, "SO_PEERPIDFD"), (0x4e, "SO_DEVMEM_LINEAR"),
    (0x4f, "SO_DEVMEM_DMABUF"), (0x50, "SO_DEVMEM_DONTNEED"), (0x52, "SO_RCVPRIORITY"), (0x53, "SO_PASSRIGHTS"),
    (0x54, "SO_INQ"),
]);

/// Options of `SOL_IP`.
#[rustfmt::skip]
pub static IP_OPTION: Values = Values::new(&[
    (0x1, "IP_TOS"), (0x2, "IP_TTL"), (0x3, "IP_HDRINCL"), (0x4, "IP_OPTIONS"), (0x5, "IP_ROUTER_ALERT"),
    (0x6, "IP_RECVOPTS"), (0x7, "IP_RETOPTS"), (0x8, "IP_PKTINFO"), (0x9, "IP_PKTOPTIONS"), (0xa, "IP_MTU_DISCOVER"),
    (0xb, "IP_RECVERR"), (0xc, "IP_RECVTTL"), (0xd, "IP_RECVTOS"), (0xe, "IP_MTU"), (0xf, "IP_FREEBIND"),
    (0x10, "IP_IPSEC_POLICY"), (0x11, "IP_XFRM_POLICY"), (0x12, "IP_PASSSEC"), (0x13, "IP_TRANSPARENT"),
    (0x14, "IP_ORIGDSTADDR"), (0x15, "IP_MINTTL"), (0x16, "IP_NODEFRAG"), (0x17, "IP_CHECKSUM"),
    (0x18, "IP_BIND_ADDRESS_NO_PORT"), (0x19, "IP_RECVFRAGSIZE"), (0x1a, "IP_RECVERR_RFC4884"),
    (0x20, "IP_MULTICAST_IF"), (0x21, "IP_MULTICAST_TTL"), (0x22, "IP_MULTICAST_LOOP"), (0x23, "IP_ADD_MEMBERSHIP"),
    (0x24, "IP_DROP_MEMBERSHIP"), (0x25, "IP_UNBLOCK_SOURCE"), (0x26, "IP_BLOCK_SOURCE"),
    (0x27, "IP_ADD_SOURCE_MEMBERSHIP"), (0x28, "IP_DROP_SOURCE_MEMBERSHIP"), (0x29, "IP_MSFILTER"),
    (0x2a, "MCAST_JOIN_GROUP"), (0x2b, "MCAST_BLOCK_SOURCE"), (0x2c, "MCAST_UNBLOCK_SOURCE"),
    (0x2d, "MCAST_LEAVE_GROUP"), (0x2e, "MCAST_JOIN_SOURCE_GROUP"), (0x2f, "MCAST_LEAVE_SOURCE_GROUP"),
    (0x30, "MCAST_MSFILTER"), (0x31, "IP_MULTICAST_ALL"), (0x32, "IP_UNICAST_IF"), (0x33, "IP_LOCAL_PORT_RANGE"),
    (0x34, "IP_PROTOCOL"), (0x40, "IPT_SO_SET_REPLACE"), (0x41, "IPT_SO_SET_ADD_COUNTERS"),
]);

/// Options of `SOL_IPV6`.
#[rustfmt::skip]
pub static IPV6_OPTION: Values = Values::new(&[
    (0x1, "IPV6_ADDRFORM"), (0x2, "IPV6_2292PKTINFO"), (0x3, "IPV6_2292HOPOPTS"), (0x4, "IPV6_2292DSTOPTS"),
    (0x5, "IPV6_2292RTHDR"), (0x6, "IPV6_2292PKTOPTIONS"), (0x7, "IPV6_CHECKSUM"), (0x8, "IPV6_2292HOPLIMIT"),
    (0x9, "IPV6_NEXTHOP"), (0xa, "IPV6_AUTHHDR"), (0xb, "IPV6_FLOWINFO"), (0x10, "IPV6_UNICAST_HOPS"),
    (0x11, "IPV6_MULTICAST_IF"), (0x12, "IPV6_MULTICAST_HOPS"), (0x13, "IPV6_MULTICAST_LOOP"),
    (0x14, "IPV6_ADD_MEMBERSHIP"), (0x15, "IPV6_DROP_MEMBERSHIP"), (0x16, "IPV6_ROUTER_ALERT"),
    (0x17, "IPV6_MTU_DISCOVER"), (0x18, "IPV6_MTU"), (0x19, "IPV6_RECVERR"), (0x1a, "IPV6_V6ONLY"),
    (0x1b, "IPV6_JOIN_ANYCAST"), (0x1c, "IPV6_LEAVE_ANYCAST"), (0x1d, "IPV6_MULTICAST_ALL"),
    (0x1e, "IPV6_ROUTER_ALERT_ISOLATE"), (0x1f, "IPV6_RECVERR_RFC4884"), (0x20, "IPV6_FLOWLABEL_MGR"),
    (0x22, "IPV6_IPSEC_POLICY"), (0x23, "IPV6_XFRM_POLICY"), (0x24, "IPV6_HDRINCL"), (0x31, "IPV6_RECVPKTINFO"),
    (0x32, "IPV6_PKTINFO"), (0x33, "IPV6_RECVHOPLIMIT"), (0x34, "IPV6_HOPLIMIT"), (0x35, "IPV6_RECVHOPOPTS"),
    (0x36, "IPV6_HOPOPTS"), (0x37, "IPV6_RTHDRDSTOPTS"), (0x38, "IPV6_RECVRTHDR"), (0x39, "IPV6_RTHDR"),
    (0x3a, "IPV6_RECVDSTOPTS"), (0x3b, "IPV6_DSTOPTS"), (0x3c, "IPV6_RECVPATHMTU"), (0x3d, "IPV6_PATHMTU"),
    (0x3e, "IPV6_DONTFRAG"), (0x3f, "IPV6_USE_MIN_MTU"), (0x42, "IPV6_RECVTCLASS"), (0x43, "IPV6_TCLASS"),
    (0x46, "IPV6_AUTOFLOWLABEL"), (0x48, "IPV6_ADDR_PREFERENCES"), (0x49, "IPV6_MINHOPCOUNT"),
    (0x4a, "IPV6_ORIGDSTADDR"), (0x4b, "IPV6_TRANSPARENT"), (0x4c, "IPV6_UNICAST_IF"), (0x4d, "IPV6_RECVFRAGSIZE"),
    (0x4e, "IPV6_FREEBIND"),
]);

/// Options of `SOL_TCP`.
#[rustfmt::skip]
pub static TCP_OPTION: Values = Values::new(&[
    (0x1, "TCP_NODELAY"), (0x2, "TCP_MAXSEG"), (0x3, "TCP_CORK"), (0x4, "TCP_KEEPIDLE"), (0x5, "TCP_KEEPINTVL"),
    (0x6, "TCP_KEEPCNT"), (0x7, "TCP_SYNCNT"), (0x8, "TCP_LINGER2"), (0x9, "TCP_DEFER_ACCEPT"),
    (0xa, "TCP_WINDOW_CLAMP"), (0xb, "TCP_INFO"), (0xc, "TCP_QUICKACK"), (0xd, "TCP_CONGESTION"), (0xe, "TCP_MD5SIG"),
    (0x10, "TCP_THIN_LINEAR_TIMEOUTS"), (0x11, "TCP_THIN_DUPACK"), (0x12, "TCP_USER_TIMEOUT"), (0x13, "TCP_REPAIR"),
    (0x14, "TCP_REPAIR_QUEUE"), (0x15, "TCP_QUEUE_SEQ"), (0x17, "TCP_FASTOPEN"), (0x18, "TCP_TIMESTAMP"),
    (0x19, "TCP_NOTSENT_LOWAT"), (0x1a, "TCP_CC_INFO"), (0x1b, "TCP_SAVE_SYN"), (0x1c, "TCP_SAVED_SYN"),
    (0x1d, "TCP_REPAIR_WINDOW"), (0x1e, "TCP_FASTOPEN_CONNECT"), (0x1f, "TCP_ULP"), (0x21, "TCP_FASTOPEN_KEY"),
    (0x22, "TCP_FASTOPEN_NO_COOKIE"), (0x24, "TCP_INQ"), (0x25, "TCP_TX_DELAY"), (0x26, "TCP_AO_ADD_KEY"),
    (0x27, "TCP_AO_DEL_KEY"), (0x28, "TCP_AO_INFO"), (0x29, "TCP_AO_GET_KEYS"), (0x2a, "TCP_AO_REPAIR"),
    (0x2b, "TCP_IS_MPTCP"), (0x2c, "TCP_RTO_MAX_MS"), (0x2d, "TCP_RTO_MIN_US"), (0x2e, "TCP_DELACK_MAX_US"),
]);

/// Options of `SOL_UDP`.
#[rustfmt::skip]
pub static UDP_OPTION: Values = Values::new(&[
    (0x1, "UDP_CORK"), (0x64, "UDP_ENCAP"), (0x65, "UDP_NO_CHECK6_TX"), (0x66, "UDP_NO_CHECK6_RX"),
    (0x67, "UDP_SEGMENT"), (0x68, "UDP_GRO"),
]);

/// Options of `SOL_PACKET`.
#[rustfmt::skip]
pub static PACKET_OPTION: Values = Values::new(&[
    (0x1, "PACKET_ADD_MEMBERSHIP"), (0x2, "PACKET_DROP_MEMBERSHIP"), (0x3, "PACKET_RECV_OUTPUT"),
    (0x5, "PACKET_RX_RING"), (0x6, "PACKET_STATISTICS"), (0x7, "PACKET_COPY_THRESH"), (0x8, "PACKET_AUXDATA"),
    (0x9, "PACKET_ORIGDEV"), (0xa, "PACKET_VERSION"), (0xb, "PACKET_HDRLEN"), (0xc, "PACKET_RESERVE"),
    (0xd, "PACKET_TX_RING"), (0xe, "PACKET_LOSS"), (0xf, "PACKET_VNET_HDR"), (0x10, "PACKET_TX_TIMESTAMP"),
    (0x11, "PACKET_TIMESTAMP"), (0x12, "PACKET_FANOUT"), (0x13, "PACKET_TX_HAS_OFF"), (0x14, "PACKET_QDISC_BYPASS"),
    (0x15, "PACKET_ROLLOVER_STATS"), (0x17, "PACKET_IGNORE_OUTGOING"), (0x18, "PACKET_VNET_HDR_SZ"),
]);

/// Options of `SOL_NETLINK`.
#[rustfmt::skip]
pub static NETLINK_OPTION: Values = Values::new(&[
    (0x1, "NETLINK_ADD_MEMBERSHIP"), (0x2, "NETLINK_DROP_MEMBERSHIP"), (0x3, "NETLINK_PKTINFO"),
    (0x4, "NETLINK_BROADCAST_ERROR"), (0x5, "NETLINK_NO_ENOBUFS"), (0x8, "NETLINK_LISTEN_ALL_NSID"),
    (0x9, "NETLINK_LIST_MEMBERSHIPS"), (0xa, "NETLINK_CAP_ACK"), (0xb, "NETLINK_EXT_ACK"),
    (0xc, "NETLINK_GET_STRICT_CHK"),
]);

/// `send(2)` and `recv(2)` flags.
#[rustfmt::skip]
pub static MESSAGE: Flags = Flags::new(&[
    (0x1, "MSG_OOB"), (0x2, "MSG_PEEK"), (0x4, "MSG_DONTROUTE"), (0x8, "MSG_CTRUNC"), (0x10, "MSG_PROBE"),
    (0x20, "MSG_TRUNC"), (0x40, "MSG_DONTWAIT"), (0x80, "MSG_EOR"), (0x100, "MSG_WAITALL"), (0x200, "MSG_FIN"),
    (0x400, "MSG_SYN"), (0x800, "MSG_CONFIRM"), (0x1000, "MSG_RST"), (0x2000, "MSG_ERRQUEUE"),
    (0x4000, "MSG_NOSIGNAL"), (0x8000, "MSG_MORE"), (0x0001_0000, "MSG_WAITFORONE"), (0x0004_0000, "MSG_BATCH"),
    (0x0400_0000, "MSG_ZEROCOPY"), (0x2000_0000, "MSG_FASTOPEN"), (0x4000_0000, "MSG_CMSG_CLOEXEC"),
]);

/// `shutdown(2)` directions.
#[rustfmt::skip]
pub static SHUTDOWN: Values = Values::new(&[
    (0x0, "SHUT_RD"), (0x1, "SHUT_WR"), (0x2, "SHUT_RDWR"),
]);

/// The call behind `socketcall(2)`.
#[rustfmt::skip]
pub static SOCKETCALL: Values = Values::new(&[
    (0x1, "SYS_SOCKET"), (0x2, "SYS_BIND"), (0x3, "SYS_CONNECT"), (0x4, "SYS_LISTEN"), (0x5, "SYS_ACCEPT"),
    (0x6, "SYS_GETSOCKNAME"), (0x7, "SYS_GETPEERNAME"), (0x8, "SYS_SOCKETPAIR"), (0x9, "SYS_SEND"), (0xa, "SYS_RECV"),
    (0xb, "SYS_SENDTO"), (0xc, "SYS_RECVFROM"), (0xd, "SYS_SHUTDOWN"), (0xe, "SYS_SETSOCKOPT"),
    (0xf, "SYS_GETSOCKOPT"), (0x10, "SYS_SENDMSG"), (0x11, "SYS_RECVMSG"), (0x12, "SYS_ACCEPT4"),
    (0x13, "SYS_RECVMMSG"), (0x14, "SYS_SENDMMSG"),
]);

/// ICMP types.
#[rustfmt::skip]
pub static ICMP: Values = Values::new(&[
    (0x0, "ICMP_ECHOREPLY"), (0x3, "ICMP_DEST_UNREACH"), (0x4, "ICMP_SOURCE_QUENCH"), (0x5, "ICMP_REDIRECT"),
    (0x8, "ICMP_ECHO"), (0xb, "ICMP_TIME_EXCEEDED"), (0xc, "ICMP_PARAMETERPROB"), (0xd, "ICMP_TIMESTAMP"),
    (0xe, "ICMP_TIMESTAMPREPLY"), (0xf, "ICMP_INFO_REQUEST"), (0x10, "ICMP_INFO_REPLY"), (0x11, "ICMP_ADDRESS"),
    (0x12, "ICMP_ADDRESSREPLY"),
]);

/// Protocol families of netfilter.
#[rustfmt::skip]
pub static NETFILTER_PROTOCOL: Values = Values::new(&[
    (0x0, "NFPROTO_UNSPEC"), (0x1, "NFPROTO_INET"), (0x2, "NFPROTO_IPV4"), (0x3, "NFPROTO_ARP"),
    (0x5, "NFPROTO_NETDEV"), (0x7, "NFPROTO_BRIDGE"), (0xa, "NFPROTO_IPV6"), (0xc, "NFPROTO_DECNET"),
]);

/// What netfilter does with a packet.
#[rustfmt::skip]
pub static NETFILTER_VERDICT: Values = Values::new(&[
    (0x0, "NF_DROP"), (0x1, "NF_ACCEPT"), (0x2, "NF_STOLEN"), (0x3, "NF_QUEUE"), (0x4, "NF_REPEAT"), (0x5, "NF_STOP"),
]);
