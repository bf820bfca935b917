package bpf

import (
	"maps"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// wokenReader is a process that reads as often as the test wants, and a tracer in mode watch that finds these
// reads slow.
type wokenReader struct {
	process *bpftest.Process
	tracer  *Tracer
}

func startWokenReader(t *testing.T, reads int) wokenReader {
	t.Helper()
	p := bpftest.NewProgram()
	b := p.Words(0)
	turn := []bpftest.Step{call(unix.SYS_READ, 0, b, 1), call(unix.SYS_WRITE, 1, b, 1)}
	process := p.Start(t, append(slices.Repeat(turn, reads), exit())...)
	tracer := watching(t, process, unix.SYS_READ, 20e6)
	process.Poke()
	return wokenReader{process, tracer}
}

// wait is one read of a hundred milliseconds, which we end.
func (r wokenReader) wait(t *testing.T) *Wait {
	t.Helper()
	sleepFor(t, r.process, 100*time.Millisecond)
	r.process.Poke()
	r.process.Hear()
	return wantWatched(t, r.tracer, 1, 50e6).Wait
}

func (r wokenReader) follow(t *testing.T, follow bool, attachment string) {
	t.Helper()
	if err := r.tracer.FollowWakers(follow); err != nil {
		t.Fatal(err)
	}
	if got := r.tracer.Attachment(); got != attachment || r.tracer.FollowsWakers() != follow {
		t.Errorf("attached to %q, wakers followed: %v; want %q", got, r.tracer.FollowsWakers(), attachment)
	}
}

const (
	switchesOnly = "tp_btf/sched_switch"
	wakersToo    = "tp_btf/sched_switch tp_btf/sched_waking"
)

// Mode watch knows who woke a thread from when it is told to look. Of a wait that ended before it says that nobody
// looked.
func TestWatchFollowsWakersWhenItIsTold(t *testing.T) {
	needWatch(t)
	r := startWokenReader(t, 4)
	if w := r.wait(t); !w.WakerUnseen || w.Waker != (Task{}) || w.SleepNs < 50e6 || len(w.Stack) == 0 {
		t.Errorf("nobody looks: %+v", w)
	}
	r.follow(t, true, wakersToo)
	r.follow(t, true, wakersToo) // once
	for range 2 {
		if w := r.wait(t); w.WakerUnseen || w.Waker.TID == 0 || w.SleepNs < 50e6 || len(w.Stack) == 0 {
			t.Errorf("followed: %+v", w)
		}
	}
	r.follow(t, false, switchesOnly)
	if w := r.wait(t); !w.WakerUnseen || w.Waker != (Task{}) {
		t.Errorf("nobody looks any more: %+v", w)
	}
}

// The other modes look for wakers anyway; what they are told is for mode watch.
func TestWakersOverAChangeOfMode(t *testing.T) {
	needWatch(t)
	for name, follow := range map[string]bool{"followed": true, "not followed": false} {
		t.Run(name, func(t *testing.T) {
			tracer := running(t, base, Filter{})
			if err := tracer.FollowWakers(follow); err != nil {
				t.Fatal(err)
			}
			for _, to := range circle(t)[1:] {
				if _, err := tracer.Switch(to); err != nil {
					t.Fatal(err)
				}
				if want := follow || to.Mode != ModeWatch; hasLink(tracer, "sched_waking") != want {
					t.Errorf("%s: they are followed: %v; want %v", nameOf(to), !want, want)
				}
			}
		})
	}
}

func hasLink(t *Tracer, name string) bool {
	return slices.ContainsFunc(t.links, func(a attached) bool { return a.name == name })
}

// The next process finds what this one left, whether it follows wakers or not.
func TestWakersOverAnAdoption(t *testing.T) {
	needWatch(t)
	for name, follow := range map[string]bool{"followed": true, "not followed": false} {
		t.Run(name, func(t *testing.T) {
			before := running(t, watchMode, Filter{})
			if err := before.FollowWakers(follow); err != nil {
				t.Fatal(err)
			}
			parts, err := before.Parts()
			if err != nil {
				t.Fatal(err)
			}
			fds := map[string]int{}
			for _, part := range parts {
				fds[part.Name] = part.FD
			}
			after, err := Adopt(watchMode, fds)
			if err != nil {
				t.Fatal(err)
			}
			defer after.Close()
			if after.FollowsWakers() != follow || len(after.links) != len(before.links) {
				t.Errorf("followed: %v by %d links; want %v by %d", after.FollowsWakers(), len(after.links), follow, len(before.links))
			}
			for _, other := range []bool{!follow, follow} {
				if err := after.FollowWakers(other); err != nil || after.FollowsWakers() != other {
					t.Errorf("then: %v, %v; want %v", after.FollowsWakers(), err, other)
				}
			}
		})
	}
}

// What the kernel has skipped of a program is not forgotten with the mode that it was attached in.
func TestMissesStayOverAChangeOfMode(t *testing.T) {
	tracer := running(t, base, Filter{})
	known := map[program]bool{}
	for _, to := range circle(t) {
		if _, err := tracer.Switch(to); err != nil {
			t.Fatal(err)
		}
		for _, a := range tracer.links {
			known[a.program] = true
		}
		for prog := range maps.Keys(known) {
			if !slices.Contains(tracer.everAttached(), prog) {
				t.Errorf("%s: the misses of %s are forgotten", nameOf(to), prog.name)
			}
		}
	}
}
