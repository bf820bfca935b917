package agent

import (
	"fmt"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

func TestSetModeSwitchesAndLastsUntilReload(t *testing.T) {
	r := runAgent(t, quiet)
	r.do(SetThreshold{"fsync", 5 * time.Millisecond})
	r.out.take()
	r.kernel().call(bpf.Group{}, getppid, 1000)
	r.stopClock()
	r.do(SetMode{"count"})
	records := r.written()
	states := only[*record.State](records)
	if len(states) != 1 || states[0].Change != record.ChangeMode || states[0].Mode != "count" || states[0].Caller.PID != 4711 {
		t.Fatalf("states %+v", states)
	}
	// The interval ends with it: no summary mixes two modes.
	intervals := only[*record.Interval](records)
	if len(intervals) != 1 || intervals[0].Count != 1 || intervals[0].Mode != "account" || intervals[0].Time != states[0].Time {
		t.Errorf("intervals %+v; want one of mode account and 1 call, until %s", intervals, states[0].Time)
	}
	if states[0].Detail != "it was account" {
		t.Errorf("detail %q", states[0].Detail)
	}
	if len(r.kernels) != 1 || r.kernel().options.Mode != bpf.ModeCount || !r.kernel().attached {
		t.Errorf("%d kernels, options %+v", len(r.kernels), r.kernel().options)
	}
	if r.Status().Mode != "count" || r.kernel().settings["fsync"].ThresholdNs != 5e6 {
		t.Errorf("status %+v, settings %+v", r.Status(), r.kernel().settings)
	}
	r.do(SetMode{"count"}) // nothing happens
	r.do(ResetThresholds{})
	if len(r.kernels) != 1 || r.Status().Mode != "count" {
		t.Errorf("%d kernels, mode %s", len(r.kernels), r.Status().Mode)
	}
	r.do(Reload{})
	if r.Status().Mode != "account" || r.kernel().options.Mode != bpf.ModeAccount {
		t.Errorf("after a reload: mode %s", r.Status().Mode)
	}
}

func TestSetModeWhileStoppedIsForTheNextStart(t *testing.T) {
	r := runAgent(t, quiet)
	r.do(Stop{})
	r.out.take()
	r.do(SetMode{"count"})
	if states := only[*record.State](r.written()); len(states) != 1 || states[0].Mode != "count" {
		t.Errorf("states %+v", states)
	}
	if len(r.kernels) != 1 {
		t.Error("loaded while stopped")
	}
	r.do(Start{})
	if r.kernel().options.Mode != bpf.ModeCount {
		t.Errorf("options %+v", r.kernel().options)
	}
}

func TestAModeThatIsNoneOrCannotBeLoadedChangesNothing(t *testing.T) {
	r := runAgent(t, quiet)
	for _, mode := range []string{"", "Count", "fast"} {
		r.refused(SetMode{mode}, ErrInvalid, fmt.Sprintf("mode %q is unknown; give account or count", mode))
	}
	r.kernel().refuseSwitch = fmt.Errorf("no tracepoint")
	r.refused(SetMode{"count"}, ErrKernel, "set mode count: no tracepoint")
	if s := r.Status(); s.Mode != "account" || s.State != "running" || r.kernel().options.Mode != bpf.ModeAccount {
		t.Errorf("status %+v", s)
	}
}

// What the programs were made for needs others: the waits, which a policy may leave
// out, but not mode watch.
func TestAModeThatNeedsOtherProgramsGetsThem(t *testing.T) {
	r := runAgent(t, quiet+"waits = false\n")
	r.do(SetMode{"count"})
	if len(r.kernels) != 1 {
		t.Errorf("%d kernels; want 1", len(r.kernels))
	}
	r.kernel().refuseReplace = fmt.Errorf("no tracepoint")
	r.refused(SetMode{"watch"}, ErrKernel, "set mode watch: no tracepoint")
	if s := r.Status(); s.Mode != "count" || s.State != "running" || !r.kernel().attached {
		t.Errorf("status %+v", s)
	}
	r.kernel().refuseReplace = nil
	r.do(SetMode{"watch"})
	if len(r.kernels) != 1 || r.Status().Mode != "watch" || r.kernel().options.Mode != bpf.ModeWatch || !r.kernel().attached {
		t.Errorf("status %+v", r.Status())
	}
}

// A reload that changes the mode, or how it samples, is such a switch too; one that
// is refused changes nothing.
func TestAReloadSwitchesTheMode(t *testing.T) {
	r := runAgent(t, quiet)
	r.policy = quiet + "sample = 16\n"
	r.do(Reload{})
	if len(r.kernels) != 1 || r.kernel().options.Sample != 16 {
		t.Errorf("%d kernels, options %+v", len(r.kernels), r.kernel().options)
	}
	r.policy = quiet + "mode = \"count\"\n[filter]\nunits = [\"a.service\"]\n"
	r.kernel().refuse = fmt.Errorf("no filter")
	r.refused(Reload{}, ErrKernel, "no filter")
	if o := r.kernel().options; o.Mode != bpf.ModeAccount || o.Sample != 16 {
		t.Errorf("options %+v; want those of before", o)
	}
	r.kernel().refuse = nil
	r.do(Reload{})
	if len(r.kernels) != 1 || r.kernel().options.Mode != bpf.ModeCount || r.Status().Mode != "count" {
		t.Errorf("%d kernels, options %+v", len(r.kernels), r.kernel().options)
	}
}

// A call that hangs was reported before the mode changes, and goes on hanging: nobody
// hears of it twice, nor that it has ended.
func TestStuckCallsOutliveAChangeOfMode(t *testing.T) {
	r := runHanging(t, hanging)
	call := r.hung(noThread, 11*time.Second)
	r.kernel().hang(call)
	r.sweepNow()
	if got := only[*record.Stuck](r.written()); len(got) != 1 {
		t.Fatalf("%d stuck records; want 1", len(got))
	}
	r.do(SetMode{"count"})
	r.sweepNow()
	r.sweepNow()
	records := r.written()
	if n := len(only[*record.Stuck](records)) + len(only[*record.Ended](records)); n != 0 {
		t.Errorf("%d records; want none", n)
	}
	r.returns(r.back(call))
	if got := only[*record.Slow](r.written()); len(got) != 1 || !got[0].WasStuck {
		t.Errorf("%+v; want a slow call that was stuck", got)
	}
}
