package causes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/record"
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
	const processes = 2 // more than five of one unit would be an incident
	dir := tempDir(t)
	type life struct {
		where unitPath
		path  string
	}
	lives := map[int]life{}
	s.Signal(syscall.SIGSTOP)
	await(t, "stop of the service", func() bool { return stateOf(s.PID()) == 'T' })
	for i, where := range unitPaths {
		var made []*bpftest.Cgroup
		cgroup := h.slice
		for _, name := range strings.Split(where.path, "/") {
			cgroup = bpftest.NewCgroup(t, cgroup.Dir, name)
			made = append(made, cgroup)
		}
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
			lives[process.PID()] = life{where, path}
		}
		for _, cgroup := range slices.Backward(made) {
			cgroup.Remove()
		}
		if _, err := os.Stat(cgroup.Dir); err == nil {
			t.Fatalf("%s is still there", cgroup.Dir)
		}
	}
	s.Signal(syscall.SIGCONT)
	s.Await("records of all processes", func(r *foreground.Records) bool { return len(r.Slow) >= len(unitPaths)*processes })
	for _, r := range stop(t, s).Slow {
		l, ok := lives[int(r.Process.PID)]
		delete(lives, int(r.Process.PID))
		if l.where.systemd.Slice == "" {
			l.where.systemd.Slice = filepath.Base(h.slice.Dir)
		}
		if !ok || r.Systemd != l.where.systemd || r.Container != l.where.container || r.Kubernetes.Pod.UID != l.where.pod ||
			r.File == nil || r.File.Path != l.path || r.Process.Executable.Path == "" {
			t.Errorf("%+v, %+v, %+v, %+v of %+v; want %+v", r.Systemd, r.Container, r.Kubernetes, r.File, r.Process, l)
		}
	}
	if len(lives) != 0 {
		t.Errorf("no record of %v", lives)
	}
}

// unitPath is a cgroup below the test's slice, and what a record has to say of a process
// in it. A slice that is not named is the test's.
type unitPath struct {
	path      string
	systemd   record.Systemd
	container record.Container
	pod       string
}

const (
	containerID = "3f2a1b0c4d5e6f708192a3b4c5d6e7f83f2a1b0c4d5e6f708192a3b4c5d6e7f8"
	podUID      = "1f9f4a9b-0c4d-4e6f-8081-92a3b4c5d6e7"
	podSlice    = "kubepods-burstable-pod1f9f4a9b_0c4d_4e6f_8081_92a3b4c5d6e7.slice"
)

var unitPaths = []unitPath{
	{path: "web.service", systemd: record.Systemd{Unit: "web.service"}},
	{path: "web.service/payload/worker", systemd: record.Systemd{Unit: "web.service"}},
	{path: "system-postgresql.slice/postgresql@15-main.service", systemd: record.Systemd{Unit: "postgresql@15-main.service", Slice: "system-postgresql.slice"}},
	{path: "a.slice/a-b.slice/a-b-c.slice/run-r1.scope", systemd: record.Systemd{Unit: "run-r1.scope", Slice: "a-b-c.slice"}},
	{path: "user-1000.slice/user@1000.service/app.slice/editor.service",
		systemd: record.Systemd{Unit: "user@1000.service", UserUnit: "editor.service", Slice: "user-1000.slice"}},
	{path: "machine-old\\x2dstable.scope/payload/system.slice/cron.service", systemd: record.Systemd{Unit: "machine-old\\x2dstable.scope"},
		container: record.Container{ID: "old-stable", Runtime: "systemd-nspawn"}},
	{path: "systemd-nspawn@web.service/payload/init.scope", systemd: record.Systemd{Unit: "systemd-nspawn@web.service"},
		container: record.Container{ID: "web", Runtime: "systemd-nspawn"}},
	{path: "docker-" + containerID + ".scope", systemd: record.Systemd{Unit: "docker-" + containerID + ".scope"},
		container: record.Container{ID: containerID, Runtime: "docker"}},
	{path: "libpod-" + containerID + ".scope/container", systemd: record.Systemd{Unit: "libpod-" + containerID + ".scope"},
		container: record.Container{ID: containerID, Runtime: "podman"}},
	{path: podSlice + "/cri-containerd-" + containerID + ".scope", systemd: record.Systemd{Unit: "cri-containerd-" + containerID + ".scope", Slice: podSlice},
		container: record.Container{ID: containerID, Runtime: "containerd"}, pod: podUID},
	{path: podSlice + "/crio-" + containerID + ".scope", systemd: record.Systemd{Unit: "crio-" + containerID + ".scope", Slice: podSlice},
		container: record.Container{ID: containerID, Runtime: "cri-o"}, pod: podUID},
}
