package dbusapi

import (
	"testing"
	"time"
)

func TestANameThatIsTakenIsTriedForAWhile(t *testing.T) {
	first := newRig(t)
	patient := startRig(t, first.bus, func(c *Config) { c.NamePatience = time.Minute })
	short := startRig(t, first.bus, func(c *Config) { c.NamePatience = 400 * time.Millisecond })
	for name, r := range map[string]*rig{"patient": patient, "short": short} {
		if err := wait(t, "its report", r.reports); !IsNameError(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wait(t, "the end of the short one", short.ended)
	if !IsNameError(short.err) {
		t.Errorf("it ended with %v", short.err)
	}
	first.stop()
	wait(t, "the name", patient.service.Ready())
}
