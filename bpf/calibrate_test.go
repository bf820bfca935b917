package bpf

import (
	"maps"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A calibration pays what others pay, and leaves no trace but in the counters.
func TestACalibrationIsObservedAndInNoRow(t *testing.T) {
	all := maps.Clone(modes)
	for name, by := range map[string]GroupBy{"none": GroupByNone, "cgroup": GroupByCgroup, "comm": GroupByComm} {
		opts := modes["account"]
		if opts.GroupBy = by; by == GroupByNone {
			opts.Rows = 0 // as other tests have it, who share its maps
		}
		all["account by "+name] = opts
	}
	for name, opts := range all {
		if dear && (opts.GroupBy == GroupByCgroup || opts.GroupBy == GroupByComm) {
			continue // no other test has these programs
		}
		t.Run(name, func(t *testing.T) { calibrateAttached(t, shared.borrow(t, opts)) })
	}
}

// calibrateAttached observes nothing but the calibration: no call but fsync, of a cgroup that there is not.
func calibrateAttached(t *testing.T, tracer *Tracer) {
	t.Helper()
	if err := tracer.SetFilter(Filter{CgroupNames: []string{"none such.service"}}); err != nil {
		t.Fatal(err)
	}
	if err := tracer.SetSyscalls(func(sc Syscall) Setting {
		if sc == own(unix.SYS_FSYNC) {
			return Setting{Traits: TraitObserved, ThresholdNs: Never}
		}
		return Setting{ThresholdNs: Never}
	}); err != nil {
		t.Fatal(err)
	}
	without, err := tracer.Calibrate()
	if err != nil {
		t.Fatal(err)
	}
	if err := tracer.Attach(); err != nil {
		t.Fatal(err)
	}
	with, err := tracer.Calibrate()
	if err != nil {
		t.Fatal(err)
	}
	if err := tracer.DetachCalls(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v without us, %+v with us", without, with)
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	// The clock is a system call where the CPU's own counter is not to be trusted.
	const besides = 100 + 5*calibrationBatches
	if c.Matched+c.RecursionMisses < with.Calls || c.Matched > with.Calls+besides {
		t.Errorf("%d calls matched; %d were made to be observed, and few besides", c.Matched, with.Calls)
	}
	if c.LeftOut+c.RecursionMisses < with.Calls {
		t.Errorf("%d calls left out; %d were made to be", c.LeftOut, with.Calls)
	}
	if err := tracer.EachRow(tracer.Interval(), func(key RowKey, row Row) {
		t.Errorf("row %v has %d calls; want no row", key, row.Count)
	}); err != nil {
		t.Fatal(err)
	}
}

func TestSwitchesAreCountedAndSomeAreTimed(t *testing.T) {
	watch := base
	watch.Mode = ModeWatch
	for name, opts := range map[string]Options{"account": modes["account"], "count": modes["count"], "watch": watch} {
		t.Run(name, func(t *testing.T) { switchesAreTimed(t, opts) })
	}
}

func switchesAreTimed(t *testing.T, opts Options) {
	if opts.Mode == ModeWatch {
		needWatch(t)
	}
	tracer := shared.borrow(t, opts)
	if err := tracer.Attach(); err != nil {
		t.Fatal(err)
	}
	const sleeps = 1000 // each is two switches at least, if it is long enough for a slow machine
	for range sleeps {
		_ = unix.Nanosleep(&unix.Timespec{Nsec: int64(200 * time.Microsecond)}, nil)
	}
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d switches, %d timed, %d ns", c.Switches, c.TimedSwitches, c.SwitchNs)
	if c.Switches < 2*sleeps || c.TimedSwitches == 0 || c.TimedSwitches > c.Switches/61+uint64(runtime.NumCPU()) || c.SwitchNs == 0 {
		t.Errorf("%d switches, %d timed with %d ns; want at least %d, and one timed in 61", c.Switches, c.TimedSwitches, c.SwitchNs, 2*sleeps)
	}
}

func TestTheMeterSeesCallsWithNothingElseAttached(t *testing.T) {
	meter, err := NewCallMeter()
	if err != nil {
		t.Fatal(err)
	}
	defer meter.Close()
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
				callCheaply(1000)
			}
		}
	}()
	rate, err := meter.PerSecond(50 * time.Millisecond)
	close(stop)
	<-ended
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.0f calls per second", rate)
	if rate < 1000 { // a loop makes millions
		t.Errorf("%.0f calls per second; one thread makes nothing else", rate)
	}
}

// What a calibration takes of a CPU: go test -run '^$' -bench Calibration ./bpf
func BenchmarkCalibration(b *testing.B) {
	tracer, err := Load(modes["account"])
	if err != nil {
		b.Fatal(err)
	}
	defer tracer.Close()
	if err := tracer.Attach(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := tracer.Calibrate(); err != nil {
			b.Fatal(err)
		}
	}
}
