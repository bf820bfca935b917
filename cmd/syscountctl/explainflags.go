package main

import (
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/procinfo"
	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// explainFlags are the facts about the call in question, as they are typed.
type explainFlags struct {
	config                                   string
	syscall, abi                             string
	unit, cgroup, container, containerEngine string
	comm, executable                         string
	uid                                      uint32
	fd                                       string
	paths                                    []string
	errno                                    string
	open                                     bool
	duration, overshoot                      time.Duration
	ioWait, runqueue, cpu                    time.Duration
	learned                                  time.Duration
}

func (f *explainFlags) define(set *pflag.FlagSet) {
	set.SortFlags = false
	set.StringVar(&f.config, "config", "", "explain this `FILE` instead of the policy of this host")
	set.StringVar(&f.syscall, "syscall", "", "`NAME` of the system call")
	set.StringVar(&f.abi, "abi", "", "`ABI` that it came in by, such as i386; the one of this machine")
	set.StringVar(&f.unit, "unit", "", "systemd `UNIT` of the caller")
	set.StringVar(&f.cgroup, "cgroup", "", "`PATH` of its cgroup; unit and container follow from it")
	set.StringVar(&f.container, "container", "", "`ID` of its container")
	set.StringVar(&f.containerEngine, "runtime", "", "`NAME` of the container's runtime, such as docker")
	set.StringVar(&f.comm, "comm", "", "command `NAME` of the thread")
	set.StringVar(&f.executable, "executable", "", "`PATH` of the program")
	set.Uint32Var(&f.uid, "uid", 0, "`UID` of the caller")
	set.StringVar(&f.fd, "fd", "", "`KIND` of what the call is on: file, dir, block, char, tty, pipe, socket, anon, pseudo, unknown or none")
	set.StringArrayVar(&f.paths, "path", nil, "`PATH` of what the call is on; may be repeated")
	set.StringVar(&f.errno, "errno", "", "`NAME` of the error that it returned, such as EIO; none")
	set.BoolVar(&f.open, "open", false, "it has not returned yet")
	set.DurationVar(&f.duration, "duration", 0, "`TIME` that it took, such as 20ms")
	set.DurationVar(&f.overshoot, "overshoot", 0, "`TIME` beyond its time-out")
	set.DurationVar(&f.learned, "learned", 0, "the threshold, a `TIME`, that was learned for this unit, for rules with threshold = \"auto\"")
	set.DurationVar(&f.ioWait, "io-wait", 0, "`TIME` of that in which it waited for I/O")
	set.DurationVar(&f.runqueue, "runqueue", 0, "`TIME` of that in which it waited for a CPU")
	set.DurationVar(&f.cpu, "cpu", 0, "`TIME` of that on a CPU")
}

// call makes the facts that rules ask for; given says which flags were typed.
func (f *explainFlags) call(given func(string) bool) (policy.Call, error) {
	c := policy.Call{
		Syscall: f.syscall, Unit: f.unit, Cgroup: f.cgroup, ContainerID: f.container, Runtime: f.containerEngine,
		Comm: f.comm, Executable: f.executable, UID: f.uid, Paths: f.paths, Open: f.open,
		Duration: f.duration, HasTimeout: given("overshoot"), Overshoot: f.overshoot, Learned: f.learned,
		Times: policy.Times{Known: given("io-wait") || given("runqueue") || given("cpu"), IOWait: f.ioWait, Runqueue: f.runqueue, CPU: f.cpu},
	}
	if err := f.checkSyscall(); err != nil {
		return c, err
	}
	abi, err := abiOf(f.abi)
	if err != nil {
		return c, err
	}
	c.ABI = abi
	if len(syscalls.Numbers(f.syscall, []bpf.ABI{abi})) == 0 {
		return c, usagef("the ABI %v has no system call %s", abi, f.syscall)
	}
	if f.unit != "" {
		if err := policy.CheckUnit(f.unit); err != nil {
			return c, usagef("--unit: %v", err)
		}
	}
	if f.cgroup != "" {
		fromCgroup(&c)
	}
	if c.FDKind, err = f.kind(); err != nil {
		return c, err
	}
	if f.errno != "" {
		if c.Errno, err = policy.ParseErrno(f.errno); err != nil {
			return c, usagef("%v", err)
		}
	}
	return c, f.checkTimes()
}

func (f *explainFlags) checkSyscall() error {
	switch {
	case f.syscall == "":
		return usagef("explain needs --syscall NAME")
	case strings.HasPrefix(f.syscall, "@"):
		return usagef("--syscall %.40q is a group; name one call of it", f.syscall)
	}
	if _, err := syscalls.Expand([]string{f.syscall}); err != nil {
		return usagef("--syscall: %v", err)
	}
	return nil
}

// checkTimes: the parts of a duration are no more than the whole.
func (f *explainFlags) checkTimes() error {
	for name, d := range map[string]time.Duration{
		"duration": f.duration, "overshoot": f.overshoot, "learned": f.learned, "io-wait": f.ioWait, "runqueue": f.runqueue, "cpu": f.cpu,
	} {
		if d < 0 {
			return usagef("--%s %v is less than nothing; give a duration such as 20ms", name, d)
		}
	}
	if parts := f.ioWait + f.runqueue + f.cpu; parts > f.duration {
		return usagef("--io-wait, --runqueue and --cpu are %v together, more than --duration %v", parts, f.duration)
	}
	return nil
}

// kind is what the call is on. A read without --fd is about a file: nobody asks what becomes
// of one whose descriptor was closed under it.
func (f *explainFlags) kind() (string, error) {
	switch {
	case f.fd == "none":
		return policy.FDNone, nil
	case f.fd == "" && (len(f.paths) > 0 || syscalls.In(syscalls.FDWait, f.syscall)):
		return policy.FDFile, nil
	case f.fd != "" && !slices.Contains(policy.FDKinds(), f.fd):
		return "", usagef("--fd %.40q is no kind; give one of %s", f.fd, policy.Or(policy.FDKinds()))
	}
	return f.fd, nil
}

// fromCgroup fills in what the path of the cgroup tells, as the service does.
func fromCgroup(c *policy.Call) {
	at := procinfo.Unit(c.Cgroup)
	if c.Unit == "" {
		c.Unit, c.Units = at.Unit, procinfo.Units(c.Cgroup)
	}
	if c.ContainerID == "" {
		c.ContainerID, c.Runtime = at.ContainerID, at.Runtime
	}
}

func abiOf(name string) (bpf.ABI, error) {
	if name == "" {
		return syscalls.NativeABIs(runtime.GOARCH)[0], nil
	}
	var names []string
	for _, abi := range []bpf.ABI{bpf.ABIx8664, bpf.ABIi386, bpf.ABIx32, bpf.ABIaarch64, bpf.ABIarm} {
		if abi.String() == name {
			return abi, nil
		}
		names = append(names, abi.String())
	}
	return 0, usagef("--abi %.40q is no ABI; give one of %s", name, policy.Or(names))
}

// nsOf is a duration in nanoseconds; nil for one that is never reached.
func nsOf(d time.Duration) *uint64 {
	if d == policy.Never {
		return nil
	}
	ns := uint64(d)
	return &ns
}

// ofNs is 0 for nil.
func ofNs(ns *uint64) uint64 {
	if ns == nil {
		return 0
	}
	return *ns
}
