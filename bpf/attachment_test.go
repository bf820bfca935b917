package bpf

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// kernelWith are the facts of a kernel that has these functions, those that begin with
// __do_sys_ of another prototype.
func kernelWith(goarch string, refuse error, functions ...string) functionFacts {
	return functionFacts{
		goarch: goarch,
		proto: func(name string) (btf.TypeID, bool) {
			proto := btf.TypeID(1)
			if strings.HasPrefix(name, "__do_") {
				proto = 2
			}
			return proto, slices.Contains(functions, name)
		},
		refuse: func() error { return refuse },
	}
}

// someOfX86 are functions of a kernel for x86.
var someOfX86 = []string{
	"__x64_sys_fsync", "__ia32_sys_fsync", "__x64_sys_openat", "__ia32_sys_openat", "__ia32_compat_sys_openat",
	"__x64_sys_exit", "__ia32_sys_exit", "__do_sys_getppid", "__do_sys_restart_syscall", "__do_sys_rt_sigreturn",
	"__do_compat_sys_sigreturn", "__do_compat_sys_rt_sigreturn",
}

func TestWhatCallsAreFollowedBy(t *testing.T) {
	x86 := kernelWith("amd64", nil, someOfX86...)
	for _, test := range []struct {
		opts  Options
		facts functionFacts
		want  string // the functions, with > where the beginning only is followed
		why   string
	}{
		{Options{}, x86, "", ""},
		{Options{Only: "fsync"}, x86, "__x64_sys_fsync __ia32_sys_fsync", ""},
		{Options{Only: "fsync", Sample: 16}, x86, "__x64_sys_fsync __ia32_sys_fsync", ""},
		{Options{Only: "getppid openat"}, x86, "__do_sys_getppid __x64_sys_openat __ia32_sys_openat __ia32_compat_sys_openat", ""},
		{Options{Only: "exit"}, x86, ">__x64_sys_exit >__ia32_sys_exit", ""},
		{Options{Only: "fsync", Mode: ModeWatch}, x86, "", ""},
		{Options{Only: "fsync", Mode: ModeCount}, x86, "", "mode count follows the ends of all calls"},
		{Options{Only: "fsync quotactl"}, x86, "", "no function for quotactl"},
		{Options{Only: "a b c d e f g h i"}, x86, "", "9 calls are named; at most 8"},
		{Options{Only: "fsync"}, kernelWith("amd64", errors.New("not here"), someOfX86...), "", "not here"},
		{Options{Only: "fsync"}, kernelWith("amd64", nil, "__x64_sys_fsync"), "", "no function for restart_syscall"},
		{Options{Only: "fsync"}, kernelWith("amd64", nil), "", "no function for fsync"},
	} {
		p := choose(test.opts, test.facts)
		var functions []string
		for _, f := range p.functions {
			if strings.HasPrefix(f.name, "__do_") != (f.proto == 2) {
				t.Errorf("%+v: %+v has another function's prototype", test.opts, f)
			}
			if f.begin {
				f.name = ">" + f.name
			}
			functions = append(functions, f.name)
		}
		want := strings.Fields(test.want)
		if test.want != "" {
			want = append(want, "__do_sys_restart_syscall", ">__do_sys_rt_sigreturn", ">__do_compat_sys_rt_sigreturn", ">__do_compat_sys_sigreturn")
		}
		if !slices.Equal(functions, want) || !strings.Contains(p.why, test.why) || (p.why == "") != (test.why == "") {
			t.Errorf("%+v: functions %q, why %q; want %q, %q", test.opts, functions, p.why, want, test.why)
		}
	}
}

// A name may be that of many functions.
func TestFunctionsAreBounded(t *testing.T) {
	var functions, names []string
	for i := range maxTargets {
		name := fmt.Sprint("call", i)
		names = append(names, name)
		for _, n := range entryNames(name)[:5] {
			functions = append(functions, "__x64_sys_"+n)
		}
	}
	facts := kernelWith("amd64", nil, append(functions, someOfX86...)...)
	if p := choose(Options{Only: strings.Join(names, " ")}, facts); len(p.functions) != 0 || !strings.Contains(p.why, "44 functions enter these calls; at most 32") {
		t.Errorf("%d functions, why %q", len(p.functions), p.why)
	}
	if p := choose(Options{Only: strings.Join(names[:5], " ")}, facts); len(p.functions) != 29 || !strings.HasSuffix(p.String(), "__x64_sys_ia32_call0 __x64_sys_call1 __x64_sys_newcall1 __x64_sys_oldcall1 and 21 more") {
		t.Errorf("%d functions, %s", len(p.functions), p)
	}
}

func TestFunctionsOfArm(t *testing.T) {
	facts := kernelWith("arm64", nil, "__arm64_sys_fsync", "__arm64_compat_sys_openat", "__arm64_sys_openat", "__x64_sys_fsync")
	if got := entryPoints("arm64", "openat", facts.has); !slices.Equal(got, []string{"__arm64_sys_openat", "__arm64_compat_sys_openat"}) {
		t.Errorf("openat: %q", got)
	}
	if got := entryPoints("arm64", "fsync", facts.has); !slices.Equal(got, []string{"__arm64_sys_fsync"}) {
		t.Errorf("fsync: %q", got)
	}
}

func TestWhichKernelsPreemptPrograms(t *testing.T) {
	for _, test := range []struct {
		version, model string
		want           bool
	}{
		{"#1 SMP Debian 6.12.107-1 (2026-08-01)", "", false},
		{"#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1", "none (voluntary) full \n", false},
		{"#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1", "(none) voluntary full \n", false},
		{"#1 SMP PREEMPT_DYNAMIC Debian 7.3.4-1", "full (lazy) \n", true},
		{"#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1", "none voluntary (full) \n", true},
		{"#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1", "", true}, // not to be read
		{"#1 SMP PREEMPT_RT Debian 6.12.107-1", "", true},
		{"#1 SMP PREEMPT 5.15.0", "none (voluntary) full", true},
	} {
		if got := isPreemptive(test.version, test.model); got != test.want {
			t.Errorf("%q, %q: %v", test.version, test.model, got)
		}
	}
}

// Other calls than those named need no load where all go by the tracepoints.
func TestAnotherListFitsTheSamePrograms(t *testing.T) {
	opts := Options{GroupBy: GroupByProcess, Rows: 4096}
	tracer := shared.borrow(t, opts)
	serves := func(other Options) bool {
		_, err := tracer.Switch(other)
		if (err == nil) != tracer.Fits(other) {
			t.Errorf("%+v fits: %v; a switch to it: %v", other, tracer.Fits(other), err)
		}
		return err == nil
	}
	defer func() { serves(opts) }()
	for _, other := range []Options{{GroupBy: GroupByComm, Rows: 4096}, {GroupBy: GroupByProcess, Rows: 1}} {
		if serves(other) {
			t.Errorf("%+v was loaded, and serves %+v", opts, other)
		}
	}
	long := opts
	long.Only = "a b c d e f g h i j"
	if !serves(long) || !strings.Contains(tracer.WhyTracepoints(), "10 calls are named") {
		t.Errorf("a long list was not adopted: %q", tracer.WhyTracepoints())
	}
	few := opts
	few.Only = fileCalls
	if refused := refuseFunctions() != nil; serves(few) != refused || (tracer.WhyTracepoints() == "") && refused {
		t.Errorf("a short list: why %q, functions refused: %v", tracer.WhyTracepoints(), refuseFunctions())
	}
}
