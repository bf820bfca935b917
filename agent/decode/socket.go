package decode

import (
	"strconv"

	"golang.org/x/sys/unix"
)

var (
	family = enum(map[uint64]string{
		unix.AF_UNSPEC: "AF_UNSPEC", unix.AF_UNIX: "AF_UNIX", unix.AF_INET: "AF_INET", unix.AF_INET6: "AF_INET6", unix.AF_NETLINK: "AF_NETLINK",
		unix.AF_PACKET: "AF_PACKET", unix.AF_ALG: "AF_ALG", unix.AF_VSOCK: "AF_VSOCK", unix.AF_XDP: "AF_XDP", unix.AF_BLUETOOTH: "AF_BLUETOOTH",
		unix.AF_CAN: "AF_CAN", unix.AF_RDS: "AF_RDS", unix.AF_TIPC: "AF_TIPC", unix.AF_KEY: "AF_KEY",
	})
	socketType = enumAnd(0xf, map[uint64]string{
		unix.SOCK_STREAM: "SOCK_STREAM", unix.SOCK_DGRAM: "SOCK_DGRAM", unix.SOCK_RAW: "SOCK_RAW",
		unix.SOCK_SEQPACKET: "SOCK_SEQPACKET", unix.SOCK_RDM: "SOCK_RDM",
	}, socketBits...)
	socketBits  = []bit{{unix.SOCK_CLOEXEC, "SOCK_CLOEXEC"}, {unix.SOCK_NONBLOCK, "SOCK_NONBLOCK"}}
	acceptFlags = bits(socketBits...)
	shutdownHow = ordered("SHUT_RD", "SHUT_WR", "SHUT_RDWR")
	socketLevel = enum(map[uint64]string{
		unix.SOL_SOCKET: "SOL_SOCKET", unix.SOL_IP: "SOL_IP", unix.SOL_TCP: "SOL_TCP", unix.SOL_UDP: "SOL_UDP", unix.SOL_IPV6: "SOL_IPV6",
		unix.SOL_ICMPV6: "SOL_ICMPV6", unix.SOL_RAW: "SOL_RAW", unix.SOL_PACKET: "SOL_PACKET", unix.SOL_NETLINK: "SOL_NETLINK",
		unix.SOL_TLS: "SOL_TLS", unix.SOL_ALG: "SOL_ALG", 284: "SOL_MPTCP", 287: "SOL_VSOCK", 132: "SOL_SCTP",
	})
	messageFlags = bits(
		bit{unix.MSG_OOB, "MSG_OOB"}, bit{unix.MSG_PEEK, "MSG_PEEK"}, bit{unix.MSG_DONTROUTE, "MSG_DONTROUTE"}, bit{unix.MSG_CTRUNC, "MSG_CTRUNC"},
		bit{unix.MSG_TRUNC, "MSG_TRUNC"}, bit{unix.MSG_DONTWAIT, "MSG_DONTWAIT"}, bit{unix.MSG_EOR, "MSG_EOR"}, bit{unix.MSG_WAITALL, "MSG_WAITALL"},
		bit{unix.MSG_CONFIRM, "MSG_CONFIRM"}, bit{unix.MSG_ERRQUEUE, "MSG_ERRQUEUE"}, bit{unix.MSG_NOSIGNAL, "MSG_NOSIGNAL"},
		bit{unix.MSG_MORE, "MSG_MORE"}, bit{unix.MSG_WAITFORONE, "MSG_WAITFORONE"}, bit{unix.MSG_ZEROCOPY, "MSG_ZEROCOPY"},
		bit{unix.MSG_FASTOPEN, "MSG_FASTOPEN"}, bit{unix.MSG_CMSG_CLOEXEC, "MSG_CMSG_CLOEXEC"})
)

