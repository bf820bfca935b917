package agent

import (
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/record/recordtest"
	"github.com/syscountd/syscountd/bpf"
)

// hanging is a policy whose sweeps are the test's own, but for the one at the start.
const hanging = quiet + `
[stuck]
after = "10s"
sweep = "1m"
[[rule]]
name = "reads"
syscalls = ["read"]
threshold = "1s"
`

// noThread is a TID that no kernel gives (PID_MAX_LIMIT is 4 Mi).
const noThread = 5 << 20

// runHanging runs an agent whose first sweep is over, under a clock that stands still.
func runHanging(t *testing.T, text string) *rig {
	t.Helper()
	r := runAgent(t, text)
	for r.kernel().swept() == 0 {
		r.inside(func() {})
		runtime.Gosched()
	}
	r.stopClock()
	r.inside(func() { r.kernel().cgroups[5] = "/system.slice/a.service" })
	r.out.take()
	return r
}

// hung is a read of a file that has not returned.
func (r *rig) hung(tid uint32, age time.Duration) *bpf.SlowCall {
	return &bpf.SlowCall{
		Syscall: bpf.Syscall{ABI: bpf.ABIx8664, Nr: 0}, StartNs: r.mono() - uint64(age), Args: []uint64{3, 0, 4096, 0, 0, 0},
		FDKind: 1, File: &bpf.File{Kind: 1, Path: "/mnt/x", Inode: 2}, Wait: &bpf.Wait{SleepNs: uint64(age), Stack: []uint64{7}},
		PID: 812, TID: tid, Comm: "cat", Cgroup: 5, ProcessStartNs: 1,
	}
}

// back is a hung call that has returned now.
func (r *rig) back(call *bpf.SlowCall) *bpf.SlowCall {
	returned := *call
	returned.EndNs, returned.Ret = r.mono(), 17
	return &returned
}

