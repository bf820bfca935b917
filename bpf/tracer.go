// Package bpf is all that knows the kernel: the programs, their maps, and the
// Go values that come out of them.
package bpf

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
)

// Tracer is the loaded kernel side. Its methods may be called by one goroutine
// at a time, but for NextSlow, which has its own, and Close, which ends it. While
// another one is in Replace or Sweep, CgroupPath, NewFloorSet, AssignCgroup, Symbol and Symbols may be called.
type Tracer struct {
	objs     syscountObjects
	parts    *ebpf.Collection // all of objs, by name, and the maps of the variables
	layout   string
	links    []attached
	drain    *attached // see Draining; nil: it does not hold
	opts     Options
	planned  plan // by the options; what is in force is in targeted
	targeted targeted
	mode     Mode // in force
	slow     *ringbuf.Reader
	near     nearRows
	early    earlyCalls
	waits    bool
	wakers   bool // followed in ModeWatch too
	groupBy  GroupBy
	symbols  symbols
	interval uint32
	filter   uint32 // generation in force
	attached uint32 // number of attachments

	floorSets int // of the numbering in force

	calibrationCalls uint64 // in the rows, at the last look

	replaced sync.RWMutex // what Replace changes, and others read meanwhile
}

// Load creates the maps and loads the programs; nothing is attached yet. It
// needs CAP_BPF and CAP_PERFMON.
func Load(opts Options) (*Tracer, error) {
	return planned(opts, func(p plan) (*Tracer, error) { return loadBy(opts, p) })
}

func loadBy(opts Options, p plan) (_ *Tracer, err error) {
	t, spec, err := newTracer(opts, p)
	if err != nil {
		return nil, err
	}
	defer closeOnError(t, &err)
	if err := t.load(spec, stored{}); err != nil {
		return nil, err
	}
	if err := t.SetSyscalls(func(Syscall) Setting { return Setting{Traits: TraitObserved, ThresholdNs: Never} }); err != nil {
		return nil, err
	}
	return t, nil
}

// readPrograms is another function in tests, which load often: it takes a second on
// an emulated machine.
var readPrograms = loadSyscount

// newTracer has everything but the kernel's objects, of which spec tells.
func newTracer(opts Options, p plan) (*Tracer, *ebpf.CollectionSpec, error) {
	if opts.Mode == ModeWatch {
		if err := needTaskWork(); err != nil {
			return nil, nil, err
		}
	}
	opts = opts.normal()
	spec, err := readPrograms()
	if err != nil {
		return nil, nil, fmt.Errorf("read the compiled programs: %w", err)
	}
	if err := specialise(spec, opts, p); err != nil {
		return nil, nil, err
	}
	return &Tracer{
		opts: opts, planned: p, targeted: targeted{plan: p}, mode: opts.Mode, waits: !opts.NoWaits, groupBy: opts.GroupBy,
		interval: 1, filter: firstFilter, layout: layoutOf(spec, opts),
	}, spec, nil
}

// load takes from the store what is there, makes the other objects, and opens what
// user space reads and writes.
func (t *Tracer) load(spec *ebpf.CollectionSpec, from stored) (err error) {
	if err := t.assemble(spec, from); err != nil {
		return err
	}
	if t.near, err = t.mapNearRows(t.groupBy); err != nil {
		return err
	}
	if t.early, err = mapEarlyCalls(t.objs.EarlyLists, t.objs.FarLists); err != nil {
		return err
	}
	if err := errors.Join(t.locate(), t.markSelf()); err != nil {
		return err
	}
	t.slow, err = ringbuf.NewReader(t.objs.SlowCalls)
	if err != nil {
		return fmt.Errorf("open the ring of slow calls: %w", err)
	}
	return nil
}

func closeOnError(t *Tracer, err *error) {
	if *err != nil {
		_ = t.Close()
	}
}

// firstFilter is the generation of what is in force before the first SetFilter: nothing of a thread's record, which
// begins as zeroes, is of it.
const firstFilter = 1

