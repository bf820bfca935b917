package causes

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
	"github.com/syscountd/syscountd/test/foreground"
)

// Processes of a millisecond: when their records are written they are dead, and
// the cgroup of their unit is removed. The service is stopped meanwhile, so that
// this is certain.
func TestUnits(t *testing.T) {
	needRoot(t)
	h := newHost(t)
	s := foreground.Start(t, foreground.Build(t, "cmd/syscountd"), policyFor(h, `[stuck]
after = "never"
[[rule]]
name = "writes"
syscalls = ["pwrite64"]
threshold = "1us"
`))
	const units, processes = 4, 5 // more of one unit would be an incident
	dir := tempDir(t)
	type life struct{ unit, path string }
	lives := map[int]life{}
	s.Signal(syscall.SIGSTOP)
	await(t, "stop of the service", func() bool { return stateOf(s.PID()) == 'T' })
	for i := range units {
		unit := fmt.Sprintf("x%d.service", i)
		cgroup := bpftest.NewCgroup(t, h.slice.Dir, unit)
		for j := range processes {
			p, path := bpftest.NewProgram(), filepath.Join(dir, fmt.Sprintf("file-%d-%d", i, j))
			atCwd, buffer := ^uintptr(99), p.Text(string(make([]byte, 16<<10)))
			process := p.Start(t,
				bpftest.Call(unix.SYS_OPENAT, atCwd, p.Text(path), unix.O_CREAT|unix.O_RDWR, 0o600),
				bpftest.Call(unix.SYS_PWRITE64, 3, buffer, 16<<10, 0),
				bpftest.Call(unix.SYS_EXIT_GROUP, 0))
			cgroup.Add(process.PID())
			process.Poke()
			process.Finish()
			lives[process.PID()] = life{unit, path}
		}
		cgroup.Remove()
		if _, err := os.Stat(cgroup.Dir); err == nil {
			t.Fatalf("%s is still there", cgroup.Dir)
		}
	}
	s.Signal(syscall.SIGCONT)
	s.Await("records of all processes", func(r *foreground.Records) bool { return len(r.Slow) >= units*processes })
	for _, r := range stop(t, s).Slow {
		l, ok := lives[int(r.Process.PID)]
		delete(lives, int(r.Process.PID))
		if !ok || r.Systemd.Unit != l.unit || r.File == nil || r.File.Path != l.path || r.Process.Executable.Path == "" {
			t.Errorf("%s, %+v of %+v; want %+v", r.Systemd.Unit, r.File, r.Process, l)
		}
	}
	if len(lives) != 0 {
		t.Errorf("no record of %v", lives)
	}
}
