package causes

import (
	"fmt"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf/bpftest"
	"github.com/syscountd/syscountd/test/foreground"
)

const (
	reloadsVariable = "SYSCOUNT_RELOADS" // how many
	reloadsDefault  = 100
)

// Reloads under full load lose no call and no slow call, nor is one told twice: the
// programs that make the load make a known number of them, and no other.
func TestReloads(t *testing.T) {
	needRoot(t)
	reloads := numberOf(t, reloadsVariable, reloadsDefault)
	const sleep, getppids = 30 * time.Millisecond, 20_000
	h, processes, rounds := newHost(t), 2*runtime.NumCPU(), 50+2*reloads
	var load []*bpftest.Process
	for i := range processes {
		p := bpftest.NewProgram()
		asked := unix.NsecToTimespec(int64(sleep))
		process := p.Start(t,
			bpftest.Call(unix.SYS_NANOSLEEP, p.Put(unsafe.Slice((*byte)(unsafe.Pointer(&asked)), unsafe.Sizeof(asked)))),
			bpftest.Call(unix.SYS_GETPPID).Times(getppids),
			bpftest.Loop(2, rounds),
			bpftest.Call(unix.SYS_EXIT_GROUP, 0))
		bpftest.NewCgroup(t, h.slice.Dir, fmt.Sprintf("load-%d.service", i)).Add(process.PID())
		load = append(load, process)
	}
	s := foreground.Start(t, foreground.Build(t, "cmd/syscountd"), reloadPolicy(h, 0))
	for _, process := range load {
		process.Poke()
	}
	for i := range reloads {
		s.Reload(reloadPolicy(h, i+1))
	}
	for _, process := range load {
		if stateOf(process.PID()) == 'Z' {
			t.Fatalf("the load ended before the last of %d reloads, %d of which were made", reloads, len(s.Records().States)-1)
		}
	}
	for _, process := range load {
		process.Finish()
	}
	got := stop(t, s)
	for _, state := range got.States[1 : 1+reloads] {
		if state.Change != record.ChangeReloaded {
			t.Errorf("%s: %s", state.Msg, state.Detail)
		}
	}
	counted, told := uint64(0), got.SlowCalls()
	for _, interval := range got.Intervals {
		counted += interval.Count
		if interval.Balance.Residual != 0 {
			t.Errorf("the balance has a residual: %s", interval.Msg)
		}
	}
	if want := uint64(processes * rounds * (getppids + 1)); counted != want {
		t.Errorf("%d calls are counted; %d were made", counted, want)
	}
	if want := processes * rounds; told != want {
		t.Errorf("%d slow calls are told of; %d were made", told, want)
	}
	t.Logf("%d reloads in %d intervals: %d calls, %d of them slow", reloads, len(got.Intervals), counted, told)
}

// reloadPolicy differs from one reload to the next in all that is changed in place.
func reloadPolicy(h *host, i int) string {
	return policyFor(h, fmt.Sprintf(`groups = %d
[stuck]
after = "%ds"
[[rule]]
name = "other-%d"
syscalls = ["@storage"]
threshold = "%dms"
[[rule]]
name = "sleeps"
syscalls = ["nanosleep"]
threshold = "%dms"
`, 8192, 10+i%5, i, 100+i, 10+i%20))
}
