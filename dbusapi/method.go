package dbusapi

import (
	"context"
	"strings"

	"github.com/syscountd/syscountd/agent"
)

// arg is one argument as the XML has it: name and signature of one complete type.
type arg struct{ name, sig string }

// method is one method of an interface.
type method struct {
	in     []arg
	out    []arg
	action string // of polkit that the caller needs; "": none
	run    runFunc
}

// runFunc does the work of a method. args have the types that method.in says.
type runFunc func(ctx context.Context, s *Service, who agent.Caller, args []any) ([]any, error)

// methods are those of one interface by name.
type methods map[string]method

// signature joins the types of args.
func signature(args []arg) string {
	var b strings.Builder
	for _, a := range args {
		b.WriteString(a.sig)
	}
	return b.String()
}

// checkSignature refuses a call whose arguments are not exactly those of the
// XML. godbus would convert them silently: i -5 to u 4294967291, u 65 to s "A".
func checkSignature(name string, m method, got string) error {
	want := signature(m.in)
	switch {
	case got == want:
		return nil
	case want == "":
		return refuse(agent.ErrInvalid, "%s takes no arguments, got signature %q", name, got)
	}
	names := make([]string, len(m.in))
	for i, a := range m.in {
		names[i] = a.name
	}
	return refuse(agent.ErrInvalid, "%s: expected signature %q (%s), got %q",
		name, want, strings.Join(names, ", "), got)
}
