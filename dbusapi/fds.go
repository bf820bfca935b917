package dbusapi

import (
	"io"
	"net"
	"os"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// fdSource reads a unix socket together with the file descriptors that come over
// it. godbus is not asked for that: it never closes those that nobody takes, and
// any local user could fill up our table with them.
type fdSource struct {
	sock    *net.UnixConn
	files   []*os.File
	control []byte // kept: a message of 32 MiB is read in thousands of pieces
}

// maxFDs is the kernel's SCM_MAX_FD; a bus lets 16 through by default.
const maxFDs = 253

// Read implements io.Reader.
func (s *fdSource) Read(p []byte) (int, error) {
	if s.control == nil {
		s.control = make([]byte, unix.CmsgSpace(maxFDs*4))
	}
	n, controlled, _, _, err := s.sock.ReadMsgUnix(p, s.control)
	s.files = append(s.files, filesOf(s.control[:controlled])...)
	if n == 0 && err == nil && len(p) > 0 {
		err = io.EOF
	}
	return n, err
}

func (s *fdSource) takeFiles() []*os.File {
	files := s.files
	s.files = nil
	return files
}

// filesOf takes the descriptors out of control messages (unix(7), SCM_RIGHTS).
func filesOf(control []byte) (files []*os.File) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue // another kind
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "from the bus"))
		}
	}
	return files
}

// noFDs reads what brings no descriptors.
type noFDs struct{ io.Reader }

func (noFDs) takeFiles() []*os.File { return nil }

// attachFiles puts the files that came with a message in the place of their indices,
// where a method takes a descriptor. Call closes those; all others are closed at once.
func (g *guard) attachFiles(msg *dbus.Message) {
	member, _ := msg.Headers[dbus.FieldMember].Value().(string)
	path, _ := msg.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	iface, _ := msg.Headers[dbus.FieldInterface].Value().(string)
	if msg.Type != dbus.TypeMethodCall || path != ObjectPath || member != methodPIDFD ||
		(iface != Interface && iface != "") || len(msg.Body) != 1 {
		return
	}
	index, ok := msg.Body[0].(dbus.UnixFDIndex)
	if !ok || int64(index) >= int64(len(g.files)) {
		return
	}
	msg.Body[0] = g.files[index]
	g.files = append(g.files[:index:index], g.files[index+1:]...)
}
