package scenes

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
	"github.com/syscountd/syscountd/bpf/bpftest"
	"github.com/syscountd/syscountd/test/foreground"
)

const stallTime = 2 * time.Second

// When the disk of a database stalls, each call that hangs is told of, in a record of
// its own or in that of an incident; another tracer says which these are.
func TestStalledDisk(t *testing.T) {
	needRoot(t)
	s, length := &stage{t: t}, max(sceneLength(t), 3*stallTime)
	disk := newMirror(t, s)
	d := newDatabase(t, s, disk.dir)
	witness := watchComm(t, "postgres")
	service := foreground.Start(t, foreground.Build(t, "cmd/syscountd"), shipped(t))
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.load(length)
	}()
	time.Sleep(stallTime)
	disk.stall(stallTime)
	<-done
	seen := witness.stop(t)
	got := service.Stop()
	var want []slowCall
	for _, call := range seen {
		if call.isOnDisk() && call.isSlow() {
			want = append(want, call)
		}
	}
	told := got.SlowCalls(filepath.Base(s.in().Dir))
	if len(want) == 0 || told != len(want) {
		t.Errorf("%d slow calls are told of; %s has seen %d: %v%s", told, witness.cmd.Path, len(want), want, got)
	}
	for _, slow := range got.Slow {
		if slow.File != nil && !strings.HasPrefix(slow.File.Path, disk.dir) {
			t.Errorf("on %s, not on the stalled disk: %s", slow.File.Path, slow.Msg)
		}
	}
	t.Logf("%d stalled calls, %d slow records, %d of incidents%s", len(want), len(got.Slow), len(got.Incidents), got)
}

// mirror is a disk that can stall.
type mirror struct {
	cmd *exec.Cmd
	dir string
}

func newMirror(t *testing.T, s *stage) *mirror {
	t.Helper()
	m := &mirror{dir: s.dir(), cmd: exec.Command(foreground.Build(t, "test/fusemirror"), "-of", s.dir(), "-mount")}
	m.cmd.Args = append(m.cmd.Args, m.dir)
	t.Cleanup(func() {
		if m.cmd.Process == nil {
			return
		}
		m.cmd.Process.Signal(syscall.SIGCONT)
		m.cmd.Process.Signal(syscall.SIGTERM)
		m.cmd.Wait()
		unix.Unmount(m.dir, unix.MNT_DETACH)
	})
	foreground.Ready(t, m.cmd)
	return m
}

func (m *mirror) stall(d time.Duration) {
	m.cmd.Process.Signal(syscall.SIGSTOP)
	time.Sleep(d)
	m.cmd.Process.Signal(syscall.SIGCONT)
}

// slowCall is one that the witness has timed.
type slowCall struct {
	tid, nr int
	took    time.Duration
}

func (c slowCall) name() string {
	return syscalls.Name(bpf.Syscall{ABI: syscalls.NativeABIs(runtime.GOARCH)[0], Nr: int32(c.nr)})
}

// isOnDisk: what a database does to its files goes by other calls than what it waits for.
func (c slowCall) isOnDisk() bool {
	return syscalls.In("@storage", c.name()) || syscalls.In("@sync", c.name())
}

func (c slowCall) isSlow() bool {
	_, slow := policy.Default().Judge(policy.Call{Syscall: c.name(), FDKind: policy.FDFile, Duration: c.took})
	return slow
}

// witness is bpftrace, which prints the long calls of all threads with a name.
type witness struct {
	cmd   *exec.Cmd
	read  sync.WaitGroup
	calls []slowCall
}

const witnessScript = `BEGIN { printf("attached\n"); }
tracepoint:raw_syscalls:sys_enter /comm == "%[1]s"/ { @start[tid] = nsecs; }
tracepoint:raw_syscalls:sys_exit /@start[tid]/ {
	if (nsecs - @start[tid] >= 100000000) { printf("%%d %%d %%d\n", tid, args->id, nsecs - @start[tid]); }
	delete(@start[tid]);
}
END { clear(@start); }`

func watchComm(t *testing.T, comm string) *witness {
	t.Helper()
	bpftest.NeedTracefs(t)
	w := &witness{cmd: exec.Command("bpftrace", "-B", "line", "-e", fmt.Sprintf(witnessScript, comm))}
	w.cmd.Stderr = os.Stderr
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.cmd.Process.Kill(); w.cmd.Wait() })
	if err := out.(*os.File).SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for {
		if !lines.Scan() {
			t.Fatalf("%s has not attached: %v", w.cmd.Path, lines.Err())
		}
		if lines.Text() == "attached" {
			break
		}
	}
	out.(*os.File).SetReadDeadline(time.Time{})
	w.read.Go(func() {
		for lines.Scan() {
			var c slowCall
			if _, err := fmt.Sscanf(lines.Text(), "%d %d %d", &c.tid, &c.nr, (*int64)(&c.took)); err == nil {
				w.calls = append(w.calls, c)
			}
		}
	})
	return w
}

// stop gives the calls in the order of their ends.
func (w *witness) stop(t *testing.T) []slowCall {
	t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	w.read.Wait()
	w.cmd.Wait()
	return slices.Clone(w.calls)
}
