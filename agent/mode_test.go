package agent

import (
	"fmt"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

func TestSetModeLoadsAnewAndLastsUntilReload(t *testing.T) {
	r := runAgent(t, quiet)
	r.do(SetThreshold{"fsync", 5 * time.Millisecond})
	r.out.take()
	r.do(SetMode{"count"})
	states := only[*record.State](r.written())
	if len(states) != 1 || states[0].Change != record.ChangeMode || states[0].Mode != "count" || states[0].Caller.PID != 4711 {
		t.Errorf("states %+v", states)
	}
	if len(r.kernels) != 2 || r.kernel().options.Mode != bpf.ModeCount || r.kernels[0].attached || !r.kernel().attached {
		t.Errorf("%d kernels, options %+v", len(r.kernels), r.kernel().options)
	}
	if r.Status().Mode != "count" || r.kernel().settings["fsync"].ThresholdNs != 5e6 {
		t.Errorf("status %+v, settings %+v", r.Status(), r.kernel().settings)
	}
	r.do(SetMode{"count"}) // nothing happens
	r.do(ResetThresholds{})
	if len(r.kernels) != 2 || r.Status().Mode != "count" {
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
	r.prepare = func(k *fakeKernel) {
		if k.options.Mode == bpf.ModeCount {
			k.refuseAttach = fmt.Errorf("no tracepoint")
		}
	}
	r.refused(SetMode{"count"}, ErrKernel, "set mode count: no tracepoint")
	if s := r.Status(); s.Mode != "account" || s.State != "running" || r.kernel().options.Mode != bpf.ModeAccount {
		t.Errorf("status %+v", s)
	}
}
