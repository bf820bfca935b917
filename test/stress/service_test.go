package stress

import (
	"bufio"
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
)

// service is a running syscountd. All of its records go through the audit.
type service struct {
	t    *testing.T
	cmd  *exec.Cmd
	read sync.WaitGroup

	mu     sync.Mutex
	news   *sync.Cond // a record was read, or there will be no more
	audit  audit
	closed bool
}

// policy is short in its intervals, since the rows of a process that has ended
// are freed with the interval that reports them.
const policy = `[collect]
mode = "account"
group_by = "process"
interval = "2s"
`

// only observes what runs in a cgroup.
func only(c *cgroup) string { return fmt.Sprintf("[filter]\ncgroups = [%q]\n", c.Path()) }

// everybody observes the whole host.
const everybody = ""

// start runs the service's binary with more of a policy, and returns when it is
// attached.
func start(t *testing.T, binary, more string) *service {
	t.Helper()
	config := filepath.Join(t.TempDir(), "syscountd.toml")
	if err := os.WriteFile(config, []byte(policy+more), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, cmd: exec.Command(binary, "--no-dbus", "--output", "stdout", "--config", config)}
	s.news = sync.NewCond(&s.mu)
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
	s.await("start", func(a *audit) bool { return a.changes[record.ChangeStarted] > 0 })
	return s
}

// follow audits the records as they come.
func (s *service) follow(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s.mu.Lock()
		s.audit.line(s.t, lines.Bytes())
		s.news.Broadcast()
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := lines.Err(); err != nil {
		s.t.Errorf("read the service's output: %v", err)
	}
	s.closed = true
	s.news.Broadcast()
}

// await waits until the records say so.
func (s *service) await(what string, so func(*audit) bool) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !so(&s.audit) {
		if s.closed {
			s.t.Fatalf("the service's records end before its %s", what)
		}
		s.news.Wait()
	}
}

// awaitInterval waits for the end of an interval that began after that moment.
func (s *service) awaitInterval(moment time.Time) {
	s.t.Helper()
	s.await("next interval", func(a *audit) bool { return a.began.After(moment) })
}

// lost is a counter of losses, so far.
func (s *service) lost(counter string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.audit.drops[counter]
}

// stop ends the service as systemd does, and gives the audit of all its
// records.
func (s *service) stop() *audit {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	s.read.Wait() // before Wait, which closes the pipe
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the service: %v", err)
	}
	s.audit.close(s.t)
	return &s.audit
}
