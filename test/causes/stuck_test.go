package causes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/test/foreground"
)

const (
	stuckAfter = 2 * time.Second
	stuckSweep = 500 * time.Millisecond
)

const stuckPolicy = `[stuck]
after = "2s"
sweep = "500ms"
[[rule]]
name = "reads"
syscalls = ["read", "flock", "fcntl"]
comms = ["caller"]
threshold = "1s"
`

// stuckCall is a call that does not return.
type stuckCall struct {
	*testing.T
	mode    mode
	service *foreground.Service
	caller  *child
	syscall string
	unit    string
	file    string
	frame   string // part of a function's name in its stack
	holder  *child // who has the lock that it waits for
}

// report waits for its so-manieth stuck record, and holds it against what is known.
func (c *stuckCall) report(reports uint32) *record.Stuck {
	c.Helper()
	var found *record.Stuck
	c.service.Await("stuck record", func(r *foreground.Records) bool {
		i := slices.IndexFunc(r.Stuck, func(s *record.Stuck) bool {
			return int(s.Process.TID) == c.caller.pid() && s.Reports == reports
		})
		if i >= 0 {
			found = r.Stuck[i]
		}
		return i >= 0
	})
	late := time.Duration(found.AgeNs)
	if reports == 1 && (late < stuckAfter || late > stuckAfter*3/2) {
		c.Errorf("reported after %v; want %v to %v", late, stuckAfter, stuckAfter*3/2)
	}
	if !slices.Contains(c.mode.starts, found.Start) {
		c.Errorf("start %s; want one of %v", found.Start, c.mode.starts)
	}
	w := found.Wait
	if found.AgeNs != found.Monotonic.EndNs-found.Monotonic.StartNs || w == nil || w.CPUNs+w.RunqueueNs+w.IOWaitNs+w.SleepNs != found.AgeNs {
		c.Errorf("age %d, %+v, %+v: they do not add up", found.AgeNs, found.Monotonic, w)
	}
	if w != nil && w.SleepNs < found.AgeNs/100*95 {
		c.Errorf("asleep for %d ns of %d", w.SleepNs, found.AgeNs)
	}
	if found.Systemd.Unit != c.unit || found.File == nil || found.File.Path != c.file || found.Syscall.Name != c.syscall {
		c.Errorf("%s of %s on %+v; want %s of %s on %s", found.Syscall.Name, found.Systemd.Unit, found.File, c.syscall, c.unit, c.file)
	}
	if c.holder != nil && w != nil && (int(w.Blocker.PID) != c.holder.pid() || w.Blocker.Comm != "holder") {
		c.Errorf("held up by %+v; want holder (%d)", w.Blocker, c.holder.pid())
	}
	if !slices.ContainsFunc(found.KernelStack, func(f string) bool { return strings.Contains(f, c.frame) }) {
		c.Errorf("stack %v; want %s in it", found.KernelStack, c.frame)
	}
	c.Logf("report %d at the age of %v: %s", reports, late, found.Msg)
	return found
}

// returned waits for the slow record that closes it.
func (c *stuckCall) returned(stuck *record.Stuck) {
	c.Helper()
	r := c.service.Slow(c.caller.pid(), c.syscall, stuck.Monotonic.StartNs, stuck.Monotonic.StartNs)
	if r == nil {
		c.Fatalf("no slow record of the call that began at %d", stuck.Monotonic.StartNs)
	}
	if !r.WasStuck {
		c.Errorf("the record does not say that it was stuck: %s", r.Msg)
	}
	c.Logf("closed: %s", r.Msg)
}

// died waits for the record of its end by the death of its thread.
func (c *stuckCall) died(stuck *record.Stuck, reports uint32) {
	c.Helper()
	var found *record.Ended
	c.service.Await("ended record", func(r *foreground.Records) bool {
		i := slices.IndexFunc(r.Ended, func(e *record.Ended) bool {
			return int(e.Process.TID) == c.caller.pid() && e.Monotonic.StartNs == stuck.Monotonic.StartNs
		})
		if i >= 0 {
			found = r.Ended[i]
		}
		return i >= 0
	})
	if found.Reason != record.EndedDied || found.Reports != reports || found.AgeNs < stuck.AgeNs {
		c.Errorf("ended: %s after %d reports, %d ns; want died, %d, at least %d: %s", found.Reason, found.Reports, found.AgeNs, reports, stuck.AgeNs, found.Msg)
	}
	c.Logf("ended: %s", found.Msg)
}

