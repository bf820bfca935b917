package agent

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

func TestResidual(t *testing.T) {
	quiet := bpf.Counters{Enter: 100, Exit: 97, Matched: 90, Suspended: 2, Died: 3, Overwritten: 1, Refiltered: 1, ExitWithoutEnter: 4}
	for name, test := range map[string]struct {
		before, after func(c bpf.Counters) bpf.Counters
		open, want    uint64
	}{
		"all accounted for":   {same, same, 3, 0},
		"a beginning is lost": {same, same, 2, 1},
		"one too many":        {same, same, 5, 2},
		"an end is lost":      {same, func(c bpf.Counters) bpf.Counters { c.Exit++; return c }, 3, 0}, // may be the event in between
		"ends are lost":       {func(c bpf.Counters) bpf.Counters { c.Exit += 7; return c }, func(c bpf.Counters) bpf.Counters { c.Exit += 7; return c }, 3, 7},
		"busy meanwhile":      {same, func(c bpf.Counters) bpf.Counters { c.Enter += 50; c.Exit += 50; c.Matched += 50; return c }, 60, 0},
		"mode count":          {exitsOnly, exitsOnly, 0, 0},
		"an unseen beginning": {exitsOnly, exitsOnly, 1, 1},
		"changes of mode":     {changed, changed, 3, 0},
	} {
		if got := residual(test.after(quiet), test.open, events(test.before(quiet), test.after(quiet))); got != test.want {
			t.Errorf("%s: residual %d, want %d", name, got, test.want)
		}
	}
}

func same(c bpf.Counters) bpf.Counters { return c }

func exitsOnly(c bpf.Counters) bpf.Counters {
	c.Enter, c.Died, c.Overwritten, c.Unstamped = 0, 0, 0, c.Matched+c.Suspended+c.Refiltered
	return c
}

// changed is account, then watch, then count: of 100 stamped calls 5 were in flight when watch came.
func changed(c bpf.Counters) bpf.Counters {
	c.Enter, c.HandedOver = c.Enter+5, 5
	c.Exit, c.Matched, c.Unstamped = c.Exit+1000, c.Matched+1000, 1000
	return c
}

// Who asks over the bus gets the last interval's balance, with what is needed to judge it.
// Mode watch has none: a 0 would say that all is well.
func TestTheBalanceIsPublished(t *testing.T) {
	r := runAgent(t, quiet)
	if _, ok := r.Status().Counters["residual"]; ok {
		t.Errorf("a balance before the first interval has ended: %v", r.Status().Counters)
	}
	// 5 calls have begun, and 7 more in each of the looks; 2 are in flight, and the others nowhere.
	r.kernel().counters, r.kernel().open, r.kernel().duringLook = bpf.Counters{Enter: 5}, 2, 7
	r.do(Flush{})
	want := map[string]uint64{"residual": 5 + 7*looks - 2 - 7, "in_flight": 2, "between_looks": 7}
	b := only[*record.Interval](r.out.take())[0].Balance
	if got := map[string]uint64{"residual": b.Residual, "in_flight": b.InFlight, "between_looks": b.BetweenLooks}; !maps.Equal(got, want) {
		t.Errorf("the record has %v; want %v", got, want)
	}
	for name, n := range want {
		if got, ok := r.Status().Counters[name]; !ok || got != n {
			t.Errorf("the status has %s %d (%v); want %d", name, got, ok, n)
		}
	}
	r.do(SetMode{Mode: "watch"})
	r.do(Flush{})
	if _, ok := r.Status().Counters["residual"]; ok {
		t.Errorf("mode watch has a balance: %v", r.Status().Counters)
	}
}

