package agent

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/handover"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// shelf stands in for systemd's store: it keeps a fake kernel from one agent to the next.
type shelf struct {
	t        *testing.T
	kept     *fakeKernel
	memory   *handover.Memory
	refuses  bool // Keep fails
	hangs    bool // Release fails
	released int
}

func newShelf(t *testing.T) *shelf {
	memory, err := handover.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { memory.Close() })
	return &shelf{t: t, memory: memory}
}

func (s *shelf) Adopt(o bpf.Options) Kernel {
	if s.kept == nil || !s.kept.options.SwitchesTo(o) { // as the layout has it
		s.kept = nil
		return nil
	}
	s.kept = s.kept.again()
	return s.kept
}

func (s *shelf) Keep(k Kernel) error {
	if s.refuses {
		return errors.New("no room")
	}
	s.kept = k.(*fakeKernel)
	return nil
}

func (s *shelf) Release() error {
	s.released++
	if s.hangs {
		return errors.New("no answer")
	}
	s.kept = nil
	return nil
}

// again is the kernel side for another process.
func (k *fakeKernel) again() *fakeKernel {
	next := newFakeKernel()
	next.options, next.clock, next.attached, next.away = k.options, k.clock, k.attached, 312*time.Millisecond
	next.interval, next.rows, next.procs, next.cgroups = k.interval, k.rows, k.procs, k.cgroups
	next.wakers = k.wakers
	next.counters, next.filter, next.refuse = k.counters, k.filter, k.refuse
	return next
}

// process is an agent whose kernel side is kept on the shelf.
func (s *shelf) process(text string) *rig {
	s.t.Helper()
	r := runAgentIn(s.t, text, s.join)
	if s.kept != nil {
		r.kernels = append(r.kernels, s.kept)
	}
	return r
}

// join gives an agent the shelf.
func (s *shelf) join(env *Env) {
	memory, err := handover.Open(s.memory.FD())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { memory.Close() })
	env.Keeper, env.Memory = s, memory
	env.Stamp = record.NewStamperAfter("0123456789abcdef0123456789abcdef", memory.Seq())
}

// kill ends the agent as SIGKILL does: at once.
func (r *rig) kill() {
	r.t.Helper()
	r.inside(runtime.Goexit)
	<-r.done
}

// told adds up what records say that the next process does not say again.
type told struct {
	calls uint64
	open  []*record.Summary // not yet beyond doubt
}

func (s *told) read(records []record.Record) {
	for _, r := range records {
		switch r := r.(type) {
		case *record.Summary:
			s.open = append(s.open, r)
		case *record.State:
			if r.Change == record.ChangeResumed {
				s.settle(r.Resumption.CountedSeq)
			}
		}
	}
}

// settle counts what stands, up to a number, and forgets the rest.
func (s *told) settle(upTo uint64) {
	for _, r := range s.open {
		if r.Seq <= upTo {
			s.calls += r.Count
		}
	}
	s.open = nil
}

func (s *told) total() uint64 {
	s.settle(1<<64 - 1)
	return s.calls
}

// Whenever a process is killed, and whatever was out by then, each call is told once.
func TestEveryCallIsToldOnceOverKills(t *testing.T) {
	s := newShelf(t)
	var sum told
	var made uint64
	call := func(r *rig, n uint64) {
		made += n
		for range n {
			r.kernel().call(bpf.Group{ID: 7}, getppid, 1000)
		}
	}
	for round := range uint64(6) {
		r := s.process(quiet)
		call(r, 10+round)
		if round%2 == 0 {
			r.do(Flush{})
			call(r, 3)
		}
		if round%3 == 0 {
			sum.read(r.written())
			r.out.hangs.Store(true)
			call(r, 5)
			r.do(Flush{})
			if hung := r.written(); round == 0 {
				sum.read(hung) // out, but the process does not know it any more
			}
			call(r, 5)
		}
		r.kill()
		call(r, 100) // while nobody is there
		sum.read(r.written())
	}
	r := s.process(quiet)
	r.do(Flush{})
	sum.read(r.written())
	if got := sum.total(); got != made {
		t.Errorf("%d calls are told; %d were made", got, made)
	}
}

