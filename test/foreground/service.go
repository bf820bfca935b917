// Package foreground runs the real service in the foreground, without D-Bus, and
// keeps what it writes. Every record is validated against the schema.
package foreground

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/record/recordtest"
)

// Records are those that a service has written, by their event.
type Records struct {
	Slow      []*record.Slow
	Stuck     []*record.Stuck
	Ended     []*record.Ended
	Incidents []*record.Incident
	States    []*record.State
	Intervals []*record.Interval
}

// Service is a running syscountd, with all of its records.
type Service struct {
	t      testing.TB
	cmd    *exec.Cmd
	config string // file
	read   sync.WaitGroup

	mu     sync.Mutex
	seq    uint64
	got    Records
	closed bool
}

// Build compiles a program of this repository, "cmd/syscountd" say, and gives its path.
func Build(t testing.TB, program string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(program))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", path, "./"+program)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", program, err, out)
	}
	return path
}

// Start runs the service with a policy, and returns when it is attached. It ends
// with the test.
func Start(t testing.TB, binary, policy string) *Service {
	t.Helper()
	config := filepath.Join(t.TempDir(), "syscountd.toml")
	if err := os.WriteFile(config, []byte(policy), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &Service{t: t, config: config, cmd: exec.Command(binary, "--no-dbus", "--output", "stdout", "--config", config)}
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
	s.Await("start", func(r *Records) bool { return len(r.States) > 0 && r.States[0].Change == record.ChangeStarted })
	return s
}

func (s *Service) follow(out io.Reader) {
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
func (s *Service) line(line []byte) {
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
		s.got.Slow = keep(s, s.got.Slow, line)
	case record.EventStuck:
		s.got.Stuck = keep(s, s.got.Stuck, line)
	case record.EventEnded:
		s.got.Ended = keep(s, s.got.Ended, line)
	case record.EventIncident:
		s.got.Incidents = keep(s, s.got.Incidents, line)
	case record.EventState:
		s.got.States = keep(s, s.got.States, line)
	case record.EventInterval:
		s.got.Intervals = keep(s, s.got.Intervals, line)
	case record.EventLog:
		s.t.Errorf("the service complains: %s", line)
	}
}

func keep[R any](s *Service, all []*R, line []byte) []*R {
	r := new(R)
	s.decode(line, r)
	return append(all, r)
}

func (s *Service) decode(line []byte, into any) {
	if err := json.Unmarshal(line, into); err != nil {
		s.t.Errorf("the record %s: %v", line, err)
	}
}

// Await waits until the records say so.
func (s *Service) Await(what string, so func(*Records) bool) {
	s.t.Helper()
	const patience = time.Minute
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		done, closed := so(&s.got), s.closed
		s.mu.Unlock()
		switch {
		case done:
			return
		case closed:
			s.t.Fatalf("no %s: the service has ended", what)
		case time.Now().After(deadline):
			s.t.Fatalf("no %s within %v", what, patience)
		}
	}
}

// Records are those until now.
func (s *Service) Records() Records {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

// PID is the service's.
func (s *Service) PID() int { return s.cmd.Process.Pid }

// Signal sends it a signal.
func (s *Service) Signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}

// Reload puts another policy in force, as an administrator does without a bus.
func (s *Service) Reload(policy string) {
	s.t.Helper()
	if err := os.WriteFile(s.config, []byte(policy), 0o644); err != nil {
		s.t.Fatal(err)
	}
	reloads := func(r *Records) (n int) {
		for _, state := range r.States {
			if state.Change == record.ChangeReloaded {
				n++
			}
		}
		return n
	}
	got := s.Records()
	before := reloads(&got)
	s.Signal(syscall.SIGHUP)
	s.Await("reload", func(r *Records) bool { return reloads(r) > before })
}

// Slow waits for the record of a call by its thread and when it began, which was between
// two times of CLOCK_MONOTONIC; nil: there was none for a while.
func (s *Service) Slow(tid int, syscallName string, from, to uint64) *record.Slow {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		got := s.Records().Slow
		for i := len(got) - 1; i >= 0; i-- {
			r := got[i]
			if int(r.Process.TID) == tid && r.Syscall.Name == syscallName && r.Monotonic.StartNs >= from && r.Monotonic.StartNs <= to {
				return r
			}
		}
	}
	return nil
}

// Stop ends the service as systemd does, and gives all that it has written.
func (s *Service) Stop() Records {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	s.read.Wait() // before Wait, which closes the pipe
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the service ended with %v", err)
	}
	return s.Records()
}

// switchesMissed is the one counter of losses that is not in our hands: the kernel now and
// then leaves out the event at which a thread comes to the CPU, for all tracers.
const switchesMissed = "switches_missed"

// SwitchesMissed is how many events the kernel has left out: in mode watch as many calls may
// have no record.
func (r Records) SwitchesMissed() (n uint64) {
	for _, i := range r.Intervals {
		n += i.Drops[switchesMissed]
	}
	return n
}

// WantNothingLost wants every counter of losses to be 0, but that of the kernel's own: see
// SwitchesMissed.
func (r Records) WantNothingLost(t testing.TB) {
	t.Helper()
	for _, i := range r.Intervals {
		for name, n := range i.Drops {
			if n != 0 && name != switchesMissed {
				t.Errorf("%s is %d; want 0", name, n)
			}
		}
	}
}

// AboutCalls is how many records tell of calls.
func (r Records) AboutCalls() int {
	return len(r.Slow) + len(r.Stuck) + len(r.Ended) + len(r.Incidents)
}

// SlowCalls is how many calls the records tell of, one by one or in an incident; of a
// unit, or of all.
func (r Records) SlowCalls(units ...string) int {
	of := func(unit string) bool { return len(units) == 0 || slices.Contains(units, unit) }
	n := 0
	for _, slow := range r.Slow {
		if of(slow.Systemd.Unit) {
			n++
		}
	}
	last := map[string]*record.Incident{}
	for _, incident := range r.Incidents {
		if of(incident.Systemd.Unit) {
			last[incident.ID] = incident
		}
	}
	for _, incident := range last {
		n += int(incident.Folded)
	}
	return n
}

// String is what the records say, a sentence in each line, for a test that has not
// expected them.
func (r Records) String() string {
	text := ""
	for _, slow := range r.Slow {
		text += fmt.Sprintf("\n%s %+v %v", slow.Msg, slow.Wait, slow.KernelStack)
	}
	for _, stuck := range r.Stuck {
		text += "\n" + stuck.Msg
	}
	for _, incident := range r.Incidents {
		text += "\n" + incident.Msg
	}
	return text
}
