package system

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/syscountd/syscountd/agent/record/recordtest"
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

// records calls a method that answers with records, and gives their lines.
func (m *machine) records(t *testing.T, method string, args ...string) []string {
	t.Helper()
	command := busctl(method, args...)
	out := m.run(t, append([]string{command[0], "--json=short"}, command[1:]...)...)
	var answer struct {
		Type string
		Data [1][]string
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || answer.Type != "as" {
		t.Fatalf("%s answered %s: %v", method, out, err)
	}
	for _, line := range answer.Data[0] {
		recordtest.Validate(t, []byte(line))
	}
	return answer.Data[0]
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
