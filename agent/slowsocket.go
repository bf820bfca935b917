package agent

import (
	"fmt"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

var (
	socketFamilies = map[uint16]string{
		unix.AF_UNIX: "unix", unix.AF_INET: "inet", unix.AF_INET6: "inet6", unix.AF_NETLINK: "netlink", unix.AF_PACKET: "packet",
		unix.AF_BLUETOOTH: "bluetooth", unix.AF_CAN: "can", unix.AF_TIPC: "tipc", unix.AF_ALG: "alg", unix.AF_VSOCK: "vsock",
		unix.AF_KCM: "kcm", unix.AF_QIPCRTR: "qipcrtr", unix.AF_SMC: "smc", unix.AF_XDP: "xdp",
	}
	socketTypes = map[uint16]string{
		unix.SOCK_STREAM: "stream", unix.SOCK_DGRAM: "dgram", unix.SOCK_RAW: "raw", unix.SOCK_RDM: "rdm",
		unix.SOCK_SEQPACKET: "seqpacket", unix.SOCK_DCCP: "dccp", unix.SOCK_PACKET: "packet",
	}
	inetProtocols = map[uint16]string{
		unix.IPPROTO_ICMP: "icmp", unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp", unix.IPPROTO_DCCP: "dccp",
		unix.IPPROTO_ICMPV6: "icmpv6", unix.IPPROTO_SCTP: "sctp", unix.IPPROTO_UDPLITE: "udplite", unix.IPPROTO_MPTCP: "mptcp",
	}
	netlinkProtocols = map[uint16]string{
		unix.NETLINK_ROUTE: "route", unix.NETLINK_SOCK_DIAG: "sock-diag", unix.NETLINK_XFRM: "xfrm", unix.NETLINK_AUDIT: "audit",
		unix.NETLINK_CONNECTOR: "connector", unix.NETLINK_NETFILTER: "netfilter", unix.NETLINK_KOBJECT_UEVENT: "kobject-uevent",
		unix.NETLINK_GENERIC: "generic",
	}
	// socketStates are those of include/net/tcp_states.h, in the words of ss(8).
	socketStates = []string{
		"", "established", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2", "time-wait", "closed", "close-wait",
		"last-ack", "listening", "closing", "new-syn-recv", "bound-inactive",
	}
)

// tcpClose is TCP_CLOSE: of a socket without connections it only says that it
// has no fixed other end.
const tcpClose = 7

func recordSocket(s *bpf.Socket) *record.Socket {
	if s == nil {
		return nil
	}
	return &record.Socket{
		Family: named(socketFamilies, s.Family, "family "), Type: named(socketTypes, s.Type, "type "),
		Protocol: socketProtocol(s), State: socketState(s),
		Local: socketAddress(s.Local), Remote: socketAddress(s.Remote),
		Path: s.Path, PeerPID: s.Peer,
	}
}

// named is the name of a number, or the number after what it is.
func named(names map[uint16]string, n uint16, what string) string {
	if name, ok := names[n]; ok {
		return name
	}
	return what + strconv.Itoa(int(n))
}

// socketProtocol: the numbers mean something else in each family.
func socketProtocol(s *bpf.Socket) string {
	switch {
	case s.Family == unix.AF_NETLINK:
		return named(netlinkProtocols, s.Protocol, "")
	case s.Protocol == 0:
		return ""
	case s.Family == unix.AF_INET, s.Family == unix.AF_INET6:
		return named(inetProtocols, s.Protocol, "")
	}
	return strconv.Itoa(int(s.Protocol))
}

func socketState(s *bpf.Socket) string {
	switch {
	case s.State == tcpClose && s.Type != unix.SOCK_STREAM && s.Type != unix.SOCK_SEQPACKET:
		return ""
	case int(s.State) < len(socketStates):
		return socketStates[s.State]
	}
	return fmt.Sprintf("state %d", s.State)
}

// socketAddress is "" for an end that is not known, or not bound to anything.
func socketAddress(a netip.AddrPort) string {
	if !a.IsValid() || a.Addr().IsUnspecified() && a.Port() == 0 {
		return ""
	}
	// ::ffff:10.0.0.7 is 10.0.0.7 to everybody who searches for it.
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()).String()
}
