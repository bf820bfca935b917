package bpf

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// sightings are how often the only thread that is observed, which makes calls without end, was seen on a CPU, and how
// often its calls went the short way there.
func sightings(t *testing.T, tracer *watched) (seen, plain int) {
	t.Helper()
	const enough = 50
	way := uint32(tracer.mode)
	if tracer.groupBy == GroupByCgroup {
		way |= uint32(syscountPlainnessBY_SUBJECT) // it might be in another one with its next call
	}
	for deadline := time.Now().Add(10 * time.Second); seen < enough && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		cpus, err := tracer.cpus()
		if err != nil {
			t.Fatal(err)
		}
		for _, cpu := range cpus {
			if r := cpu.Running; r.Task != 0 && r.Observed != 0 {
				seen++
				if r.Plain == way {
					plain++
				}
			}
		}
	}
	return seen, plain
}

// What a call is must not depend on the way that it goes, so no count tells which one that was: only what it costs does.
func TestOrdinaryCallsGoTheShortWay(t *testing.T) {
	for name, opts := range modes {
		for _, group := range []GroupBy{GroupByProcess, GroupByCgroup} {
			for _, failedOnly := range []bool{false, true} {
				opts.GroupBy = group
				t.Run(fmt.Sprintf("%s by %v, failed only %v", name, group, failedOnly), func(t *testing.T) {
					ordinaryCalls(t, opts, failedOnly)
				})
			}
		}
	}
}

func ordinaryCalls(t *testing.T, opts Options, failedOnly bool) {
	p := bpftest.NewProgram()
	process := p.Start(t, call(unix.SYS_GETPPID).Times(1<<40), exit())
	tracer := newRig(t).watchFilter(t, opts, Filter{PIDFDs: []int{pidfdOf(t, process.PID())}, Failed: failedOnly})
	process.Poke()
	seen, plain := sightings(t, tracer)
	process.Kill()
	if failedOnly && plain != 0 {
		t.Errorf("plain in %d of %d looks: who asks for the result, too, goes the long way", plain, seen)
	}
	if !failedOnly && plain < seen/2 || seen == 0 {
		t.Errorf("plain in %d of %d looks", plain, seen)
	}
}

// The first calls of a young process go a way of their own, which is as short. A thread in user mode that the scheduler
// has moved has no record until its next call: so several are looked at.
func TestListedCallsGoTheShortWay(t *testing.T) {
	const attempts = 20
	for name, opts := range modes {
		t.Run(name, func(t *testing.T) {
			var was []uint32
			want := uint32(opts.Mode) | uint32(syscountPlainnessBY_SUBJECT|syscountPlainnessLISTED)
			for range attempts {
				t.Run("attempt", func(t *testing.T) { was = waysOfYoung(t, opts) })
				if slices.Contains(was, want) {
					return
				}
			}
			t.Errorf("of %d young processes none would go the way %#x with its next call; the last would go %#x", attempts, want, was)
		})
	}
}

// waysOfYoung are those that the next call of a process would go which has made some, and now spins in user mode: one,
// or none.
func waysOfYoung(t *testing.T, opts Options) (ways []uint32) {
	t.Helper()
	p := bpftest.NewProgram()
	word := p.Words(0)
	child := p.Steps(call(unix.SYS_GETPPID).Times(20), call(unix.SYS_WRITE, 1, word, 1), bpftest.Spin(1, word))
	process := p.Start(t, parentOf(child)...)
	cgroup := bpftest.NewCgroup(t, bpftest.CgroupRoot(t), "syscount-young.scope")
	cgroup.Add(process.PID())
	tracer := newRig(t).watchFilter(t, opts, Filter{CgroupIDs: []uint64{cgroup.ID()}})
	process.Poke()
	process.Hear()
	young := childOf(t, cgroup, process)
	cpus, err := tracer.cpus()
	if err != nil {
		t.Fatal(err)
	}
	for _, cpu := range cpus {
		if cpu.Running.Pid == uint32(young) && cpu.Running.Task != 0 {
			ways = append(ways, cpu.Running.Plain)
		}
	}
	if err := unix.Kill(young, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	process.Finish()
	return ways
}
