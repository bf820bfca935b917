package causes

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
	"github.com/syscountd/syscountd/test/foreground"
)

// ladder are the steps of the modes, in an order in which each is followed by each
// other one once: (mode, sample).
var ladder = []struct {
	mode   string
	sample int
}{
	{"account", 1}, {"account", 16}, {"account", 1}, {"count", 1}, {"account", 1}, {"watch", 1},
	{"account", 16}, {"count", 1}, {"account", 16}, {"watch", 1}, {"count", 1}, {"watch", 1},
}

const (
	modeChanges   = 24
	modeThreshold = 25 * time.Millisecond
	modeInjected  = 100 * time.Millisecond // well over twice the threshold
)

const modesPolicy = `[stuck]
after = "never"
[[rule]]
name = "caller"
syscalls = ["read", "flock", "futex", "lseek", "clock_nanosleep", "preadv", "getrandom"]
comms = ["caller"]
threshold = "25ms"
`

// restful are the causes of which no calls are made meanwhile. Of a disk nobody knows how long
// it takes. A sleeper that was stopped may find its time over on a busy machine, so that it does
// not wait again, which mode watch does not see. And hogs, being first in line, keep the service
// itself from its CPU, whose changes of mode then take a second each.
var restful = []string{"fsync", "stopped sleeper", "hog after sleep", "hog meanwhile"}

// Twenty-four changes of mode while both CPUs are full: each call of at least twice the
// threshold has one record.
func TestNoSlowCallIsLostOrDoubledWhenTheModeChanges(t *testing.T) {
	needRoot(t)
	if !bpf.HasTaskWork() {
		t.Skip("this kernel has no BPF task work")
	}
	fuse, h := foreground.Build(t, "test/fusedelay"), newHost(t)
	policyOf := func(i int) string {
		step := ladder[i%len(ladder)]
		policy := policyIn(step.mode, h, modesPolicy)
		return strings.Replace(policy, "[collect]\n", fmt.Sprintf("[collect]\nsample = %d\n", step.sample), 1)
	}
	s := foreground.Start(t, foreground.Build(t, "cmd/syscountd"), policyOf(0))
	for i := range 2 {
		loader := startChild(t, "loader", h.unit(fmt.Sprintf("loader-%d.service", i)))
		loader.tell(job{Op: "make short calls", Ns: int64(time.Hour)})
	}
	var changes []change
	made := injectUntil(t, h, fuse, restful, func() {
		for i := 1; i <= modeChanges; i++ {
			time.Sleep(time.Duration(100+i*37%150) * time.Millisecond)
			from := monoNow()
			s.Reload(policyOf(i))
			changes = append(changes, change{ladder[i%len(ladder)].mode, from, monoNow()})
		}
	})
	for _, call := range made {
		s.Slow(call.TID, call.syscall, call.Before, call.After) // waits for it
	}
	got := stop(t, s)
	found, lost := wantEachOnce(t, made, changes, got)
	wantModes(t, got)
	t.Logf("%d calls in %d changes of mode; known by %v; the kernel left out %d events, and %d calls have no record", len(made), modeChanges, found, got.SwitchesMissed(), lost)
}

// wantEachOnce wants one record of each call, and tells by what their beginnings were known;
// of as many as the kernel left out events there may be none.
func wantEachOnce(t *testing.T, made []made, changes []change, got foreground.Records) (found map[string]int, lost uint64) {
	t.Helper()
	found = map[string]int{}
	for _, call := range made {
		n, told := 0, ""
		for _, r := range got.Slow {
			if call.is(r) {
				n++
				told += fmt.Sprintf("\n%s, %+v: %s", r.Start, r.Monotonic, r.Msg)
				found[r.Start]++
			}
		}
		if n == 0 && lost < got.SwitchesMissed() {
			lost++
			continue
		}
		if n != 1 {
			t.Errorf("%s, from %d to %d by %d: %d records; want 1%s; the modes: %v", call.cause, call.Before, call.After, call.TID, n, told, call.modes(changes))
		}
	}
	if len(got.Incidents) > 0 {
		t.Errorf("%d incidents; each caller makes too few calls for one", len(got.Incidents))
	}
	return found, lost
}

// knownFor is how much of a call must be known in each mode: of one that burns CPU only what it
// had a CPU for, since the tick that tells of it waits as long.
func (c cause) knownFor(call result) time.Duration {
	if c.onCPU {
		return time.Duration(call.ns() - call.RunDelayNs)
	}
	return time.Duration(call.ns())
}

// is says whether this is the record of the call: the Go runtime waits by futex too, between the
// clock and the call, but for nobody else's wakes.
func (m made) is(r *record.Slow) bool {
	return int(r.Process.TID) == m.TID && r.Syscall.Name == m.syscall && r.Monotonic.StartNs >= m.Before && r.Monotonic.EndNs <= m.After &&
		(m.syscall != "futex" || r.Syscall.Args[1] == "0x0")
}

// made is a call that has to have a record.
type made struct {
	cause, syscall string
	result
}

// change is one of the mode, between two times.
type change struct {
	mode     string
	from, to uint64
}

// modes are the changes during a call, and the last one before it.
func (m made) modes(changes []change) (during []change) {
	for i, c := range changes {
		if c.from <= m.After && (i+1 == len(changes) || changes[i+1].to >= m.Before) {
			during = append(during, c)
		}
	}
	return during
}

// injectUntil makes slow calls of all sorts, all at a time, until the function has
// ended.
func injectUntil(t *testing.T, h *host, fuse string, leftOut []string, during func()) (all []made) {
	t.Helper()
	var mu sync.Mutex
	var callers sync.WaitGroup
	ended := make(chan struct{})
	for i, c := range causes {
		if slices.Contains(leftOut, c.name) {
			continue
		}
		callers.Go(func() {
			t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
				scene := &scene{T: t, host: h, dir: tempDir(t), fuse: fuse, random: rand.New(rand.NewPCG(4, uint64(i)))}
				for n := 0; ; n++ {
					select {
					case <-ended:
						return
					default:
					}
					in := c.inject(scene, n, modeInjected)
					if in.skip || c.knownFor(in.call) < 2*modeThreshold {
						continue
					}
					mu.Lock()
					all = append(all, made{c.name, c.syscall, in.call})
					mu.Unlock()
				}
			})
		})
	}
	during()
	close(ended)
	callers.Wait()
	return all
}

// wantModes wants each interval to be of one mode, in the order of the changes, and
// all of their events to add up.
func wantModes(t *testing.T, got foreground.Records) {
	t.Helper()
	if len(got.Intervals) != modeChanges+1 {
		t.Errorf("%d intervals; want one for each mode, %d", len(got.Intervals), modeChanges+1)
	}
	for n, i := range got.Intervals {
		if want := ladder[n%len(ladder)].mode; i.Mode != want {
			t.Errorf("interval %d is of mode %s; want %s", n, i.Mode, want)
		}
		if i.Balance != nil && i.Balance.Residual != 0 {
			t.Errorf("interval %d: the residual is %d: %+v", n, i.Balance.Residual, i.Balance)
		}
	}
	var last *record.State
	for _, state := range got.States {
		if state.Change == record.ChangeReloaded {
			last = state
		}
	}
	if last == nil || last.Mode != ladder[modeChanges%len(ladder)].mode {
		t.Errorf("the last change was %+v", last)
	}
}