// A call that does not return is reported in time, again, and to its end; in mode watch too,
// from its first block on.
func TestStuck(t *testing.T) {
	needRoot(t)
	fusedelay, binary := foreground.Build(t, "test/fusedelay"), foreground.Build(t, "cmd/syscountd")
	for _, m := range longWaitModes() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			testStuck(t, m, fusedelay, binary)
		})
	}
}

func testStuck(t *testing.T, m mode, fusedelay, binary string) {
	h := newHost(t)
	s := foreground.Start(t, binary, policyIn(m.name, h, stuckPolicy))
	fifo := tempDir(t) + "/fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	onFuse := func(t *testing.T, unit string) (*stuckCall, *fuse) {
		f := mountFuse(t, fusedelay, 0, "read")
		c := &stuckCall{t, m, s, startChild(t, "caller", h.unit(unit)), "read", unit, f.file, "request_wait_answer", nil}
		c.caller.do(job{Op: "open new", Path: f.file})
		f.suspend(t)
		c.caller.tell(job{Op: "read", Path: f.file})
		c.caller.awaitCall(unix.SYS_READ)
		return c, f
	}
	onPipe := func(t *testing.T, unit string) *stuckCall {
		c := &stuckCall{t, m, s, startChild(t, "caller", h.unit(unit)), "read", unit, fifo, "pipe_read", nil}
		c.caller.tell(job{Op: "read fifo", Path: fifo})
		c.caller.awaitCall(unix.SYS_READ)
		return c
	}
	t.Run("calls", func(t *testing.T) {
		t.Run("fuse-answers", func(t *testing.T) {
			t.Parallel()
			c, f := onFuse(t, "fuse-answers.service")
			first := c.report(1)
			c.report(2)
			f.resume()
			c.caller.hear()
			c.returned(first)
		})
		t.Run("fuse-killed", func(t *testing.T) {
			t.Parallel()
			c, f := onFuse(t, "fuse-killed.service")
			first := c.report(1)
			// The call returns, with EINTR; the process goes when its file can be closed.
			c.caller.cmd.Process.Kill()
			c.returned(first)
			f.resume()
			c.caller.kill()
		})
		for call, nr := range map[string]int{"flock": unix.SYS_FLOCK, "fcntl": unix.SYS_FCNTL} {
			t.Run(call+"-held", func(t *testing.T) {
				t.Parallel()
				unit, path := call+"-held.service", filepath.Join(tempDir(t), "locked")
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				c := &stuckCall{t, m, s, startChild(t, "caller", h.unit(unit)), call, unit, path, call, startChild(t, "holder", "")}
				c.holder.do(job{Op: call, Path: path})
				c.caller.tell(job{Op: call, Path: path})
				c.caller.awaitCall(nr)
				first := c.report(1)
				c.holder.kill()
				c.caller.hear()
				c.returned(first)
			})
		}
		t.Run("pipe-killed", func(t *testing.T) {
			t.Parallel()
			c := onPipe(t, "pipe-killed.service")
			first := c.report(1)
			c.report(2)
			c.caller.kill()
			c.died(first, 2)
		})
		t.Run("pipe-zombie", func(t *testing.T) { // nobody has read how the process ended
			t.Parallel()
			c := onPipe(t, "pipe-zombie.service")
			first := c.report(1)
			c.caller.cmd.Process.Kill()
			c.died(first, 1)
			c.caller.kill()
		})
	})
	got := stop(t, s)
	if len(got.Stuck) != 8 || len(got.Slow) != 4 || len(got.Ended) != 2 || len(got.Incidents) != 0 {
		t.Errorf("%d stuck, %d slow, %d ended, %d incident records; want 8, 4, 2, 0", len(got.Stuck), len(got.Slow), len(got.Ended), len(got.Incidents))
	}
}
