package bpf

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// named are the options for a few calls; where the kernel refuses programs on functions
// these are other programs on the tracepoints, and nothing drains.
func named(only string) Options {
	o := base
	o.Only = only
	return o
}

// wantInFlight wants so many calls to be drained, where calls are followed by functions.
func wantInFlight(t *testing.T, tracer *replaceable, want uint64) {
	t.Helper()
	if tracer.Draining() != byFunctions(tracer.watched) {
		t.Fatalf("draining %v; attached to %s", tracer.Draining(), tracer.Attachment())
	}
	if n, err := tracer.Undrained(); tracer.Draining() && n != want || err != nil {
		t.Errorf("%d calls in flight, %v; want %d", n, err, want)
	}
}

// A named call that is open while its function comes to be followed is told once, when it
// ends then, or when the tracepoints are back.
func TestACallInFlightWhenItsFunctionIsFollowed(t *testing.T) {
	tracer := newReplaceable(t, base)
	for name, back := range map[string]bool{"ends": false, "tracepoints": true} {
		if back && dear { // the next test comes back too
			continue
		}
		t.Run(name, func(t *testing.T) {
			process := readFor(t, 0)
			tracer.findReads(t, process)
			process.Poke()
			hold(process)
			tracer.replace(t, named("read"))
			if err := tracer.nameCalls(unix.SYS_READ); err != nil {
				t.Fatal(err)
			}
			wantInFlight(t, tracer, 1)
			if back {
				tracer.replace(t, base)
			}
			time.Sleep(pause)
			process.Poke()
			if c := wantOneRead(t, tracer, process, 2*pause); c != nil {
				wantWaits(t, c)
			}
			wantInFlight(t, tracer, 0)
			if err := tracer.EndDrain(); err != nil || tracer.Draining() {
				t.Errorf("draining %v, %v", tracer.Draining(), err)
			}
			if c := wantSums(t, tracer.watched); c.Undrained != 0 {
				t.Errorf("%d calls were given up", c.Undrained)
			}
			if !back && !dear {
				tracer.replace(t, base)
			}
		})
	}
}

// A call that began in its function is told once by the tracepoint.
func TestACallInFlightWhenTheTracepointsComeBack(t *testing.T) {
	process := readFor(t, 0)
	tracer := newReplaceable(t, named("read"))
	tracer.findReads(t, process)
	if err := tracer.nameCalls(unix.SYS_READ); err != nil {
		t.Fatal(err)
	}
	process.Poke()
	hold(process)
	tracer.replace(t, base)
	time.Sleep(pause)
	process.Poke()
	if c := wantOneRead(t, tracer, process, 2*pause); c != nil {
		wantWaits(t, c)
	}
	wantSums(t, tracer.watched)
}

// What is in flight at the end of the drain is counted, and nothing that comes later is
// taken for it: neither the reads that nobody saw, nor one when the tracepoints are back.
func TestACallThatIsGivenUp(t *testing.T) {
	for name, test := range map[string]struct {
		only  string
		named int32
	}{
		"named": {"read", unix.SYS_READ}, "left out": {fileCalls, unix.SYS_OPENAT},
	} {
		if dear && name != "named" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			process := readFor(t, saRestart)
			tracer := newReplaceable(t, base)
			tracer.findReads(t, process)
			process.Poke()
			hold(process)
			tracer.replace(t, named(test.only))
			wantInFlight(t, tracer, 1)
			if !tracer.Draining() {
				t.Skip("this kernel refuses programs on functions")
			}
			if err := errors.Join(tracer.nameCalls(test.named), tracer.EndDrain()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(pause)
			process.Poke()
			_, _ = hearBracket(process)
			tracer.replace(t, base)
			if err := tracer.nameCalls(); err != nil {
				t.Fatal(err)
			}
			process.Finish()
			if calls := slowCalls(t, tracer.Tracer); len(calls) != 0 {
				t.Errorf("%+v; want none", calls)
			}
			c, err := tracer.Counters()
			if err != nil {
				t.Fatal(err)
			}
			if lost := c.Undrained == 1; lost != (test.named == unix.SYS_READ) || !lost && c.Refiltered == 0 {
				t.Errorf("%+v; want the call to be counted", c)
			}
		})
	}
}
