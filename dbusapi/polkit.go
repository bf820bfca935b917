package dbusapi

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

// polkit's names (org.freedesktop.PolicyKit1.Authority.xml of polkit).
const (
	polkitName                      = "org.freedesktop.PolicyKit1"
	polkitPath      dbus.ObjectPath = "/org/freedesktop/PolicyKit1/Authority"
	polkitInterface                 = "org.freedesktop.PolicyKit1.Authority"
)

// askTimeout is for a person who types a password; polkit without one answers in
// milliseconds.
const askTimeout = 2 * time.Minute

// polkitSubject is who wants something: (sa{sv}). A bus name is of one connection and
// never used again, unlike a PID.
type polkitSubject struct {
	Kind    string
	Details map[string]dbus.Variant
}

// polkitAnswer is (bba{ss}).
type polkitAnswer struct {
	Authorized bool
	Challenge  bool // it would be, had somebody given a password
	Details    map[string]string
}

// allowInteraction is AllowUserInteraction of CheckAuthorizationFlags.
const allowInteraction uint32 = 1

var questions atomic.Uint64 // numbers them, for polkit to know which one is cancelled

// askPolkit asks polkit whether the sender may do what the method's action says. A
// password is asked for only if the message allows it.
func askPolkit(ctx context.Context, r *request, c *call, who agent.Caller) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var flags uint32
	if r.interactive {
		flags = allowInteraction
	}
	polkit := r.conn.Object(polkitName, polkitPath)
	question := "syscountd-" + strconv.FormatUint(questions.Add(1), 10)
	// Only when the question is given up: a window that asks for a password closes.
	stop := context.AfterFunc(ctx, func() {
		polkit.Go(polkitInterface+".CancelCheckAuthorization", dbus.FlagNoReplyExpected, nil, question)
	})
	defer stop()
	var answer polkitAnswer
	err := polkit.CallWithContext(ctx, polkitInterface+".CheckAuthorization", 0,
		polkitSubject{"system-bus-name", map[string]dbus.Variant{"name": dbus.MakeVariant(r.sender)}},
		c.method.action, map[string]string{"method": c.name, "target": target(c.method.in, r.args)},
		flags, question).Store(&answer)
	return judge(c.name, who, answer, err)
}

// judge decides by polkit's answer; without one only root may.
func judge(method string, who agent.Caller, answer polkitAnswer, err error) error {
	caller := fmt.Sprintf("the caller is uid %d, pid %d", who.UID, who.PID)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case isAbsent(err):
		return refuse(ErrAccessDenied, "%s is for root only, since polkit is not here; %s", method, caller)
	case err != nil:
		return refuse(ErrAccessDenied, "%s: polkit does not say whether it is allowed: %v; %s", method, err, caller)
	case answer.Authorized:
		return nil
	case answer.Challenge:
		return refuse(ErrAuthRequired, "%s needs a password, which the call does not let us ask for, or nobody is there to be asked; %s", method, caller)
	}
	return refuse(ErrAccessDenied, "%s: polkit does not allow it; %s", method, caller)
}

// isAbsent: nobody has polkit's name, nor can be started to have it.
func isAbsent(err error) bool {
	var sent dbus.Error
	if !errors.As(err, &sent) {
		return false
	}
	switch sent.Name {
	case standardError + "ServiceUnknown", standardError + "NameHasNoOwner":
		return true
	}
	return strings.HasPrefix(sent.Name, standardError+"Spawn.")
}

// maxTarget bounds what polkit shows of the arguments, in bytes.
const maxTarget = 200

// target says in one line what the method would be called with.
func target(in []arg, args []any) string {
	var parts []string
	for i, a := range in {
		parts = append(parts, a.name+" "+printable(fmt.Sprint(plain(args[i]))))
	}
	text := strings.Join(parts, ", ")
	if len(text) > maxTarget {
		text = strings.ToValidUTF8(text[:maxTarget], "") + "..."
	}
	return text
}

// plain is an argument as a person would write it.
func plain(arg any) any {
	switch v := arg.(type) {
	case map[string]dbus.Variant:
		values := map[string]any{} // printed in the order of its keys
		for key, value := range v {
			values[key] = value.Value()
		}
		return values
	case dbus.Variant:
		return v.Value()
	}
	return arg
}
