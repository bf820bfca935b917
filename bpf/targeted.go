package bpf

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Targeted attachment: the programs of the beginning and the end of calls run on the
// functions of single calls instead of the tracepoints of all. The programs are the
// same: both get the user registers, and at the end the result. A program is bound to
// one function when it is loaded, and to verify ours takes most of the time of a load;
// so on each function is a tiny one that goes on to ours (a tail call), which is
// loaded once for each prototype: the kernel lets no program go on to one of another.

// targeted is what of a tracer is about functions.
type targeted struct {
	plan    plan
	ends    []program   // in the order of the plan
	begins  []program   // likewise
	onwards []*ebpf.Map // what a program goes on to is there as long as these are held
}

// followFunctions adds programs for the functions of the plan to the specification.
func followFunctions(spec *ebpf.CollectionSpec, p plan) {
	for _, f := range p.functions {
		followFunction(spec, f, "sys_enter", ebpf.AttachTraceFEntry)
		if !f.begin {
			followFunction(spec, f, "sys_exit", ebpf.AttachTraceFExit)
		}
	}
}

func followFunction(spec *ebpf.CollectionSpec, f function, name string, at ebpf.AttachType) {
	onward := onwardName(name, f)
	if spec.Maps[onward] == nil {
		ours := spec.Programs[name].Copy()
		ours.AttachType, ours.AttachTo = at, f.name
		spec.Programs[onward] = ours
		spec.Maps[onward] = &ebpf.MapSpec{
			Name: name, Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 1,
			Contents: []ebpf.MapKV{{Key: uint32(0), Value: onward}},
		}
	}
	spec.Programs[tinyName(name, f)] = &ebpf.ProgramSpec{
		Name: name, Type: ebpf.Tracing, AttachType: at, AttachTo: f.name, License: spec.Programs[name].License,
		Instructions: asm.Instructions{
			asm.LoadMapPtr(asm.R2, 0).WithReference(onward),
			asm.Mov.Imm(asm.R3, 0),
			asm.FnTailCall.Call(),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		},
	}
}

func onwardName(name string, f function) string { return fmt.Sprintf("%s of %d", name, f.proto) }
func tinyName(name string, f function) string   { return name + " of " + f.name }

// take takes the programs of functions out of a loaded collection.
func (t *targeted) take(coll *ebpf.Collection) {
	for _, f := range t.plan.functions {
		if prog := coll.DetachProgram(tinyName("sys_enter", f)); prog != nil {
			t.begins = append(t.begins, program{"fentry", f.name, prog})
		}
		if prog := coll.DetachProgram(tinyName("sys_exit", f)); prog != nil {
			t.ends = append(t.ends, program{"fexit", f.name, prog})
		}
		for _, name := range []string{"sys_enter", "sys_exit"} {
			if m := coll.DetachMap(onwardName(name, f)); m != nil {
				t.onwards = append(t.onwards, m)
			}
		}
	}
}

// refuse goes back to the tracepoints: something refused one of the functions.
func (t *targeted) refuse(err error) error {
	closed := t.close()
	*t = targeted{plan: plan{why: err.Error()}}
	return closed
}

func (t *targeted) close() error {
	var errs []error
	for _, prog := range append(t.ends, t.begins...) {
		errs = append(errs, prog.Close())
	}
	for _, m := range t.onwards {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// planned loads by functions, or else by the tracepoints.
func planned(opts Options, load func(plan) (*Tracer, error)) (*Tracer, error) {
	types := typesOfKernel() // of which the choice and the load ask
	defer runtime.KeepAlive(types)
	p := choose(opts, kernelFunctions())
	t, err := load(p)
	if err != nil && len(p.functions) > 0 {
		if t, err := load(plan{why: err.Error()}); err == nil {
			t.planned = p
			return t, nil
		}
	}
	return t, err
}

// byFunction says whether calls are followed by their functions.
func (t *Tracer) byFunction() bool { return len(t.targeted.plan.functions) > 0 }

// Fits says whether Switch can change to these options. False: they need other programs
// or maps, to be loaded anew.
func (t *Tracer) Fits(next Options) bool {
	if !t.opts.SwitchesTo(next) {
		return false
	}
	p := choose(next, kernelFunctions())
	if len(p.functions) == 0 && len(t.planned.functions) == 0 {
		return true
	}
	return slices.Equal(p.functions, t.planned.functions) && (!t.byFunction() || t.opts.normal().Mode == next.Mode)
}

// name notes which calls are named now, and why they are not followed by functions.
func (t *Tracer) name(next Options) {
	t.opts.Only = next.Only
	if !t.byFunction() && len(t.planned.functions) == 0 {
		t.targeted.plan.why = choose(next, kernelFunctions()).why
	}
}

// WhyTracepoints says why all calls are followed though a few are named; "": they are
// not, or none is named.
func (t *Tracer) WhyTracepoints() string { return t.targeted.plan.why }
