package bpf

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// sleepersLike are the threads that count as waiting in a followed call, of those whose numbers end as this.
func sleepersLike(t *testing.T, tracer *Tracer, tid int) uint32 {
	t.Helper()
	place := struct {
		Threads, _ uint32
		Last       uint64
	}{}
	index := uint32(tid) % tracer.objs.Sleepers.MaxEntries()
	if err := tracer.objs.Sleepers.Lookup(&index, &place); err != nil {
		t.Fatal(err)
	}
	return place.Threads
}

// A thread that has waited once in a call that is followed costs its later switches a look at its
// storage no longer than that, nor do those with numbers like it when it is dead.
func TestWhoNoLongerWaitsInAFollowedCallIsForgotten(t *testing.T) {
	for name, opts := range findingModes() {
		opts.GroupBy, opts.Rows = base.GroupBy, base.Rows
		t.Run(name, func(t *testing.T) {
			p := bpftest.NewProgram()
			b, ms := p.Words(0), p.Words(0, 1e6)
			say, read := call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_READ, 0, b, 1)
			nap := call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, ms)
			long := call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, p.Words(0, 3e8))
			process := p.Start(t, say, read, nap, nap, nap, say, long, say, read, exit())
			tracer := switching(t, process, opts, map[int32]uint64{unix.SYS_READ: 1e6}).Tracer
			before := sleepersLike(t, tracer, process.PID())
			want := func(when string, n uint32) {
				t.Helper()
				if got := sleepersLike(t, tracer, process.PID()) - before; got != n {
					t.Errorf("%s: %d sleepers; want %d", when, got, n)
				}
			}
			process.Poke()
			process.Hear()
			sleepFor(t, process, 20*time.Millisecond)
			want("in a call that is followed", 1)
			process.Poke()
			process.Hear()
			process.AwaitStates("S")
			want("in a call that is not", 0)
			process.Hear()
			sleepFor(t, process, 20*time.Millisecond)
			want("in another call that is followed", 1)
			process.Kill()
			want("dead", 0)
		})
	}
}