// Each counter of a loss reaches the interval record and the status.
func TestEveryLossIsPublished(t *testing.T) {
	for i := range reflect.TypeFor[bpf.Counters]().NumField() {
		if reflect.TypeFor[bpf.Counters]().Field(i).Anonymous {
			continue // the traffic: nothing is lost in it
		}
		var c bpf.Counters
		reflect.ValueOf(&c).Elem().Field(i).SetUint(7)
		r := runAgent(t, quiet)
		r.kernel().counters = c
		r.do(Flush{})
		published := false
		for _, n := range r.Status().Counters {
			published = published || n == 7
		}
		name := reflect.TypeFor[bpf.Counters]().Field(i).Name
		if !published && name != "Resumed" {
			t.Errorf("%s is not in the status: %v", name, r.Status().Counters)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheStatusSentenceNamesLosses(t *testing.T) {
	s := &Status{State: "running", Mode: "account", Counters: map[string]uint64{"ring_full": 3, "suppressed": 9}}
	if got := sentence(s); !strings.Contains(got, "lost: ring_full 3") || strings.Contains(got, "suppressed") {
		t.Errorf("%q", got)
	}
	if got := sentence(&Status{State: "stopped"}); !strings.Contains(got, "syscountctl start") {
		t.Errorf("%q", got)
	}
}

// A switch that was missed is a lost call in mode watch, and stays so; in another mode it is none.
func TestAMissedSwitchIsALossInModeWatch(t *testing.T) {
	r := runAgent(t, quiet)
	want := func(said, stated string) {
		t.Helper()
		if s := r.Status(); !strings.Contains(s.Sentence+"\n", said+"\n") {
			t.Errorf("%q; want %q at its end", s.Sentence, said)
		}
		details := ""
		for _, s := range only[*record.State](r.written()) {
			if s.Change == record.ChangeDrops {
				details += s.Detail
			}
		}
		if details != stated {
			t.Errorf("records of losses: %q; want %q", details, stated)
		}
	}
	r.kernel().counters.SwitchesMissed = 3
	r.do(Flush{})
	want("0 slow calls recorded.", "")
	r.do(SetMode{"watch"})
	r.kernel().counters.SwitchesMissed = 5
	r.do(Flush{})
	want("; lost: switches_missed 2 in mode watch.", "switches_missed 2, 2 in mode watch since the start")
	r.do(SetMode{"account"})
	r.kernel().counters.SwitchesMissed = 9
	r.do(Flush{})
	want("; lost: switches_missed 2 in mode watch.", "")
}

func TestCountedCallsHaveNoTimes(t *testing.T) {
	r := runAgent(t, quiet+"mode = \"count\"\ngroup_by = \"none\"\n")
	if o := r.kernel().options; o.Mode != bpf.ModeCount {
		t.Errorf("options %+v", o)
	}
	r.kernel().rows[bpf.RowKey{Syscall: getppid}] = &fakeRow{Row: bpf.Row{Count: 12, Errors: 2}}
	r.do(Flush{})
	line := string(record.Marshal(only[*record.Summary](r.out.take())[0]))
	if !strings.Contains(line, `"count":12,"errors":2}`) || strings.Contains(line, "in all") {
		t.Errorf("%s", line)
	}
}

// Mode watch does not say that there were no calls, but that it has not counted.
func TestWatchedCallsAreNotCounted(t *testing.T) {
	r := runAgent(t, quiet+"mode = \"watch\"\n")
	if o := r.kernel().options; o.Mode != bpf.ModeWatch {
		t.Errorf("options %+v", o)
	}
	r.kernel().counters = bpf.Counters{Callbacks: 9, Returned: 4, Astray: 1, CallbacksDied: 1, Voided: 1, Suspended: 3, Interrupted: 2, Abandoned: 1}
	r.do(Flush{})
	i := only[*record.Interval](r.out.take())[0]
	want := record.Callbacks{Asked: 9, Returned: 4, Astray: 1, Died: 1, Void: 1, Pending: 2, Restarted: 3, Interrupted: 2, Abandoned: 1}
	if i.Callbacks == nil || *i.Callbacks != want || i.Totals != nil || i.Balance != nil {
		t.Errorf("%+v, callbacks %+v; want %+v", i, i.Callbacks, want)
	}
	if i.Drops["callbacks_astray"] != 1 {
		t.Errorf("drops %v; want the callback that went astray", i.Drops)
	}
}

func TestSampledRowsAreScaledAndMarked(t *testing.T) {
	r := runAgent(t, quiet+"sample = 16\ngroup_by = \"none\"\n")
	if o := r.kernel().options; o.Sample != 16 {
		t.Errorf("options %+v", o)
	}
	k := r.kernel()
	k.call(bpf.Group{}, getppid, 1000)
	k.rows[bpf.RowKey{Syscall: getppid}].Count = 16
	r.do(Flush{})
	s := only[*record.Summary](r.out.take())[0]
	if s.Sampled != 16 || s.Count != 16 || s.TotalNs != 16_000 || s.Histogram.Counts[0] != 16 {
		t.Errorf("%+v", s)
	}
}

// Those that left the CPU are no sample of the others: nothing is scaled up from them, or learned.
func TestModeCountTellsTheTimesOfWhatWaited(t *testing.T) {
	r := runAgent(t, quiet+"mode = \"count\"\nsample = 16\ngroup_by = \"none\"\n")
	k := r.kernel()
	k.call(bpf.Group{}, getppid, 1000)
	k.rows[bpf.RowKey{Syscall: getppid}].Count = 16
	r.do(Flush{})
	s := only[*record.Summary](r.out.take())[0]
	if s.Sampled != 0 || s.Count != 16 || s.Timed != 1 || s.TotalNs != 1000 || s.Histogram.Counts[0] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestGroupsByCommandNameAndCgroup(t *testing.T) {
	r := runAgent(t, quiet+"group_by = \"comm\"\n")
	k := r.kernel()
	k.procs[bpf.Group{ID: 11}] = bpf.ProcessName{Comm: "cc1"}
	k.procs[bpf.Group{ID: 12}] = bpf.ProcessName{Comm: "cc1"} // with other bytes after its NUL
	k.call(bpf.Group{ID: 11}, getppid, 1)
	k.call(bpf.Group{ID: 12}, getppid, 1)
	r.do(Flush{})
	if got := only[*record.Summary](r.out.take()); len(got) != 1 || got[0].Process.Comm != "cc1" || got[0].Process.PID != 0 || got[0].Count != 2 {
		t.Errorf("%+v", got)
	}
	r = runAgent(t, quiet+"group_by = \"cgroup\"\n")
	k = r.kernel()
	k.cgroups[7], k.cgroups[8] = "/system.slice/a.service", "/system.slice/a.service/inner"
	k.call(bpf.Group{ID: 7}, getppid, 1)
	k.call(bpf.Group{ID: 8}, getppid, 1)
	rows, err := r.Summary(t.Context(), 0)
	if err != nil || len(rows) != 2 || rows[0].Group[0] != '/' {
		t.Errorf("%+v, %v", rows, err)
	}
	r.do(Flush{})
	got := only[*record.Summary](r.out.take())
	if len(got) != 2 || got[0].Cgroup == "" || got[0].Cgroup == got[1].Cgroup || got[0].Systemd.Unit != "a.service" {
		t.Errorf("%+v", got)
	}
}
