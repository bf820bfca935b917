package agent

import (
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// victim is a process to be observed, which ends when the test says so.
type victim struct {
	*exec.Cmd
	pid uint32
}

func startVictim(t *testing.T) *victim {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	v := &victim{cmd, uint32(cmd.Process.Pid)}
	t.Cleanup(v.end)
	return v
}

// end returns when the process is reaped.
func (v *victim) end() {
	if v.ProcessState == nil {
		_ = v.Process.Kill()
		_ = v.Wait()
	}
}

// awaitChange waits for a state record of that change, and gives all up to it.
func (r *rig) awaitChange(change record.Change) []*record.State {
	r.t.Helper()
	var states []*record.State
	deadline := time.After(10 * time.Second)
	for {
		states = append(states, only[*record.State](r.written())...)
		if slices.ContainsFunc(states, func(s *record.State) bool { return s.Change == change }) {
			return states
		}
		select {
		case <-r.out.arrived:
		case <-deadline:
			r.t.Fatalf("no record of the change %q; there are %+v", change, states)
		}
	}
}

func TestATargetThatExitsIsReportedOnceAndAtOnce(t *testing.T) {
	r := runAgent(t, quiet)
	v := startVictim(t)
	r.do(SetFilter{Filter{PIDs: []uint32{v.pid}}})
	r.out.take()
	v.end()
	states := r.awaitChange(record.ChangeTargetExited)
	if len(states) != 1 || states[0].Caller != nil || states[0].Detail != fmt.Sprintf("process %d, the last one: on_exit keep", v.pid) {
		t.Fatalf("states %+v", states)
	}
	r.inside(func() {}) // the picture comes after the record
	if s := r.Status(); !slices.Equal(s.Exited, []uint32{v.pid}) || s.State != "running" || !strings.Contains(s.Sentence, fmt.Sprintf("exited: pid %d", v.pid)) {
		t.Errorf("status %+v", s)
	}
	r.do(Flush{})
	if again := only[*record.State](r.written()); len(again) != 0 {
		t.Errorf("reported again: %+v", again)
	}
}

func TestWhatFollowsTheLastExitIsTheFiltersChoice(t *testing.T) {
	for onExit, check := range map[OnExit]func(*testing.T, *Status){
		OnExitStop: func(t *testing.T, s *Status) {
			if s.State != "stopped" || len(s.Filter.PIDs) != 2 {
				t.Errorf("status %+v", s)
			}
		},
		OnExitClear: func(t *testing.T, s *Status) {
			if s.State != "running" || !s.Filter.IsZero() || len(s.Exited) != 0 {
				t.Errorf("status %+v", s)
			}
		},
		OnExitKeep: func(t *testing.T, s *Status) {
			if s.State != "running" || len(s.Filter.PIDs) != 2 || len(s.Exited) != 2 {
				t.Errorf("status %+v", s)
			}
		},
	} {
		t.Run(string(onExit), func(t *testing.T) {
			r := runAgent(t, quiet)
			first, last := startVictim(t), startVictim(t)
			r.do(SetFilter{Filter{PIDs: []uint32{first.pid, last.pid}, OnExit: onExit}})
			r.out.take()
			first.end()
			states := r.awaitChange(record.ChangeTargetExited)
			if s := r.Status(); len(states) != 1 || s.State != "running" || len(s.Filter.PIDs) != 2 {
				t.Errorf("after the first: %+v, %+v", states, s)
			}
			last.end()
			r.awaitChange(record.ChangeTargetExited)
			r.inside(func() {}) // what follows is done by the same turn of the loop
			check(t, r.Status())
		})
	}
}

func TestAUnitBesidesTheProcessesKeepsTheFilterAlive(t *testing.T) {
	r := runAgent(t, quiet)
	v := startVictim(t)
	r.do(SetFilter{Filter{PIDs: []uint32{v.pid}, Units: []string{"a.service"}, OnExit: OnExitStop}})
	v.end()
	r.awaitChange(record.ChangeTargetExited)
	r.inside(func() {})
	if s := r.Status(); s.State != "running" {
		t.Errorf("status %+v", s)
	}
}

func TestOnExitIsChecked(t *testing.T) {
	r := runAgent(t, quiet)
	r.refused(SetFilter{Filter{PIDs: []uint32{uint32(os.Getpid())}, OnExit: "explode"}}, ErrInvalid, `on_exit "explode" is unknown; give "stop", "clear" or "keep"`)
	r.refused(SetFilter{Filter{Units: []string{"a.service"}, OnExit: OnExitStop}}, ErrInvalid, `on_exit "stop" without pids`)
	r.refused(SetFilter{Filter{OnExit: OnExitKeep}}, ErrInvalid, "without pids")
}

// What observes a process that has ended observes nothing, and goes on doing so
// through a stop, a reload and another list of calls.
func TestAnExitedTargetNeverBecomesTheWholeHost(t *testing.T) {
	r := runAgent(t, quiet)
	v := startVictim(t)
	r.do(SetFilter{Filter{PIDs: []uint32{v.pid}}})
	v.end()
	r.awaitChange(record.ChangeTargetExited)
	r.do(Stop{})
	for _, cmd := range []Command{Start{}, Reload{}, FilterSyscalls{[]string{"fsync"}}, SetMode{"count"}} {
		r.do(cmd)
		if f := r.kernel().filter; len(f.PIDFDs) != 0 || !slices.Equal(f.CgroupNames, []string{nobody}) {
			t.Errorf("after %T: kernel filter %+v", cmd, f)
		}
		if s := r.Status(); !slices.Equal(s.Filter.PIDs, []uint32{v.pid}) || !slices.Equal(s.Exited, []uint32{v.pid}) {
			t.Errorf("after %T: status %+v", cmd, s)
		}
	}
}

func TestAPIDFDIsHeldByOneOfOurOwn(t *testing.T) {
	r := runAgent(t, quiet)
	v := startVictim(t)
	pidfd, err := unix.PidfdOpen(int(v.pid), 0)
	if err != nil {
		t.Fatal(err)
	}
	r.do(FilterProcess{pidfd})
	if flags, err := unix.FcntlInt(uintptr(pidfd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("the caller's descriptor has changed: flags %o, %v", flags, err)
	}
	unix.Close(pidfd)
	if f := r.kernel().filter; len(f.PIDFDs) != 1 || hasExited(f.PIDFDs[0]) {
		t.Errorf("kernel filter %+v", f)
	}
	if got := r.Status().Filter.PIDs; !slices.Equal(got, []uint32{v.pid}) {
		t.Errorf("filter %v", got)
	}
	r.out.take()
	v.end()
	r.awaitChange(record.ChangeTargetExited)
}

func TestADescriptorThatIsNoLivingProcessIsRefused(t *testing.T) {
	r := runAgent(t, quiet)
	v := startVictim(t)
	zombie, err := unix.PidfdOpen(int(v.pid), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(zombie)
	if err := v.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for !hasExited(zombie) {
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(zombie), Events: unix.POLLIN}}, 1000); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
	}
	r.refused(FilterProcess{zombie}, ErrNoSuchProcess, "has ended")
	v.end()
	r.refused(FilterProcess{zombie}, ErrNoSuchProcess, "has ended")
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r.refused(FilterProcess{int(file.Fd())}, ErrInvalid, "the descriptor is no pidfd")
}