// specialise fixes what the programs are loaded with.
func specialise(spec *ebpf.CollectionSpec, opts Options, p plan) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("count the CPUs: %w", err)
	}
	rows := uint32(1)
	if opts.GroupBy != GroupByNone {
		rows = uint32(max(opts.Rows, 1))
	}
	if !HasTaskWork() {
		spec.Maps["callbacks"].MaxEntries = 1
	}
	if kernelTypes().taskWork == syscountTaskWorkTASK_WORK {
		leaveOut(spec, "bpf_task_work_schedule_resume_impl")
	}
	online, err := onlineCPUs()
	if err != nil {
		return fmt.Errorf("count the CPUs that are online: %w", err)
	}
	shift, early := nearShift(rows, opts.GroupBy, online), earlyPlaces(rows, opts.GroupBy, online)
	near := uint32(online) << shift
	spec.Maps["near_rows"].ValueSize = near * nearRowSize
	spec.Maps["near_times"].MaxEntries = near
	spec.Maps["early_lists"].MaxEntries = max(2*early*uint32(online), 1)
	if early > 0 {
		spec.Maps["far_lists"].MaxEntries = max(rows/4, 1)
	}
	spec.Maps["rows"].MaxEntries = max(rows, near+1) - near
	spec.Maps["process_names"].MaxEntries = rows
	spec.Maps["rest"].MaxEntries = allSlots * uint32(cpus)
	if err := errors.Join(spec.Variables["row_group"].Set(uint32(opts.GroupBy)),
		spec.Variables["sample"].Set(uint32(max(opts.Sample, 1))),
		spec.Variables["in_force"].Set(&syscountValidity{Generation: firstFilter, Mode: uint32(opts.Mode)}),
		spec.Variables["waits"].Set(bit(!opts.NoWaits)),
		spec.Variables["near_shift"].Set(shift),
		spec.Variables["near_sets"].Set((uint32(1)<<shift-nearPlaces)*nearRowSize),
		spec.Variables["near_last"].Set((near-1)*nearRowSize),
		spec.Variables["early_places"].Set(early),
		spec.Variables["has_prev_state"].Set(bit(kernelTypes().switchArguments >= 4)),
		spec.Variables["has_rdonly_cast"].Set(bit(kernelTypes().rdonlyCast)),
		spec.Variables["has_task_work"].Set(uint32(kernelTypes().taskWork)),
		spec.Variables["by_function"].Set(bit(len(p.functions) > 0)),
		spec.Variables["preemptible"].Set(bit(runsPreemptibly(release()) ||
			len(p.functions) > 0 && keepsPreemptionOff(release())))); err != nil {
		return fmt.Errorf("set the constants: %w", err)
	}
	followFunctions(spec, p)
	return nil
}

// leaveOut takes the calls of a kernel function out of the programs, where they are
// never reached: kernels that have another spelling may have this one with other
// types, which the loader refuses.
func leaveOut(spec *ebpf.CollectionSpec, function string) {
	for _, prog := range spec.Programs {
		for i, ins := range prog.Instructions {
			if ins.IsKfuncCall() && ins.Reference() == function {
				prog.Instructions[i] = asm.Mov.Imm(asm.R0, -1)
			}
		}
	}
}

// locate lets the kernel say where in the namespaces we live.
func (t *Tracer) locate() error {
	status, err := t.objs.Locate.Run(&ebpf.RunOptions{})
	if err != nil {
		return explainLoad("find our own namespaces", err)
	}
	if status != 0 {
		return fmt.Errorf("find our own namespaces: the kernel gave no PID namespace")
	}
	return nil
}

// markSelf keeps our own calls out: a slow journal must not feed itself.
func (t *Tracer) markSelf() error {
	const self = ^uint32(0)
	pidfd, err := unix.PidfdOpen(unix.Getpid(), 0)
	if err != nil {
		return fmt.Errorf("open our own pidfd: %w", err)
	}
	defer unix.Close(pidfd)
	if err := t.objs.Marks.Put(int32(pidfd), self); err != nil {
		return fmt.Errorf("mark our own process: %w", err)
	}
	return nil
}

