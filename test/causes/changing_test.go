package causes

import (
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
	"github.com/syscountd/syscountd/test/foreground"
)

// A unit is known from its first call on, by a rule and by the filter: one that is
// created after the start, restarted, another instance of a template, moved to another
// slice; and a process that is moved to it.
func TestUnitsThatChange(t *testing.T) {
	needRoot(t)
	h := newHost(t)
	const rules = `[stuck]
after = "never"
[[rule]]
name = "worker"
units = ["worker.service"]
syscalls = ["nanosleep"]
threshold = "1ms"
[[rule]]
name = "instances"
units = ["web@*.service"]
syscalls = ["nanosleep"]
threshold = "1ms"
[[rule]]
name = "slice"
units = ["late.slice"]
syscalls = ["nanosleep"]
threshold = "1ms"
`
	for _, filter := range []struct{ name, text string }{
		{"by a rule", ""},
		{"by the filter", "[filter]\nunits = [\"worker.service\", \"web@1.service\", \"web@2.service\", \"late.slice\"]\n"},
	} {
		t.Run(filter.name, func(t *testing.T) {
			s := foreground.Start(t, foreground.Build(t, "cmd/syscountd"),
				"[collect]\ninterval = \"1h\"\n[slow]\nthreshold = \"never\"\n"+filter.text+rules)
			slice := bpftest.NewCgroup(t, h.slice.Dir, "late.slice")
			for _, step := range []struct{ unit, rule, slice string }{
				{"worker.service", "worker", ""}, // created after the start
				{"worker.service", "worker", ""}, // again: restarted
				{"web@1.service", "instances", ""},
				{"web@2.service", "instances", ""},
				{"worker.service", "worker", "late.slice"}, // in another slice; the first rule wins
				{"any.service", "slice", "late.slice"},
			} {
				sleeper := newSleeper(t)
				if step.unit == "web@2.service" { // moved from a unit that no rule names, after its first call there
					other := bpftest.NewCgroup(t, h.slice.Dir, "other.service")
					other.Add(sleeper.PID())
					sleeper.Poke()
					sleeper.Hear()
					defer other.Remove()
				}
				dir := h.slice.Dir
				if step.slice != "" {
					dir = slice.Dir
				}
				unit := bpftest.NewCgroup(t, dir, step.unit)
				unit.Add(sleeper.PID())
				from := monoNow()
				sleeper.Poke()
				sleeper.Hear()
				r := s.Slow(sleeper.PID(), "nanosleep", from, monoNow())
				if r == nil || r.Rule != step.rule || r.Systemd.Unit != step.unit || r.Systemd.Slice != filepath.Base(dir) {
					t.Errorf("%+v: the record of its first call is %+v", step, r)
				}
				sleeper.Kill()
				unit.Remove()
			}
			stop(t, s)
		})
	}
}

// newSleeper is a process that sleeps 20 ms after each poke, and then says so.
func newSleeper(t *testing.T) *bpftest.Process {
	p := bpftest.NewProgram()
	asked := unix.NsecToTimespec(int64(20 * time.Millisecond))
	return p.Start(t,
		bpftest.Call(unix.SYS_NANOSLEEP, p.Put(unsafe.Slice((*byte)(unsafe.Pointer(&asked)), unsafe.Sizeof(asked)))),
		bpftest.Call(unix.SYS_WRITE, 1, p.Text("."), 1),
		bpftest.Call(unix.SYS_READ, 0, p.Put(make([]byte, 8)), 1),
		bpftest.Loop(3, 100))
}
