package causes

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/record/recordtest"
)

// service is a running syscountd, with all of its records.
type service struct {
	t    testing.TB
	cmd  *exec.Cmd
	read sync.WaitGroup

	mu     sync.Mutex
	seq    uint64
	got    records
	closed bool
}

// records are those that a service has written, by their event.
type records struct {
	slow      []*record.Slow
	stuck     []*record.Stuck
	ended     []*record.Ended
	incidents []*record.Incident
	states    []*record.State
	intervals []*record.Interval
}

// aboutCalls is how many records tell of calls.
func (r records) aboutCalls() int {
	return len(r.slow) + len(r.stuck) + len(r.ended) + len(r.incidents)
}

// policyFor observes a test's slice; the rest of the policy is the test's.
func policyFor(h *host, more string) string { return policyIn("account", h, more) }

// policyIn is policyFor for another mode.
func policyIn(mode string, h *host, more string) string {
	return fmt.Sprintf(`[collect]
mode = %q
group_by = "cgroup"
interval = "1h"
[filter]
cgroups = [%q]
[slow]
threshold = "never"
[limits]
records_per_second = 150
burst = 5000
%s`, mode, h.slice.Path(), more)
}

// start runs the service, and returns when it is attached.
func start(t testing.TB, binary, policy string) *service {
	t.Helper()
	config := filepath.Join(t.TempDir(), "syscountd.toml")
	if err := os.WriteFile(config, []byte(policy), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, cmd: exec.Command(binary, "--no-dbus", "--output", "stdout", "--config", config)}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = os.Stderr
	// No service is left behind when the test itself is killed.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.read.Go(func() { s.follow(out) })
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			s.cmd.Process.Kill()
			s.read.Wait()
			s.cmd.Wait()
		}
	})
	s.await("start", func(r *records) bool { return len(r.states) > 0 && r.states[0].Change == record.ChangeStarted })
	return s
}

func (s *service) follow(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s.line(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		s.t.Errorf("read the service's output: %v", err)
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
}

// line takes a record in, which has to be one by the schema.
func (s *service) line(line []byte) {
	recordtest.Validate(s.t, line)
	var head record.Header
	s.decode(line, &head)
	s.mu.Lock()
	defer s.mu.Unlock()
	if head.Seq != s.seq+1 {
		s.t.Errorf("record %d follows record %d", head.Seq, s.seq)
	}
	s.seq = head.Seq
	switch head.Event {
	case record.EventSlow:
		s.got.slow = keep(s, s.got.slow, line)
	case record.EventStuck:
		s.got.stuck = keep(s, s.got.stuck, line)
	case record.EventEnded:
		s.got.ended = keep(s, s.got.ended, line)
	case record.EventIncident:
		s.got.incidents = keep(s, s.got.incidents, line)
	case record.EventState:
		s.got.states = keep(s, s.got.states, line)
	case record.EventInterval:
		s.got.intervals = keep(s, s.got.intervals, line)
	case record.EventLog:
		s.t.Errorf("the service complains: %s", line)
	}
}

func keep[R any](s *service, all []*R, line []byte) []*R {
	r := new(R)
	s.decode(line, r)
	return append(all, r)
}

func (s *service) decode(line []byte, into any) {
	if err := json.Unmarshal(line, into); err != nil {
		s.t.Errorf("%v: %s", err, line)
	}
}

// records are those until now.
func (s *service) records() records {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

// await waits until the records say so.
func (s *service) await(what string, so func(*records) bool) {
	s.t.Helper()
	await(s.t, what, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return so(&s.got)
	})
}

// slowCall waits for the record of a call by its thread and its bracket; nil:
// there was none for a while.
func (s *service) slowCall(tid int, syscallName string, from, to uint64) *record.Slow {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		got := s.records().slow
		for i := len(got) - 1; i >= 0; i-- {
			r := got[i]
			if int(r.Process.TID) == tid && r.Syscall.Name == syscallName && r.Monotonic.StartNs >= from && r.Monotonic.StartNs <= to {
				return r
			}
		}
	}
	return nil
}

// stop ends the service as systemd does. Nothing may have been lost.
func (s *service) stop() records {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	s.read.Wait() // before Wait, which closes the pipe
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the service: %v", err)
	}
	got := s.records()
	for _, i := range got.intervals {
		for name, n := range i.Drops {
			if n != 0 {
				s.t.Errorf("%s is %d; want 0", name, n)
			}
		}
	}
	return got
}