// program is one of the kernel side.
type program struct {
	kind string // of what it is attached to
	name string // of its tracepoint or function
	*ebpf.Program
}

func tracepoint(name string, p *ebpf.Program) program { return program{"tp_btf", name, p} }

// attached is a program with its link.
type attached struct {
	program
	link.Link
}

// threadPrograms notice that a thread leaves the CPU, comes to it, ends, or forks.
func (t *Tracer) threadPrograms() []program {
	return []program{
		tracepoint("sched_switch", t.objs.SchedSwitch), tracepoint("sched_process_exit", t.objs.ProcessExit),
		tracepoint("sched_process_fork", t.objs.ProcessFork),
	}
}

// callPrograms are those that know of calls otherwise than by their ends, in all
// modes: one that is changed needs what they have noted before.
func (t *Tracer) callPrograms() []program {
	programs := []program{tracepoint("sched_process_exec", t.objs.ProcessExec), tracepoint("signal_deliver", t.objs.SignalDeliver)}
	if t.waits {
		programs = append(programs, tracepoint("hrtimer_expire_entry", t.objs.Tick))
	}
	return programs
}

// modePrograms are those that not all modes have.
func (t *Tracer) modePrograms(mode Mode) []program {
	return slices.Concat(t.wakerPrograms(mode), t.endPrograms(mode))
}

// wakerPrograms notice who wakes a thread up: see FollowWakers.
func (t *Tracer) wakerPrograms(mode Mode) []program {
	if !t.waits || mode == ModeWatch && !t.wakers {
		return nil
	}
	return []program{tracepoint("sched_waking", t.objs.SchedWaking)}
}

// endPrograms know calls by their ends, and the beginnings that belong to these.
func (t *Tracer) endPrograms(mode Mode) []program {
	switch {
	case mode == ModeWatch:
		return nil
	case mode == ModeCount:
		return []program{tracepoint("sys_exit", t.objs.SysExit)}
	case t.byFunction():
		return slices.Concat(t.targeted.ends, t.targeted.begins)
	}
	return []program{tracepoint("sys_exit", t.objs.SysExit), tracepoint("sys_enter", t.objs.SysEnter)}
}

// programs are all, in the order of their attachment: those of threads first,
// then the end of calls and their beginning last, and the ticks that stand for
// it, so that no call is seen to begin whose end is missed.
func (t *Tracer) programs() []program {
	return slices.Concat(t.threadPrograms(), t.callPrograms(), t.modePrograms(t.mode))
}

// everAttached are those of all modes: what the kernel has skipped of them in one mode was
// skipped still in the next. The end of calls is attached in mode count, and while a drain lasts.
func (t *Tracer) everAttached() []program {
	all := slices.Concat(t.threadPrograms(), t.callPrograms(), t.modePrograms(ModeAccount))
	for _, prog := range t.modePrograms(ModeCount) {
		if !slices.Contains(all, prog) {
			all = append(all, prog)
		}
	}
	return all
}

// Attach starts the counting. What was open when an earlier attachment ended is
// forgotten.
func (t *Tracer) Attach() error {
	err := t.attachAll()
	if err != nil && t.byFunction() {
		// Somebody else may be at one of the functions, such as a live patch.
		if err = t.targeted.refuse(err); err == nil {
			err = t.attachAll()
		}
	}
	return err
}

func (t *Tracer) attachAll() error {
	if err := errors.Join(t.Detach(), t.forgetRunning()); err != nil {
		return err
	}
	if err := t.attach(t.programs()); err != nil {
		return errors.Join(err, t.Detach())
	}
	return nil
}

func (t *Tracer) attach(programs []program) error {
	for _, prog := range programs {
		l, err := link.AttachTracing(link.TracingOptions{Program: prog.Program})
		if err != nil {
			return explainLoad("attach to "+prog.kind+"/"+prog.name, err)
		}
		t.links = append(t.links, attached{prog, l})
	}
	return nil
}

