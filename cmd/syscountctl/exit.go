package main

import (
	"context"
	"errors"

	"github.com/syscountd/syscountd/dbusapi"
)

// The exit codes: those of systemctl(1), which are those of the LSB for status
// and for other actions.
const (
	exitOK            = 0
	exitFailure       = 1 // refused or failed
	exitUsage         = 2 // the command line is wrong; nothing was asked of the service
	exitStatusDead    = 3 // status: not on the bus, or stopped; stuck: stopped
	exitStatusUnknown = 4 // status: cannot be told
	exitNoPermission  = 4 // others: neither root, nor let by polkit
	exitNotRunning    = 7 // others: not on the bus
)

const exitCodesHelp = `Exit codes:
  0  done; status: running
  1  refused or failed
  2  the command line is wrong
  3  status: not running, or stopped; stuck: stopped
  4  no permission; status: cannot be told
  7  the service is not running`

// usageError is a mistake in the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// errStopped makes the exit code where nothing failed, and nothing is observed.
var errStopped = errors.New("syscountd is stopped: nothing is observed")

// errToldAlready makes the exit code where the output has said what is wrong.
var errToldAlready = errors.New("see above")

// exitCode is the one table from errors to exit codes; command is its last name.
func exitCode(err error, command string) int {
	var usage *usageError
	status := command == "status"
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, errStopped):
		return exitStatusDead
	case errors.Is(err, dbusapi.ErrNotRunning) && status:
		return exitStatusDead
	case errors.Is(err, dbusapi.ErrNotRunning):
		return exitNotRunning
	case status:
		return exitStatusUnknown
	case errors.Is(err, dbusapi.ErrAccessDenied), errors.Is(err, dbusapi.ErrAuthRequired):
		return exitNoPermission
	}
	return exitFailure
}

// hintFor says what to do about err, or nothing. path is the command's full name.
func hintFor(err error, path string) string {
	var usage *usageError
	switch {
	case errors.As(err, &usage):
		return "Try: " + path + " --help"
	case errors.Is(err, dbusapi.ErrNotRunning):
		return "Is it running? Try: systemctl status syscountd"
	case errors.Is(err, dbusapi.ErrNoBus):
		return "Is dbus running? Try: systemctl status dbus"
	case errors.Is(err, dbusapi.ErrAccessDenied):
		return "This is for root, and for whom polkit lets. Try: sudo " + path
	case errors.Is(err, dbusapi.ErrAuthRequired):
		return "Nobody could be asked for a password. Try: sudo " + path
	case errors.Is(err, dbusapi.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return "The service or the bus does not answer. Try: journalctl -u syscountd -n 20"
	case errors.Is(err, errStopped):
		return "Try: syscountctl start"
	}
	return ""
}
