package system

import (
	"strings"
	"testing"
)

const (
	busName    = "io.github.syscountd1"
	objectPath = "/io/github/syscountd1"
	manager    = "io.github.syscountd1.Manager"
)

// busctl is the command line of a call by hand.
func busctl(method string, args ...string) []string {
	return append([]string{"busctl", "--auto-start=no", "call", busName, objectPath, manager, method}, args...)
}

// call calls a method of the service, which has to succeed.
func (m *machine) call(t *testing.T, method string, args ...string) string {
	t.Helper()
	return m.run(t, busctl(method, args...)...)
}

// busProperty is a property of the service on the bus, as busctl prints it.
func (m *machine) busProperty(t *testing.T, name string) string {
	t.Helper()
	return m.run(t, "busctl", "--auto-start=no", "get-property", busName, objectPath, manager, name)
}

// refusal calls a method that has to fail, with arguments as dbus-send takes
// them, and gives the error's name and sentence. (busctl shows the sentence only.)
func (m *machine) refusal(t *testing.T, method string, args ...string) (name, sentence string) {
	t.Helper()
	r := m.try(append([]string{"dbus-send", "--system", "--print-reply", "--dest=" + busName, objectPath, manager + "." + method}, args...)...)
	rest, isError := strings.CutPrefix(strings.TrimSpace(r.stderr), "Error ")
	name, sentence, hasSentence := strings.Cut(rest, ": ")
	if r.code == 0 || !isError || !hasSentence {
		t.Fatalf("%s %q: want a named error with a sentence, got exit status %d\n%s%s", method, args, r.code, r.stdout, r.stderr)
	}
	return name, sentence
}
