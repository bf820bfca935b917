package journal

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultPath is journald's socket.
const DefaultPath = "/run/systemd/journal/socket"

// Available says whether somebody listens on the socket at this path.
func Available(path string) bool {
	s := socket{path: path}
	defer s.close()
	return s.dial() == nil
}

// socket sends datagrams to journald. It is connected when it is first needed,
// and anew after journald was restarted. It is bound to no name.
type socket struct {
	path string
	conn *net.UnixConn // nil: not connected
}

// send sends one entry. The error is os.ErrDeadlineExceeded when journald does
// not read.
func (s *socket) send(datagram []byte, deadline time.Time) error {
	connected := s.conn != nil
	err := s.try(datagram, deadline)
	if connected && isGone(err) {
		s.close()
		err = s.try(datagram, deadline)
	}
	return err
}

func (s *socket) try(datagram []byte, deadline time.Time) error {
	if s.conn == nil {
		if err := s.dial(); err != nil {
			return err
		}
	}
	if err := s.conn.SetWriteDeadline(deadline); err != nil {
		return fmt.Errorf("send to journal: %w", err)
	}
	_, err := s.conn.Write(datagram)
	if errors.Is(err, unix.EMSGSIZE) || errors.Is(err, unix.ENOBUFS) {
		err = s.sendFile(datagram)
	}
	if err != nil {
		return fmt.Errorf("send to journal: %w", err)
	}
	return nil
}

func (s *socket) dial() error {
	// Without a local address the socket stays unbound: unix(7), "unnamed".
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("connect to journal: %w", err)
	}
	s.conn = conn
	return nil
}

func (s *socket) close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// isGone says whether an error means that there is nobody at the other end any
// more, so that connecting anew may help.
func isGone(err error) bool {
	for _, gone := range []error{unix.ECONNREFUSED, unix.ENOTCONN, unix.ECONNRESET, unix.EPIPE, unix.ENOENT} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}

// sendFile passes an entry that is too large for a datagram as a sealed file in
// memory. (net.UnixConn.WriteMsgUnix refuses connected datagram sockets.)
func (s *socket) sendFile(datagram []byte) error {
	f, err := sealedFile(datagram)
	if err != nil {
		return err
	}
	defer f.Close()
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	rights := unix.UnixRights(int(f.Fd()))
	var sendErr error
	err = raw.Write(func(fd uintptr) bool {
		sendErr = unix.Sendmsg(int(fd), nil, rights, nil, unix.MSG_NOSIGNAL)
		return sendErr != unix.EAGAIN // false: wait for room, until the deadline
	})
	return cmp.Or(err, sendErr)
}

func sealedFile(content []byte) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("syscountd-journal", flags)
	if errors.Is(err, unix.EACCES) {
		// sysctl vm.memfd_noexec=2 wants this flag. It is not the first choice: it
		// brings a fifth seal, and older journalds want exactly the four below
		// (memfd_get_sealed).
		fd, err = unix.MemfdCreate("syscountd-journal", flags|unix.MFD_NOEXEC_SEAL)
	}
	if err != nil {
		return nil, fmt.Errorf("create memory file: %w", err)
	}
	f := os.NewFile(uintptr(fd), "syscountd-journal")
	if _, err := f.Write(content); err != nil {
		f.Close()
		return nil, fmt.Errorf("write memory file: %w", err)
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		f.Close()
		return nil, fmt.Errorf("seal memory file: %w", err)
	}
	return f, nil
}
