package agent

import (
	"bufio"
	"fmt"
	"os/exec"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/record"
)

func TestDescendantsAreFoundThroughAllGenerations(t *testing.T) {
	parents := map[uint32]uint32{1: 0, 10: 1, 11: 10, 12: 11, 13: 12, 20: 1, 21: 20, 30: 30}
	for _, c := range []struct{ roots, want []uint32 }{
		{[]uint32{10}, []uint32{11, 12, 13}},
		{[]uint32{11, 20}, []uint32{12, 13, 21}},
		{[]uint32{10, 12}, []uint32{11, 13}},
		{[]uint32{13}, nil},
		{[]uint32{30}, nil}, // its own parent
		{[]uint32{99}, nil},
		{nil, nil},
	} {
		if got := descendants(parents, c.roots); !slices.Equal(got, c.want) {
			t.Errorf("of %v: %v, want %v", c.roots, got, c.want)
		}
	}
}

// family is a shell that starts a child when it is told to, and tells its PID.
type family struct {
	*victim
	tell func() uint32
}

func startFamily(t *testing.T) *family {
	t.Helper()
	cmd := exec.Command("sh", "-c", `while read line; do sleep 1000 & echo $!; done; wait`)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	v := &victim{cmd, uint32(cmd.Process.Pid)}
	t.Cleanup(v.end)
	lines := bufio.NewScanner(stdout)
	return &family{v, func() (pid uint32) {
		t.Helper()
		if _, err := fmt.Fprintln(stdin); err != nil || !lines.Scan() {
			t.Fatalf("the shell does not answer: %v", err)
		}
		if _, err := fmt.Sscan(lines.Text(), &pid); err != nil {
			t.Fatal(err)
		}
		p, err := hold(pid)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { endHeld(p) })
		return pid
	}}
}

func TestChildrenAreObservedAndOutliveTheirParent(t *testing.T) {
	r := runAgent(t, quiet)
	f := startFamily(t)
	first := f.tell()
	r.do(SetFilter{Filter{PIDs: []uint32{f.pid}, Children: true, OnExit: OnExitStop}})
	if got := r.held(); !slices.Equal(got, []uint32{f.pid, first}) {
		t.Errorf("held from the start: %v, want %v", got, []uint32{f.pid, first})
	}
	second := f.tell()
	r.pass(offspringEach)
	r.inside(func() { r.due() })
	if got := r.held(); !slices.Equal(got, []uint32{f.pid, first, second}) || len(r.kernel().filter.PIDFDs) != 3 {
		t.Errorf("held after a look: %v, kernel filter %+v; want %v", got, r.kernel().filter, []uint32{f.pid, first, second})
	}
	if got := r.Status().Filter; !slices.Equal(got.PIDs, []uint32{f.pid}) || !got.Children {
		t.Errorf("the filter tells of more than was asked for: %+v", got)
	}
	r.out.take()
	f.end()
	if states := r.awaitChange(record.ChangeTargetExited); len(states) != 1 || states[0].Detail != fmt.Sprintf("process %d", f.pid) {
		t.Errorf("states %+v", states)
	}
	r.inside(func() {})
	if s := r.Status(); s.State != "running" {
		t.Error("stopped while children live")
	}
	for _, pid := range []uint32{first, second} {
		p, err := hold(pid)
		if err != nil {
			t.Fatal(err)
		}
		endHeld(p)
	}
	r.awaitChange(record.ChangeStopped)
}

func TestChildrenWithoutAProcessAreRefused(t *testing.T) {
	r := runAgent(t, quiet)
	r.refused(SetFilter{Filter{Units: []string{"a.service"}, Children: true}}, ErrInvalid, "children without pids")
}

// endHeld kills a process that is not our child, and lets it go.
func endHeld(p *process) {
	_ = unix.PidfdSendSignal(p.pidfd, unix.SIGKILL, nil, 0) // it may have ended
	p.file.Close()
}

// held are the PIDs of the targets, in ascending order.
func (r *rig) held() (pids []uint32) {
	r.t.Helper()
	r.inside(func() { pids = r.targets.living() })
	slices.Sort(pids)
	return pids
}

// due does what the time has come for.
func (r *rig) due() { must(r.t, r.doDue()) }
