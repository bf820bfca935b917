package causes

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/test/foreground"
)

const victims = 500

// When one file system hangs, its 500 victims are one incident for each unit, of
// at most ten records, whichever mode finds them.
func TestIncident(t *testing.T) {
	needRoot(t)
	fusedelay, binary := foreground.Build(t, "test/fusedelay"), foreground.Build(t, "cmd/syscountd")
	t.Run("of 1 unit", func(t *testing.T) {
		for _, m := range longWaitModes() {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				stall(t, m, fusedelay, binary, []string{"a.service"})
			})
		}
	})
	t.Run("of 3 units", func(t *testing.T) {
		stall(t, account, fusedelay, binary, []string{"a.service", "b.service", "c.service"})
	})
}

func stall(t *testing.T, m mode, fusedelay, binary string, units []string) {
	h := newHost(t)
	s := foreground.Start(t, binary, policyIn(m.name, h, stuckPolicy))
	f := mountFuse(t, fusedelay, 0, "read")
	var readers []*child
	for _, unit := range units {
		c := startChild(t, "reader", h.unit(unit))
		c.do(job{Op: "open many", Path: f.file, N: victims})
		readers = append(readers, c)
	}
	f.suspend(t)
	for _, c := range readers {
		c.tell(job{Op: "read all", N: victims})
	}
	await(t, "stall of all threads", func() bool {
		return !slices.ContainsFunc(readers, func(c *child) bool { return c.threadsIn(unix.SYS_READ) < victims })
	})
	// They are stuck, and then they return.
	s.Await("incident of each unit", func(r *foreground.Records) bool { return len(lastOf(r.Incidents)) == len(units) })
	time.Sleep(3 * time.Second)
	f.resume()
	for _, c := range readers {
		c.hear()
		c.kill() // what mode watch has not seen of a thread is counted when that ends
	}
	time.Sleep(time.Second)
	got := stop(t, s)
	if n := got.AboutCalls(); n > 10*len(units) {
		t.Errorf("%d records; want at most %d", n, 10*len(units))
	}
	t.Logf("%d slow, %d stuck, %d ended, %d incident records", len(got.Slow), len(got.Stuck), len(got.Ended), len(got.Incidents))
	last := lastOf(got.Incidents)
	if len(last) != len(units) {
		t.Errorf("%d incidents; want %d", len(last), len(units))
	}
	for _, unit := range units {
		i := last[unit]
		if i == nil {
			t.Errorf("no incident of %s", unit)
			continue
		}
		t.Logf("%s", i.Msg)
		// A thread that came to the CPU unseen (bpf/running.h) has no stack of its wait: it is in no incident.
		alone := 0
		for _, r := range got.Slow {
			if r.Systemd.Unit == unit && r.Wait != nil && r.Wait.Site != i.Site {
				t.Logf("by itself: %s", r.Msg)
				alone++
			}
		}
		// Mode watch has lost the end of its call.
		if lost := victims - int(i.Calls) - alone; lost > 0 && m.name == watch.name && uint64(lost) <= got.SwitchesMissed() {
			t.Logf("the kernel left out %d events, and %d calls have no end", got.SwitchesMissed(), lost)
			alone += lost
		}
		if i.Change != record.IncidentClosed || i.Victims != victims || i.VictimsAtLeast || i.Stuck != 0 || int(i.Calls)+alone != victims ||
			i.Syscall.Name != "read" || i.Class != "fuse" || !slices.Equal(i.Files, []string{f.file}) {
			t.Errorf("%+v; want the end of one of %d threads", i, victims)
		}
	}
}

// lastOf is the last record of each incident, by its unit. Two of one unit are as
// many.
func lastOf(incidents []*record.Incident) map[string]*record.Incident {
	last, ids := map[string]*record.Incident{}, map[string]string{}
	for _, i := range incidents {
		unit := i.Systemd.Unit
		if id, ok := ids[unit]; ok && id != i.ID {
			unit += " once more"
		}
		ids[unit] = i.ID
		last[unit] = i
	}
	return last
}
