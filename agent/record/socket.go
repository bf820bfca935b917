package record

import (
	"fmt"
	"strings"
)

// Socket is one end of a connection, named as ss(8) does.
type Socket struct {
	Family   string `json:"family"`            // "inet", "inet6", "unix", "netlink", "packet", ...; "family 99" without a name
	Type     string `json:"type,omitzero"`     // "stream", "dgram", "raw", "seqpacket", ...
	Protocol string `json:"protocol,omitzero"` // "tcp", "udp", ...; the number of one without a name
	State    string `json:"state,omitzero"`    // "established", "listening", ...
	Local    string `json:"local,omitzero"`    // "address:port"
	Remote   string `json:"remote,omitzero"`   // "address:port"
	Path     string `json:"path,omitzero"`     // of a unix socket; an abstract name begins with @
	PeerPID  uint32 `json:"peer_pid,omitzero"` // of a unix socket: who is at the other end
}

// label reads like "tcp socket 10.0.0.7:51234 -> 10.0.0.9:5432".
func (s *Socket) label() string {
	name := s.Family
	if strings.HasPrefix(s.Family, "inet") && s.Protocol != "" {
		name = s.Protocol
	}
	text := name + " socket"
	switch {
	case s.Path != "":
		text += " " + pathLabel(s.Path)
	case s.Local != "" && s.Remote != "":
		text += " " + s.Local + " -> " + s.Remote
	case s.Remote != "":
		text += " to " + s.Remote
	case s.Local != "":
		text += " " + s.Local
	}
	if s.PeerPID != 0 {
		text += fmt.Sprintf(" (peer %d)", s.PeerPID)
	}
	return text
}
