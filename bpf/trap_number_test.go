package bpf

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// Numbers that the kernel has no call for share a row; those that it may have
// one day do not.
func trapNumbersOutOfRange(t *testing.T, r *rig, opts Options) {
	process := bpftest.NewProgram().Start(t,
		call(510), call(511).Times(2), call(512).Times(3), call(9999).Times(4), call(1<<31-1).Times(5), call(1<<32-1).Times(6),
		call(unix.SYS_GETPPID).Times(10), exit())
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{own(510): {1, 1}, own(NrUnknown): {20, 20}, own(unix.SYS_GETPPID): {10, 0}}.plus(oddNumbers))
	wantStory(t, tracer, Counters{Died: 1})
}
