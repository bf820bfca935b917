package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// notifySocket is systemd's, to which sd_notify(3) sends: here with descriptors.
type notifySocket string

// send returns when systemd has room for the message, which it reads later. (A
// net.UnixConn sends no descriptors over a connected datagram socket.)
func (s notifySocket) send(state string, fds ...int) error {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("make a socket to the service manager: %w", err)
	}
	defer unix.Close(socket)
	wait := unix.NsecToTimeval(notifyWait.Nanoseconds())
	if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait); err != nil {
		return fmt.Errorf("make a socket to the service manager: %w", err)
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	err = unix.EINTR // signal(7): a time-out makes each signal interrupt it, and Go's runtime sends some
	for errors.Is(err, unix.EINTR) {
		err = unix.Sendmsg(socket, []byte(state), rights, &unix.SockaddrUnix{Name: string(s)}, 0)
	}
	if err != nil {
		return fmt.Errorf("send to the service manager: %w", err)
	}
	return nil
}

// notifyWait is how long systemd may be busy with something else.
const notifyWait = time.Second

// await returns when systemd has done all that it was told before: it closes the
// descriptor that comes with BARRIER=1 (sd_notify_barrier(3)).
func (s notifySocket) await() error {
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe for the service manager: %w", err)
	}
	defer read.Close()
	err = s.send("BARRIER=1", int(write.Fd()))
	if err := errors.Join(err, write.Close(), read.SetReadDeadline(time.Now().Add(notifyWait))); err != nil {
		return err
	}
	if _, err := read.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the service manager has not answered within %v", notifyWait)
	}
	return nil
}

// store puts a descriptor into the store. FDPOLL=0: a BPF map polls as broken, and
// systemd would throw it out.
func (s notifySocket) store(name string, fd int) error {
	return s.send("FDSTORE=1\nFDPOLL=0\nFDNAME="+name, fd)
}

// remove takes all descriptors of that name out of the store.
func (s notifySocket) remove(name string) error { return s.send("FDSTOREREMOVE=1\nFDNAME=" + name) }