func TestFilterSyscallsLeavesTheTargets(t *testing.T) {
	r := runAgent(t, quiet)
	v := startVictim(t)
	r.do(SetFilter{Filter{PIDs: []uint32{v.pid}, Units: []string{"a.service"}, OnExit: OnExitStop}})
	before := r.kernel().filter
	r.out.take()
	r.do(FilterSyscalls{[]string{"@sync"}})
	if states := only[*record.State](r.written()); len(states) != 1 || states[0].Change != record.ChangeRetargeted || *states[0].Caller != (record.Caller{PID: 4711, Via: "dbus"}) {
		t.Errorf("states %+v", states)
	}
	f := r.Status().Filter
	if !slices.Equal(f.Syscalls, []string{"@sync"}) || !slices.Equal(f.PIDs, []uint32{v.pid}) || !slices.Equal(f.Units, []string{"a.service"}) || f.OnExit != OnExitStop {
		t.Errorf("filter %+v", f)
	}
	if now := r.kernel().filter; !slices.Equal(now.PIDFDs, before.PIDFDs) {
		t.Errorf("the process is held anew: %v, before %v", now.PIDFDs, before.PIDFDs)
	}
	if s := r.kernel().settings; s["getppid"].Traits&bpf.TraitObserved != 0 || s["fsync"].Traits&bpf.TraitObserved == 0 {
		t.Errorf("settings %+v", s)
	}
	r.refused(FilterSyscalls{[]string{"fdatasink"}}, ErrInvalid, "fdatasync")
	r.refused(FilterSyscalls{make([]string, 2000)}, ErrInvalid, "at most 1024")
	r.do(FilterSyscalls{})
	if s := r.kernel().settings; s["getppid"].Traits&bpf.TraitObserved == 0 {
		t.Error("an empty list does not observe all calls")
	}
}

