package bpf

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// sightings are how often a process that makes calls without end was seen on a CPU, and how often its calls went
// the short way there.
func sightings(t *testing.T, tracer *watched, pid int) (seen, plain int) {
	t.Helper()
	const enough = 50
	for deadline := time.Now().Add(10 * time.Second); seen < enough && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		cpus, err := tracer.cpus()
		if err != nil {
			t.Fatal(err)
		}
		for _, cpu := range cpus {
			if r := cpu.Running; r.Task != 0 && r.Pid == uint32(pid) {
				seen++
				if r.Plain == uint8(tracer.groupBy) {
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
		for _, failedOnly := range []bool{false, true} {
			t.Run(map[bool]string{false: name, true: name + ", failed calls"}[failedOnly], func(t *testing.T) {
				p := bpftest.NewProgram()
				process := p.Start(t, call(unix.SYS_GETPPID).Times(1<<40), exit())
				filter := Filter{PIDFDs: []int{pidfdOf(t, process.PID())}, Failed: failedOnly}
				tracer := newRig(t).watchFilter(t, opts, filter)
				process.Poke()
				seen, plain := sightings(t, tracer, process.PID())
				process.Kill()
				if failedOnly && plain != 0 {
					t.Errorf("plain in %d of %d looks: who asks for the result, too, goes the long way", plain, seen)
				}
				if !failedOnly && plain < seen/2 || seen == 0 {
					t.Errorf("plain in %d of %d looks", plain, seen)
				}
			})
		}
	}
}
