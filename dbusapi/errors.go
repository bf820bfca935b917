package dbusapi

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

// What a caller or the client can meet besides the sentinels of package agent;
// test with errors.Is.
var (
	ErrAccessDenied = errors.New("access denied")                   // the caller may not do this
	ErrAuthRequired = errors.New("authentication required")         // the caller may, but for a password
	ErrTimeout      = errors.New("timed out")                       // no answer in time
	ErrNotRunning   = errors.New("service not on the bus")          // client: nobody owns the name
	ErrNoBus        = errors.New("no connection to the system bus") // client: the bus itself cannot be reached

	errUnknownObject    = errors.New("unknown object")
	errUnknownInterface = errors.New("unknown interface")
	errUnknownProperty  = errors.New("unknown property")
	errReadOnly         = errors.New("property is read-only")
	errTooMany          = errors.New("too many calls")
)

const (
	standardError = "org.freedesktop.DBus.Error."
	ownError      = BusName + ".Error."
)

// errorNames is the one table between our errors and their names on the bus. It
// is read from the top in both directions: the service takes the first error
// that matches, the client the first name.
var errorNames = []struct {
	err  error
	name string
}{
	{agent.ErrInvalid, standardError + "InvalidArgs"},
	{agent.ErrNoSuchProcess, ownError + "NoSuchProcess"},
	{agent.ErrNoSuchUnit, ownError + "NoSuchUnit"},
	{agent.ErrPolicy, ownError + "PolicyInvalid"},
	{agent.ErrKernel, ownError + "Kernel"},
	{agent.ErrStopping, ownError + "Stopping"},
	{ErrAccessDenied, standardError + "AccessDenied"},
	{ErrAuthRequired, standardError + "InteractiveAuthorizationRequired"},
	{errTooMany, standardError + "LimitsExceeded"},
	{errUnknownObject, standardError + "UnknownObject"},
	{errUnknownInterface, standardError + "UnknownInterface"},
	{errUnknownProperty, standardError + "UnknownProperty"},
	{errReadOnly, standardError + "PropertyReadOnly"},
	{ErrTimeout, standardError + "Timeout"},
	// From here on names that only a bus daemon sends.
	{ErrTimeout, standardError + "NoReply"},
	{ErrNotRunning, standardError + "ServiceUnknown"},
	{ErrNotRunning, standardError + "NameHasNoOwner"},
	{ErrNoBus, standardError + "Disconnected"},
}

// refusal is an error whose text is the whole sentence and whose kind is one of
// the sentinels.
type refusal struct {
	kind error
	text string
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.kind }

// refuse makes a refusal.
func refuse(kind error, format string, args ...any) error {
	return &refusal{kind, fmt.Sprintf(format, args...)}
}

// busError translates an error for the wire. Unknown ones are
// org.freedesktop.DBus.Error.Failed; the text is the sentence in any case.
func busError(err error) *dbus.Error {
	name := standardError + "Failed"
	for _, e := range errorNames {
		if errors.Is(err, e.err) {
			name = e.name
			break
		}
	}
	return dbus.NewError(name, []any{printable(err.Error())})
}

// Error is a refusal that came over the bus. errors.Is finds the sentinel of
// package agent or of this package that its name stands for.
type Error struct {
	Name string // D-Bus error name
	Text string // the sentence
}

func (e *Error) Error() string { return e.Text }

// Is says whether target is the error that e.Name stands for.
func (e *Error) Is(target error) bool {
	for _, n := range errorNames {
		if n.name == e.Name {
			return n.err == target
		}
	}
	return false
}

// fromBus is busError's inverse on the client's side.
func fromBus(err error) error {
	var (
		remote    dbus.Error
		malformed dbus.FormatError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &malformed): // by godbus itself, before sending: text that is not UTF-8
		return refuse(agent.ErrInvalid, "the bus cannot carry this value: %v", malformed)
	case errors.As(err, &remote):
		return &Error{remote.Name, sentence(remote)}
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer from %s", ErrTimeout, BusName)
	case errors.Is(err, context.Canceled):
		return err
	}
	var dialled *dialError
	if errors.As(err, &dialled) {
		err = dialled // without what we were doing: ErrNoBus says it
	}
	return fmt.Errorf("%w: %w", ErrNoBus, err)
}

// sentence is the error's own text, except where a bus daemon's is about its rules
// and not about what the person wanted.
func sentence(err dbus.Error) string {
	text := err.Error()
	switch err.Name {
	case standardError + "ServiceUnknown", standardError + "NameHasNoOwner":
		return "syscountd is not on the bus"
	case standardError + "AccessDenied":
		// dbus-daemon's and dbus-broker's.
		if strings.HasPrefix(text, "Rejected send message") || strings.HasPrefix(text, "Sender is not authorized") {
			return "the bus does not let this user control syscountd"
		}
	}
	return text
}