func TestTheKernelTakesTheWholeFilter(t *testing.T) {
	r := runAgent(t, quiet)
	r.do(SetFilter{Filter{
		Units: []string{"a.service"}, UIDs: []uint32{0, 1000}, Comms: []string{"postgres"}, ExcludeUnits: []string{"b.service"},
		ExcludeComms: []string{"rsync"}, Failed: true, Errnos: []string{"EIO", "ENOENT"},
	}})
	want := bpf.Filter{
		CgroupNames: []string{"a.service", "_a.service"}, Users: []uint32{0, 1000}, Comms: []string{"postgres"},
		ExcludedCgroupNames: []string{"b.service", "_b.service"}, ExcludedComms: []string{"rsync"},
		Failed: true, Errnos: []int{int(unix.EIO), int(unix.ENOENT)},
	}
	if got := r.kernel().filter; !reflect.DeepEqual(got, want) {
		t.Errorf("kernel filter\n%+v; want\n%+v", got, want)
	}
	if s := r.Status(); s.Filter.Errnos[1] != "ENOENT" ||
		!strings.Contains(s.Sentence, "unit a.service or user 0 1000 or comm postgres without b.service rsync, only errors") {
		t.Errorf("status %+v", s)
	}
	for reason, f := range map[string]Filter{
		`"postgresql-server" has 17 bytes and can never match`: {Comms: []string{"postgresql-server"}},
		`"post*" must be one thread's exact name`:              {ExcludeComms: []string{"post*"}},
		`"" matches nothing`:                                   {Comms: []string{""}},
		"uid 4294967295 is no user":                            {UIDs: []uint32{1<<32 - 1}},
		"did you mean \"ENOENT\"?":                             {Errnos: []string{"ENOENTT"}},
		`"b" is no name of a unit`:                             {ExcludeUnits: []string{"b"}},
		"exclude_comms: 129 entries; at most 128 are allowed":  {ExcludeComms: make([]string, 129)},
		"uids: 129 entries":                                    {UIDs: make([]uint32, 129)},
	} {
		r.refused(SetFilter{f}, ErrInvalid, reason)
	}
}

// With a user in the filter, somebody else may be observed when the processes have ended.
func TestAUserBesidesTheProcessesKeepsTheFilterAlive(t *testing.T) {
	r := runAgent(t, quiet)
	v := startVictim(t)
	r.do(SetFilter{Filter{PIDs: []uint32{v.pid}, UIDs: []uint32{4711}, OnExit: OnExitStop}})
	v.end()
	r.awaitChange(record.ChangeTargetExited)
	r.do(Reload{})
	if f := r.kernel().filter; r.Status().State != "running" || len(f.CgroupNames) != 0 || !slices.Equal(f.Users, []uint32{4711}) {
		t.Errorf("kernel filter %+v, status %+v", f, r.Status())
	}
}