func TestARestartTellsTheRestAndGoesOn(t *testing.T) {
	s := newShelf(t)
	first := s.process(quiet)
	first.kernel().call(bpf.Group{ID: 7}, getppid, 1000)
	must(t, first.stop())
	if !s.kept.attached || s.released != 0 {
		t.Error("the end of the process detached the programs")
	}
	before := first.written()
	if n := len(only[*record.Summary](before)); n != 1 {
		t.Errorf("%d final summaries; want 1", n)
	}
	states := only[*record.State](before)
	if last := states[len(states)-1]; last.Change != record.ChangeStopped || !strings.Contains(last.Msg, "counts on") {
		t.Errorf("last state %+v", last)
	}
	first.kernel().call(bpf.Group{ID: 7}, getppid, 1000)

	second := s.process(quiet)
	records := second.written()
	state := only[*record.State](records)[0]
	if state.Change != record.ChangeResumed || state.Resumption.AwayNs != 312e6 || !strings.Contains(state.Msg, "312 ms without a process") {
		t.Errorf("state %+v", state)
	}
	if state.Seq <= states[len(states)-1].Seq {
		t.Errorf("record %d comes after %d", state.Seq, states[len(states)-1].Seq)
	}
	if got := only[*record.Summary](records); len(got) != 1 || got[0].Count != 1 {
		t.Errorf("summaries %+v; want the call of the time without a process", got)
	}
	if len(second.kernels) != 1 {
		t.Errorf("%d kernels; want the old one only", len(second.kernels))
	}
	if got := second.Status().Sentence; !strings.Contains(got, "312 ms without a process") {
		t.Errorf("status %q", got)
	}
}

// The totals since the start go on, and what was lost before is not lost again.
func TestTotalsGoOnOverAKill(t *testing.T) {
	s := newShelf(t)
	first := s.process(quiet)
	k := first.kernel()
	k.counters.RowsFailed, k.counters.Slow = 7, 2
	first.returns(slowFsync(2*time.Second, 7), slowFsync(3*time.Second, 7))
	first.do(Flush{})
	k.counters.RowsFailed, k.counters.Slow = 9, 3
	first.returns(slowFsync(4*time.Second, 7)) // after the interval's end
	first.kill()

	second := s.process(quiet)
	c := second.Status().Counters
	if c["rows_failed"] != 9 || c["slow_records"] != 3 || c["slow_unread"] != 0 {
		t.Errorf("counters %v; want rows_failed 9, slow_records 3, slow_unread 0", c)
	}
	interval := only[*record.Interval](second.written())[0]
	if interval.Drops["rows_failed"] != 2 || interval.Slow != 1 {
		t.Errorf("the interval over the kill lost %v, %d slow; want 2 rows_failed, 1", interval.Drops, interval.Slow)
	}
}

// A slow call that the killed process had taken, and told nobody of, is counted.
func TestASlowCallThatDiedWithTheProcessIsCounted(t *testing.T) {
	s := newShelf(t)
	first := s.process(quiet)
	first.kernel().counters.Slow = 3
	first.returns(slowFsync(2*time.Second, 7))
	first.kill()
	second := s.process(quiet)
	if got := second.Status().Counters["slow_unread"]; got != 2 {
		t.Errorf("slow_unread %d; want 2", got)
	}
	second.kill()
	if got := s.process(quiet).Status().Counters["slow_unread"]; got != 2 {
		t.Errorf("after another kill slow_unread %d; want 2", got)
	}
}

// Until the records of a process's last calls are out, its rows stay: the next process
// may have to tell them again.
func TestRowsOfTheGoneAreFreedWhenTheirRecordsAreOut(t *testing.T) {
	s := newShelf(t)
	r := s.process(byProcess)
	k := r.kernel()
	g := bpf.Group{ID: 7, PID: 4}
	k.procs[g] = bpf.ProcessName{Comm: "ended", Exited: true}
	k.call(g, getppid, 1000)
	rows := func() (n int) {
		r.inside(func() {}) // the loop may be about to free them
		r.inside(func() { n = len(k.rows) + len(k.procs) })
		return n
	}
	r.out.hangs.Store(true)
	r.do(Flush{})
	if got := rows(); got != 2 {
		t.Errorf("%d rows and names; want both", got)
	}
	r.out.hangs.Store(false)
	r.do(Flush{})
	for got := rows(); got != 0; got = rows() { // the loop takes its events in any order
		runtime.Gosched()
	}
}

func TestStopLetsGoAndStartBeginsAnew(t *testing.T) {
	s := newShelf(t)
	r := s.process(quiet)
	r.do(Stop{})
	if s.kept != nil || s.released != 1 {
		t.Errorf("kept %v, released %d times", s.kept != nil, s.released)
	}
	r.do(Start{})
	if s.kept != r.kernel() {
		t.Error("the new kernel side is not kept")
	}
	r.kernel().call(bpf.Group{ID: 7}, getppid, 1000)
	r.do(SetMode{"count"})
	if s.kept != r.kernel() || s.released != 2 || r.kernel().options.Mode != bpf.ModeCount {
		t.Errorf("after another mode the old kernel side is kept, or was not let go: released %d times", s.released)
	}
	r.kernel().call(bpf.Group{ID: 7}, getppid, 1000)
	r.kill()
	r.out.take()
	next := s.process(quiet + "mode = \"count\"\n")
	if got := only[*record.Summary](next.written()); len(got) != 1 || got[0].Count != 1 {
		t.Errorf("summaries %+v; want one call, of the new mode", got)
	}
}