// stuckLines is what StuckCalls tells, read again.
func (r *rig) stuckLines() (calls []record.Stuck) {
	r.t.Helper()
	lines, err := r.StuckCalls(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, line := range lines {
		recordtest.Validate(r.t, []byte(line))
		var call record.Stuck
		if err := json.Unmarshal([]byte(line), &call); err != nil {
			r.t.Fatal(err)
		}
		calls = append(calls, call)
	}
	return calls
}

func TestACallThatDoesNotReturnIsReportedAndClosed(t *testing.T) {
	r := runHanging(t, hanging)
	call := r.hung(43, 10*time.Second)
	r.kernel().hang(call, r.hung(44, 9*time.Second))
	r.sweepNow()
	first := only[*record.Stuck](r.written())
	if len(first) != 1 || first[0].Process.TID != 43 || first[0].Reports != 1 || first[0].AgeNs != 10e9 || first[0].Rule != "reads" {
		t.Fatalf("first sweep: %+v", first)
	}
	if want := "read by cat (812, a.service) has not returned for 10 s on /mnt/x: waiting in symbol_7"; first[0].Msg != want {
		t.Errorf("%s, want %s", first[0].Msg, want)
	}
	r.kernel().hang(call)

	r.pass(5 * time.Second)
	r.sweepNow()
	if early := r.written(); len(early) != 0 {
		t.Errorf("after 15 s: %+v", early)
	}
	// Those who ask are told the age of now, under the number of the record that was written.
	now := r.stuckLines()
	if len(now) != 1 || now[0].AgeNs != 15e9 || now[0].Monotonic.EndNs-now[0].Monotonic.StartNs != now[0].AgeNs ||
		now[0].Seq != first[0].Seq || now[0].Reports != 1 || !strings.Contains(now[0].Msg, "for 15 s") || now[0].Time == first[0].Time {
		t.Errorf("stuck now: %+v", now)
	}

	r.pass(6 * time.Second)
	r.sweepNow()
	if again := only[*record.Stuck](r.written()); len(again) != 1 || again[0].Reports != 2 || again[0].Monotonic.StartNs != call.StartNs {
		t.Errorf("after 21 s: %+v", again)
	}

	r.kernel().hang()
	r.returns(r.back(call))
	slow := only[*record.Slow](r.written())
	if len(slow) != 1 || !slow[0].WasStuck || slow[0].DurationNs != 21e9 || !strings.Contains(slow[0].Msg, "reported as stuck before") {
		t.Fatalf("its return: %+v", slow)
	}
	if now := r.stuckLines(); len(now) != 0 {
		t.Errorf("after its return: %+v", now)
	}
	for range 3 {
		r.sweepNow()
	}
	if more := r.written(); len(more) != 0 {
		t.Errorf("more is told of it: %+v", more)
	}
	r.returns(r.back(r.hung(43, 2*time.Second)))
	if next := only[*record.Slow](r.written()); len(next) != 1 || next[0].WasStuck {
		t.Errorf("the thread's next call: %+v", next)
	}
}

func TestSweepsComeByThemselvesAndThePictureFollows(t *testing.T) {
	r := runHanging(t, hanging)
	if n, there := r.Status().Counters["stuck"]; n != 0 || !there {
		t.Errorf("%d stuck at first, looked for: %v", n, there)
	}
	call := r.hung(43, 10*time.Second)
	r.kernel().hang(call)
	r.pass(time.Minute)
	if swept := r.untilCounter("stuck", 1); r.kernel().swept() != 2 {
		t.Errorf("%d sweeps, status %+v", r.kernel().swept(), swept)
	}
	if s := r.Status().Sentence; !strings.Contains(s, "1 call has not returned") {
		t.Errorf("sentence %q", s)
	}
	r.kernel().hang()
	r.returns(r.back(call))
	r.pass(time.Minute)
	r.untilCounter("stuck", 0)
}

// The kernel side knows until when no call can be old enough: there are no sweeps until then.
func TestSweepsThatWouldFindNothingAreLeftOut(t *testing.T) {
	r := runHanging(t, strings.Replace(hanging, `"1m"`, `"2s"`, 1))
	next := func(what string, want time.Duration) {
		t.Helper()
		r.sweepNow()
		r.inside(func() {
			// The clock has gone on between the beginning, which looks follow, and its stop.
			if got, _ := r.untilSweep(); got > want || got < want-time.Second {
				t.Errorf("%s: the next sweep in %v; want %v, or a look just before", what, got, want)
			}
		})
	}
	next("nothing open", 10*time.Second)
	r.inside(func() {
		if look := r.budget.lookBegan + lookEach(r.effective.Collect.Interval); r.nextSweep != look {
			t.Errorf("the next sweep at %v; want it with the look at %v", r.nextSweep, look)
		}
	})
	r.kernel().hang(r.hung(1, 3*time.Second), r.hung(2, 4*time.Second))
	next("too young", 6*time.Second)
	r.kernel().hang(r.hung(1, 9*time.Second))
	next("nearly old enough", 2*time.Second)
	r.kernel().hang(r.hung(1, 10*time.Second))
	next("found", 2*time.Second)
	r.kernel().hang()
	next("it may have returned", 2*time.Second)
	next("it has", 2*time.Second)
	next("nothing open any more", 10*time.Second)
	r.do(SetThreshold{Syscall: "read", Threshold: time.Millisecond})
	r.inside(func() {
		if got, _ := r.untilSweep(); got != 2*time.Second {
			t.Errorf("after a change of settings: the next sweep in %v; want 2 s", got)
		}
	})
	r.sweepNow()
	r.kernel().refuseSweep = errors.New("no memory")
	next("none was made", 2*time.Second)
}

// untilCounter waits for a number in the picture that readers get.
func (r *rig) untilCounter(name string, want uint64) *Status {
	r.t.Helper()
	deadline := time.After(10 * time.Second)
	for r.Status().Counters[name] != want {
		select {
		case <-r.Changed():
		case <-deadline:
			r.t.Fatalf("%s is %d, want %d", name, r.Status().Counters[name], want)
		}
	}
	return r.Status()
}

func TestTheEndOfAStuckCallWithoutItsReturn(t *testing.T) {
	for reason, tid := range map[string]uint32{record.EndedDied: noThread, record.EndedUnseen: uint32(os.Getpid())} {
		t.Run(reason, func(t *testing.T) {
			r := runHanging(t, hanging)
			r.kernel().hang(r.hung(tid, 10*time.Second))
			r.sweepNow()
			r.pass(4 * time.Second)
			r.sweepNow()
			r.written()
			r.kernel().hang()
			r.sweepNow()
			if early := r.written(); len(early) != 0 {
				t.Errorf("one sweep missed it: %+v", early)
			}
			r.sweepNow()
			ended := only[*record.Ended](r.written())
			if len(ended) != 1 || ended[0].Reason != reason || ended[0].Reports != 1 || ended[0].Process.TID != tid {
				t.Fatalf("ended: %+v", ended)
			}
			// As it was last seen, not as it was last reported.
			if want := "read by cat (812, a.service) on /mnt/x "; ended[0].AgeNs != 14e9 || !strings.HasPrefix(ended[0].Msg, want) {
				t.Errorf("%d: %s", ended[0].AgeNs, ended[0].Msg)
			}
			if now := r.stuckLines(); len(now) != 0 {
				t.Errorf("still stuck: %+v", now)
			}
		})
	}
}

func TestStuckCallsAreToldTheOldestFirst(t *testing.T) {
	r := runHanging(t, hanging)
	r.kernel().hang(r.hung(3, 20*time.Second), r.hung(1, 40*time.Second), r.hung(2, 30*time.Second))
	r.sweepNow()
	var tids []uint32
	for _, call := range r.stuckLines() {
		tids = append(tids, call.Process.TID)
	}
	if len(tids) != 3 || tids[0] != 1 || tids[1] != 2 || tids[2] != 3 {
		t.Errorf("threads %v", tids)
	}
	r.do(Stop{})
	if now := r.stuckLines(); len(now) != 0 {
		t.Errorf("known while stopped: %+v", now)
	}
}

func TestWithoutSweepsNobodyIsStuck(t *testing.T) {
	never := strings.Replace(hanging, `"10s"`, `"never"`, 1)
	r := runAgent(t, never)
	r.kernel().hang(r.hung(43, time.Hour))
	r.pass(2 * time.Minute)
	r.pass(2 * time.Minute)
	r.sweepNow()
	if n := r.kernel().swept(); n != 0 {
		t.Errorf("%d sweeps", n)
	}
	if stuck := only[*record.Stuck](r.written()); len(stuck) != 0 {
		t.Errorf("reported: %+v", stuck)
	}
	if _, there := r.Status().Counters["stuck"]; there {
		t.Error("a number of stuck calls, though nobody has looked")
	}

	// Switched off while one is known: it may have returned since.
	r = runHanging(t, hanging)
	r.kernel().hang(r.hung(43, time.Minute))
	r.sweepNow()
	if now := r.stuckLines(); len(now) != 1 {
		t.Fatalf("stuck now: %+v", now)
	}
	r.policy = never
	r.do(Reload{})
	if now := r.stuckLines(); len(now) != 0 {
		t.Errorf("stuck now: %+v", now)
	}
}

func TestASweepThatFailsIsTriedAgain(t *testing.T) {
	r := runHanging(t, hanging)
	r.kernel().hang(r.hung(43, time.Minute))
	r.kernel().refuseSweep = errors.New("no memory")
	r.sweepNow()
	if got := only[*record.Stuck](r.written()); len(got) != 0 {
		t.Errorf("reported: %+v", got)
	}
	r.kernel().refuseSweep = nil
	r.sweepNow()
	if got := only[*record.Stuck](r.written()); len(got) != 1 {
		t.Errorf("reported: %+v", got)
	}
}

// The rule that decides has a say in what is stuck, as in what is slow.
func TestACallThatIsNotSlowIsNotStuck(t *testing.T) {
	r := runHanging(t, strings.Replace(hanging, `"1s"`, `"1m"`, 1))
	r.kernel().hang(r.hung(43, 30*time.Second))
	r.sweepNow()
	if got := only[*record.Stuck](r.written()); len(got) != 0 {
		t.Errorf("reported: %+v", got)
	}
}

func TestStuckCallsThatAreTooManyAreCounted(t *testing.T) {
	r := runHanging(t, hanging)
	const tracked, more = 10_000, 50 // the first is package stuck's
	var calls []*bpf.SlowCall
	for tid := range uint32(tracked + more) {
		calls = append(calls, r.hung(tid+1, time.Minute))
	}
	r.kernel().hang(calls...)
	r.sweepNow()
	r.do(Stop{})
	if drops := only[*record.Interval](r.written())[0].Drops; drops["stuck_untracked"] != more {
		t.Errorf("drops %v", drops)
	}
	// Another session counts from there, and does not wrap around.
	r.do(Start{})
	r.do(Flush{})
	if drops := only[*record.Interval](r.written())[0].Drops; drops["stuck_untracked"] != 0 {
		t.Errorf("drops of the next session %v", drops)
	}
	if n := r.Status().Counters["stuck_untracked"]; n != more {
		t.Errorf("counted %d", n)
	}
}

func TestAReaderThatBreaksInASweepIsNoticed(t *testing.T) {
	r := runHanging(t, hanging)
	r.kernel().hang(r.hung(1, 10*time.Second))
	r.inside(func() {
		r.kernel().slow <- slowOrError{err: os.ErrInvalid}
		if err := r.sweep(); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("sweep: %v", err)
		}
	})
}

func TestWhatWaitsForALookIsDoneWithTheLastOne(t *testing.T) {
	const s = time.Second
	for _, test := range []struct{ at, next, each, want time.Duration }{
		{at: 30 * s, next: 31 * s, each: 10 * s, want: 30 * s},
		{at: 30 * s, next: 30 * s, each: 10 * s, want: 30 * s},
		{at: 30 * s, next: 25 * s, each: 10 * s, want: 25 * s},
		{at: 30 * s, next: 9 * s, each: 10 * s, want: 29 * s},
		{at: 30 * s, next: 10 * s, each: 10 * s, want: 30 * s},
		{at: 30 * s, next: 21 * s, each: s / 2, want: 30 * s},
	} {
		if got := withLook(test.at, test.next, test.each); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}