var socketOptions = map[uint64]map[uint64]string{
	unix.SOL_SOCKET: {
		unix.SO_REUSEADDR: "SO_REUSEADDR", unix.SO_TYPE: "SO_TYPE", unix.SO_ERROR: "SO_ERROR", unix.SO_BROADCAST: "SO_BROADCAST",
		unix.SO_SNDBUF: "SO_SNDBUF", unix.SO_RCVBUF: "SO_RCVBUF", unix.SO_KEEPALIVE: "SO_KEEPALIVE", unix.SO_LINGER: "SO_LINGER",
		unix.SO_REUSEPORT: "SO_REUSEPORT", unix.SO_PASSCRED: "SO_PASSCRED", unix.SO_PEERCRED: "SO_PEERCRED", unix.SO_RCVLOWAT: "SO_RCVLOWAT",
		unix.SO_RCVTIMEO: "SO_RCVTIMEO", unix.SO_SNDTIMEO: "SO_SNDTIMEO", unix.SO_BINDTODEVICE: "SO_BINDTODEVICE",
		unix.SO_ATTACH_FILTER: "SO_ATTACH_FILTER", unix.SO_DETACH_FILTER: "SO_DETACH_FILTER", unix.SO_TIMESTAMP: "SO_TIMESTAMP",
		unix.SO_ACCEPTCONN: "SO_ACCEPTCONN", unix.SO_PEERSEC: "SO_PEERSEC", unix.SO_SNDBUFFORCE: "SO_SNDBUFFORCE",
		unix.SO_RCVBUFFORCE: "SO_RCVBUFFORCE", unix.SO_MARK: "SO_MARK", unix.SO_PROTOCOL: "SO_PROTOCOL", unix.SO_DOMAIN: "SO_DOMAIN",
		unix.SO_ATTACH_BPF: "SO_ATTACH_BPF", unix.SO_COOKIE: "SO_COOKIE", unix.SO_ZEROCOPY: "SO_ZEROCOPY", unix.SO_PEERPIDFD: "SO_PEERPIDFD",
	},
	unix.SOL_TCP: {
		unix.TCP_NODELAY: "TCP_NODELAY", unix.TCP_MAXSEG: "TCP_MAXSEG", unix.TCP_CORK: "TCP_CORK", unix.TCP_KEEPIDLE: "TCP_KEEPIDLE",
		unix.TCP_KEEPINTVL: "TCP_KEEPINTVL", unix.TCP_KEEPCNT: "TCP_KEEPCNT", unix.TCP_DEFER_ACCEPT: "TCP_DEFER_ACCEPT", unix.TCP_INFO: "TCP_INFO",
		unix.TCP_QUICKACK: "TCP_QUICKACK", unix.TCP_CONGESTION: "TCP_CONGESTION", unix.TCP_USER_TIMEOUT: "TCP_USER_TIMEOUT",
		unix.TCP_FASTOPEN: "TCP_FASTOPEN", unix.TCP_REPAIR: "TCP_REPAIR", unix.TCP_ULP: "TCP_ULP",
	},
	unix.SOL_IPV6: {unix.IPV6_V6ONLY: "IPV6_V6ONLY"},
}

// socketOption depends on the level, the argument before.
func socketOption(c Call, v uint64) string {
	if name := socketOptions[uint64(uint32(c.Args[1]))][uint64(uint32(v))]; name != "" {
		return name
	}
	return integer(c, v)
}

var inetProtocols = map[uint64]string{
	unix.IPPROTO_ICMP: "IPPROTO_ICMP", unix.IPPROTO_TCP: "IPPROTO_TCP", unix.IPPROTO_UDP: "IPPROTO_UDP", unix.IPPROTO_ICMPV6: "IPPROTO_ICMPV6",
	unix.IPPROTO_SCTP: "IPPROTO_SCTP", unix.IPPROTO_RAW: "IPPROTO_RAW", unix.IPPROTO_MPTCP: "IPPROTO_MPTCP",
}

// socketProtocol is a number of the family's own; 0 is the default one.
func socketProtocol(c Call, v uint64) string {
	protocol := uint64(uint32(v))
	if protocol == 0 {
		return ""
	}
	switch uint32(c.Args[0]) {
	case unix.AF_INET, unix.AF_INET6:
		if name := inetProtocols[protocol]; name != "" {
			return name
		}
	}
	return strconv.FormatUint(protocol, 10)
}