func TestWhatCannotBeGoneOnWithBeginsAnew(t *testing.T) {
	for name, spoil := range map[string]func(*shelf){
		"other options":    func(s *shelf) { s.kept.options.Rows++ },
		"a refused filter": func(s *shelf) { s.kept.refuse = errors.New("refused") },
		"no accounts": func(s *shelf) {
			empty, err := handover.New()
			must(s.t, err)
			s.t.Cleanup(func() { empty.Close() })
			s.memory = empty
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			first := s.process(quiet)
			first.kernel().call(bpf.Group{ID: 7}, getppid, 1000)
			first.kill()
			spoil(s)
			r := s.process(quiet)
			if states := only[*record.State](r.written()); states[len(states)-1].Change != record.ChangeStarted {
				t.Errorf("states %+v; want started", states)
			}
			if r.Status().Resumed != nil || len(r.kernel().rows) != 0 {
				t.Errorf("resumed %v, rows %v", r.Status().Resumed, r.kernel().rows)
			}
		})
	}
}

// A state that each process crashes on ends with a new one.
func TestAfterManyProcessesThatDidNothingItBeginsAnew(t *testing.T) {
	s := newShelf(t)
	s.process(quiet).kill()
	for try := range maxTries + 1 {
		r := runAgentIn(t, quiet, func(env *Env) { s.join(env); env.Sink.(*memory).hangs.Store(true) })
		want := record.ChangeResumed
		if try == maxTries {
			want = record.ChangeStarted
		}
		if states := only[*record.State](r.written()); states[len(states)-1].Change != want {
			t.Errorf("try %d: %s; want %s", try, states[len(states)-1].Change, want)
		}
		r.kill()
	}
}

func TestAStoreThatDoesNotAnswerIsNoReasonNotToStop(t *testing.T) {
	s := newShelf(t)
	r := s.process(quiet)
	s.hangs = true
	r.do(Stop{})
	if r.Status().State != "stopped" || s.released != 1 {
		t.Errorf("state %s, released %d times", r.Status().State, s.released)
	}
}

// Without room in the store all is as without a store.
func TestAStoreWithoutRoomChangesNothingElse(t *testing.T) {
	s := newShelf(t)
	s.refuses = true
	r := s.process(quiet)
	r.kernel().call(bpf.Group{ID: 7}, getppid, 1000)
	must(t, r.stop())
	if r.kernels[0].attached {
		t.Error("still attached")
	}
	if got := fmt.Sprint(len(only[*record.Summary](r.written()))); got != "1" {
		t.Errorf("%s summaries; want 1", got)
	}
}

// In mode auto the next process goes on at the step where the one before stood.
func TestModeAutoGoesOnAtItsStep(t *testing.T) {
	s := newShelf(t)
	first := s.process(quiet)
	first.do(SetMode{"count"})
	first.kill()
	second := s.process(quiet)
	states := only[*record.State](second.written())
	if len(states) != 1 || states[0].Change != record.ChangeResumed || states[0].Mode != "count" || !states[0].Auto {
		t.Errorf("states %+v; want resumed in mode count (auto), and nothing else", states)
	}
	if got := second.kernel().Options().Mode; got != bpf.ModeCount {
		t.Errorf("the kernel side is in mode %v; want count", got)
	}
}

// In another mode it tells what was left, and what it made of it.
func TestAnotherModeIsTakenAfterTheResumption(t *testing.T) {
	s := newShelf(t)
	first := s.process(quiet)
	first.do(SetMode{"count"})
	first.kill()
	second := s.process("[collect]\nmode = \"account\"\ninterval = \"1h\"\n")
	records := second.written()
	states := only[*record.State](records)
	if len(states) != 2 || states[0].Change != record.ChangeResumed || states[0].Mode != "count" ||
		states[1].Change != record.ChangeMode || states[1].Mode != "account" || !strings.Contains(states[1].Msg, "the process before left it as count") {
		t.Errorf("states %+v; want resumed in mode count, then account", states)
	}
	if interval := only[*record.Interval](records)[0]; interval.Mode != "count" {
		t.Errorf("the interval over the kill was in mode %s; want count", interval.Mode)
	}
	if got := second.kernel().Options().Mode; got != bpf.ModeAccount {
		t.Errorf("the kernel side is in mode %v; want account", got)
	}
}
