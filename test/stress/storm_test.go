package stress

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// storm is a number of processes that fork, one child after the other. Neither
// they nor their children make any call but those that are counted here.
type storm struct {
	parents []*bpftest.Process
	forks   uint64
	calls   uint64 // that end: all but those of exit_group
}

const (
	callsOfChild = 3 // before it ends
	kinds        = 3 // of calls that end: clone, wait4, getppid
)

// newStorm starts the parents, which wait for their release, twice as many as
// there are CPUs; together they fork at least so often.
func newStorm(t *testing.T, c *cgroup, forks int) *storm {
	t.Helper()
	s := &storm{}
	n := 2 * runtime.NumCPU()
	loops := (forks + 2*n - 1) / (2 * n)
	for range n {
		s.parents = append(s.parents, newParent(t, loops))
		c.Add(s.parents[len(s.parents)-1].PID())
	}
	s.forks = uint64(2 * loops * n)
	s.calls = s.forks * (2 + callsOfChild) // clone and wait4 in the parent
	return s
}

// newParent makes a copy of itself, waits for its end, makes a child that has the
// parent's memory and stops it meanwhile, and waits for that one's end.
func newParent(t *testing.T, loops int) *bpftest.Process {
	t.Helper()
	p := bpftest.NewProgram()
	exit := bpftest.Call(unix.SYS_EXIT_GROUP, 0)
	child := p.Steps(bpftest.Call(unix.SYS_GETPPID).Times(callsOfChild), exit)
	wait := bpftest.Call(unix.SYS_WAIT4, ^uintptr(0), 0, 0, 0)
	return p.Start(t,
		bpftest.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD)).IfZero(child), wait,
		bpftest.Call(unix.SYS_CLONE, unix.CLONE_VM|unix.CLONE_VFORK|uintptr(unix.SIGCHLD)).IfZero(child), wait,
		bpftest.Loop(4, loops), exit)
}

// rage lets it happen.
func (s *storm) rage() {
	for _, p := range s.parents {
		p.Poke()
	}
	for _, p := range s.parents {
		p.Finish()
	}
}

// Three services at once: one observes the whole host, where nobody knows how
// many calls the others make; two the storm alone, of which the answer is known to
// the call, one of these with a table that is too small for it.
func TestForkStorm(t *testing.T) {
	needRoot(t)
	forks, binary := stormForks(t), build(t)
	load := newCgroup(t, "storm")
	storm := newStorm(t, load, forks)
	host := start(t, binary, everybody)
	alone := start(t, binary, only(load))
	full := start(t, binary, only(load)+"[limits]\ngroups = 64\n")
	attached := time.Now()
	ofHost, ofAlone, ofFull := watchMemory(host, attached), watchMemory(alone, attached), watchMemory(full, attached)
	storm.rage()
	ended := time.Now()
	t.Logf("%d forks, %d calls", storm.forks, storm.calls)
	t.Log("observing the whole host:")
	ofHost.settle(host, ended)
	storm.isIn(t, host.stop())
	t.Log("observing the storm alone:")
	ofAlone.settleAlone(alone, ended, kinds)
	storm.isAll(t, alone.stop())
	t.Log("observing the storm alone, with a small table:")
	ofFull.settleAlone(full, ended, kinds)
	storm.isAll(t, full.stop())
}

// isIn wants the storm to be among what a service has seen.
func (s *storm) isIn(t *testing.T, a *audit) {
	t.Helper()
	for what, n := range s.story(a) {
		if n.got+a.drops[missed] < n.want {
			t.Errorf("%d %s; want at least %d", n.got, what, n.want)
		}
	}
}

// isAll wants the storm to be all that a service has seen.
func (s *storm) isAll(t *testing.T, a *audit) {
	t.Helper()
	for what, n := range s.story(a) {
		if n.got > n.want || n.got+a.drops[missed] < n.want {
			t.Errorf("%d %s; want %d", n.got, what, n.want)
		}
	}
	if a.sum.errors != 0 {
		t.Errorf("%d calls failed; want none", a.sum.errors)
	}
	a.still(t)
}

// callsOfCalibration is what a thread of the service makes at least, and then it ends: see
// bpf/calibrate.go.
const callsOfCalibration = 61 * 256

// figure is what a service has seen of something, and what there was.
type figure struct{ got, want uint64 }

func (s *storm) story(a *audit) map[string]figure {
	return map[string]figure{
		"calls in the rows":       {a.sum.calls, s.calls},
		"calls in histograms":     {a.timed, s.calls},
		"calls ended":             {a.last.Matched - a.calibration, s.calls},
		"threads ended in a call": {a.last.Died - a.calibration/callsOfCalibration, s.forks + uint64(len(s.parents))},
	}
}