// forgetRunning voids what the CPUs hold of their threads; nothing is attached.
func (t *Tracer) forgetRunning() error {
	cpus, err := t.cpus()
	if err != nil {
		return err
	}
	for i := range cpus {
		if isOpen(cpus[i].Running.StartNs) {
			cpus[i].Counters.Overwritten++
		}
		cpus[i].Came = 0
		cpus[i].Running = syscountRunning{Skip: cpus[i].Running.Skip, Random: cpus[i].Running.Random}
	}
	t.attached++
	if err := errors.Join(t.objs.Cpus.Put(uint32(0), cpus), t.objs.Attachment.Set(t.attached), t.objs.Switched.Set(bit(false)),
		t.objs.WaitsSinceNs.Set(uint64(0)), t.setDoubled(0)); err != nil {
		return fmt.Errorf("void an earlier attachment: %w", err)
	}
	return nil
}

// Detach ends the counting; the rows stay readable. The beginning of calls is
// detached first.
func (t *Tracer) Detach() error { return t.detachTo(0) }

// DetachCalls ends the counting of calls, but not what notices that a thread
// leaves the CPU or ends: so the calls that are still open stay known, until
// Detach or Close.
func (t *Tracer) DetachCalls() error { return t.detachTo(min(len(t.links), len(t.threadPrograms()))) }

func (t *Tracer) detachTo(kept int) error {
	errs := []error{t.detachDrain()}
	for i := len(t.links) - 1; i >= kept; i-- {
		errs = append(errs, t.links[i].Link.Close())
	}
	t.links = t.links[:kept]
	return errors.Join(errs...)
}

// Attachment says what the programs are attached to.
func (t *Tracer) Attachment() string {
	switch {
	case len(t.links) <= len(t.threadPrograms()):
		return ""
	case t.mode == ModeCount:
		return "tp_btf/sys_exit"
	case t.mode == ModeWatch && t.wakers:
		return "tp_btf/sched_switch tp_btf/sched_waking"
	case t.mode == ModeWatch:
		return "tp_btf/sched_switch"
	case t.Draining():
		return t.targeted.plan.String() + ", and for calls in flight tp_btf/sys_exit"
	case t.byFunction():
		return t.targeted.plan.String()
	}
	return "tp_btf/sys_enter tp_btf/sys_exit"
}

// Close detaches and unloads everything, and ends NextSlow with ErrClosed.
func (t *Tracer) Close() error {
	err := t.Detach()
	if t.slow != nil {
		err = errors.Join(err, t.slow.Close())
	}
	err = errors.Join(err, t.near.unmap(), t.early.unmap(), t.targeted.close())
	if t.parts != nil {
		t.parts.Close()
	}
	return err
}

// SetSyscalls tells the kernel side about every syscall of this architecture. All sets of floors
// are void before anything else changes, also if it fails.
func (t *Tracer) SetSyscalls(setting func(Syscall) Setting) error {
	if err := t.voidFloors(); err != nil {
		return err
	}
	var lowest [tableSlots]syscountFloor
	var thresholds [tableSlots]uint64
	var traits [tableSlots]Trait
	var waits [tableSlots]uint16
	var looks [tableSlots]syscountLook
	for slot := range allSlots {
		if sc, ok := syscallOf(slot); ok {
			s := setting(sc)
			thresholds[slot], traits[slot] = s.ThresholdNs, s.Traits
			waits[slot] = s.waits()
			lowest[slot] = kernelFloor(s.Floor, 0)
			looks[slot] = syscountLook{
				Fd: s.Look.FD, Text: s.Look.Text, Timeout: s.Look.Timeout, Exempt: s.Look.Exempt, UserStack: bit(s.Look.UserStack),
			}
		}
	}
	return errors.Join(t.objs.Lowest.Set(&lowest), t.objs.ThresholdNs.Set(&thresholds), t.objs.Traits.Set(&traits),
		t.objs.WaitsOf.Set(&waits), t.objs.Looks.Set(&looks)) // what pointers point to is copied as it is
}

// bit is a bool as the kernel side has it.
func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
