package agent

import (
	"fmt"
	"testing"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// A short list of calls, and its end, put other programs in the place of those that are
// attached; what was counted until then is written first.
func TestAFewCallsAreLoadedFor(t *testing.T) {
	r := runAgent(t, quiet)
	k := r.kernel()
	k.functions = true
	k.call(bpf.Group{ID: 1}, getppid, 10)
	r.out.take()
	r.do(FilterSyscalls{[]string{"fsync", "fdatasync", "fsync"}})
	if k.replaced != 1 || k.options.Only != "fdatasync fsync" || !k.attached {
		t.Errorf("replaced %d times, options %+v", k.replaced, k.options)
	}
	records := r.written()
	if summaries := only[*record.Summary](records); len(summaries) != 1 || summaries[0].Count != 1 {
		t.Errorf("the rows of before are lost: %+v", summaries)
	}
	if states := only[*record.State](records); len(states) != 1 || states[0].Change != record.ChangeRetargeted || states[0].Attachment != "fake" || states[0].Detail != "" {
		t.Errorf("states %+v", states)
	}
	r.do(SetFilter{Filter{Units: []string{"a.service"}, Syscalls: []string{"fdatasync", "fsync"}}})
	if k.replaced != 1 || len(k.filter.CgroupNames) == 0 {
		t.Errorf("replaced %d times for the same calls of another unit, filter %+v", k.replaced, k.filter)
	}
	r.do(SetFilter{})
	if k.replaced != 2 || k.options.Only != "" || !k.attached || k.settings["getppid"].Traits&bpf.TraitObserved == 0 || len(r.kernels) != 1 {
		t.Errorf("replaced %d times, options %+v, settings %+v", k.replaced, k.options, k.settings)
	}
}

// Without functions a list of calls is only a setting.
func TestAKernelWithoutFunctionsIsNotLoadedAnew(t *testing.T) {
	r := runAgent(t, quiet)
	r.kernel().why = "this kernel refuses"
	r.out.take()
	r.do(FilterSyscalls{[]string{"fsync"}})
	if s := r.kernel().settings; len(r.kernels) != 1 || s["fsync"].Traits&bpf.TraitObserved == 0 || s["getppid"].Traits&bpf.TraitObserved != 0 {
		t.Errorf("%d kernels, settings %+v", len(r.kernels), s)
	}
	want := "on tracepoints that all calls pass, because this kernel refuses"
	if states := only[*record.State](r.written()); len(states) != 1 || states[0].Detail != want {
		t.Errorf("states %+v", states)
	}
}

// What cannot be attached leaves the filter that was.
func TestAListThatCannotBeLoadedChangesNothing(t *testing.T) {
	r := runAgent(t, quiet)
	k := r.kernel()
	k.functions, k.refuseReplace = true, fmt.Errorf("no tracepoint")
	r.refused(FilterSyscalls{[]string{"fsync"}}, ErrKernel, "no tracepoint")
	if k.options.Only != "" || !k.attached || r.Status().State != "running" {
		t.Errorf("options %+v, attached %v, status %+v", k.options, k.attached, r.Status())
	}
}

// What fails when others are attached already, or a filter that is refused then, leads
// back to the programs of before.
func TestAListThatFailsLateLeadsBack(t *testing.T) {
	for name, fail := range map[string]func(*fakeKernel){
		"replace": func(k *fakeKernel) { k.failReplace = fmt.Errorf("broken") },
		"filter":  func(k *fakeKernel) { k.refuse = fmt.Errorf("broken") },
	} {
		t.Run(name, func(t *testing.T) {
			r := runAgent(t, quiet)
			k := r.kernel()
			k.functions = true
			fail(k)
			r.refused(SetFilter{Filter{Units: []string{"a.service"}, Syscalls: []string{"fsync"}}}, ErrKernel, "broken")
			if k.replaced != 2 || k.options.Only != "" || !k.attached {
				t.Errorf("replaced %d times, options %+v", k.replaced, k.options)
			}
		})
	}
}

func TestAPolicyFilterOfAFewCallsIsLoadedFor(t *testing.T) {
	r := runAgent(t, quiet+"[filter]\nsyscalls = [\"openat\", \"fsync\"]\n")
	if only := r.kernel().options.Only; only != "fsync openat" {
		t.Errorf("loaded for %q", only)
	}
}
