package sink

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/syscountd/syscountd/agent/record"
)

var events = []string{
	record.EventSlow, record.EventStuck, record.EventEnded, record.EventIncident,
	record.EventSummary, record.EventInterval, record.EventState, record.EventLog,
}

func TestTheCatalogExplainsEveryEventAndNothingElse(t *testing.T) {
	text, err := os.ReadFile("../../packaging/syscountd.catalog")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, event := range events {
		want = append(want, messageID(event))
	}
	parts := strings.Split("\n"+string(text), "\n-- ")
	for _, part := range parts[1:] {
		id, rest, _ := strings.Cut(part, "\n")
		got = append(got, id)
		header, body, _ := strings.Cut(rest, "\n\n")
		if !strings.HasPrefix(header, "Subject: ") || !strings.Contains(header, "\nSupport: https://") || len(strings.Fields(body)) < 10 {
			t.Errorf("%s is not explained: %q", id, part)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the catalog has\n%q, the records have\n%q", got, want)
	}
}

// A field that an event does not have would stand in the text as its name.
func TestTheCatalogUsesFieldsThatTheEventsHave(t *testing.T) {
	text, err := os.ReadFile("../../packaging/syscountd.catalog")
	if err != nil {
		t.Fatal(err)
	}
	calls := []string{"SYSCOUNT_SYSCALL", "SYSCOUNT_COMM", "SYSCOUNT_PID", "SYSCOUNT_RULE", "SYSCOUNT_UNIT"}
	has := map[string][]string{record.EventSlow: calls, record.EventStuck: calls, record.EventEnded: calls, record.EventIncident: {"SYSCOUNT_SYSCALL"}}
	for _, event := range events {
		_, part, found := strings.Cut(string(text), "-- "+messageID(event)+"\n")
		if !found {
			t.Fatalf("no entry for %s", event)
		}
		part, _, _ = strings.Cut(part, "\n-- ")
		for _, match := range regexp.MustCompile(`@([A-Z_]+)@`).FindAllStringSubmatch(part, -1) {
			if !slices.Contains(has[event], match[1]) {
				t.Errorf("%s: an entry without %s has @%s@ in its text", event, match[1], match[1])
			}
		}
	}
}
