package policy

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// sample is a call, and what an example says of it.
type sample struct {
	call Call
	rule string
	slow bool
}

// under gives a call in a unit.
func under(unit, syscall, kind string, took time.Duration, paths ...string) Call {
	return Call{Syscall: syscall, Unit: unit, FDKind: kind, Duration: took, Paths: paths}
}

// with changes a call.
func with(c Call, change func(*Call)) Call {
	change(&c)
	return c
}

func ioWait(part time.Duration) func(*Call) {
	return func(c *Call) { c.Times = Times{Known: true, IOWait: part, CPU: c.Duration - part} }
}

func runqueue(part time.Duration) func(*Call) {
	return func(c *Call) { c.Times = Times{Known: true, Runqueue: part, CPU: c.Duration - part} }
}

func late(by time.Duration) func(*Call) {
	return func(c *Call) { c.HasTimeout, c.Overshoot = true, by }
}

const pg = "postgresql@15-main.service"

// What each example decides about the calls that it is there for, and about their healthy
// neighbours.
var examples = map[string][]sample{
	"database.toml": {
		{under(pg, "fdatasync", FDFile, 25*ms, "/srv/pg/pg_wal/0001"), "commit", true},
		{under(pg, "fdatasync", FDFile, 19*ms, "/srv/pg/pg_wal/0001"), "commit", false},
		{under("mysql.service", "fsync", FDFile, 25*ms, "/var/lib/mysql/#innodb_redo/#ib_redo7"), "commit", true},
		{under(pg, "fsync", FDFile, time.Second, "/srv/pg/base/1/2"), "checkpoint", false},
		{under(pg, "fsync", FDFile, 3*time.Second, "/srv/pg/base/1/2"), "checkpoint", true},
		{with(under(pg, "pread64", FDFile, 200*ms, "/srv/pg/base/1/2"), ioWait(150*ms)), "data", true},
		{with(under(pg, "pread64", FDFile, 90*ms, "/srv/pg/base/1/2"), ioWait(90*ms)), "data", false},
		{with(under(pg, "pread64", FDFile, 200*ms, "/srv/pg/base/1/2"), ioWait(20*ms)), "storage", false},
		{with(under(pg, "read", FDFile, hours), func(c *Call) { c.Comm = "pg_dumpall" }), "backup", false},
		{under("cron.service", "fsync", FDFile, 600*ms), "sync", true},
		{under(pg, "epoll_wait", FDNone, hours), "default", false},
	},
	"web-tier.toml": {
		{under("nginx.service", "write", FDFile, 60*ms, "/var/log/nginx/access.log"), "log-write", true},
		{under("nginx.service", "write", FDFile, 40*ms, "/var/log/nginx/access.log"), "log-write", false},
		{under("nginx.service", "write", FDFile, 60*ms, "/srv/cache/a"), "storage", false},
		{under("php8.3-fpm.service", "connect", FDSocket, 2*time.Second), "backend-connect", true},
		{under("php8.3-fpm.service", "connect", FDSocket, 200*ms), "backend-connect", false},
		{under("cron.service", "connect", FDSocket, hours), "default", false},
		{with(under("nginx.service", "stat", FDNone, 80*ms), runqueue(50*ms)), "no-cpu", true},
		{with(under("nginx.service", "stat", FDNone, 80*ms), runqueue(5*ms)), "storage", false},
		{with(under("nginx.service", "stat", FDNone, 40*ms), runqueue(40*ms)), "no-cpu", false},
		{with(under("nginx.service", "epoll_wait", FDNone, hours), runqueue(hours)), "default", false},
	},
	"kubernetes-node.toml": {
		{with(under("kubepods.slice", "fdatasync", FDFile, 12*ms), func(c *Call) { c.Executable = "/usr/local/bin/etcd" }), "etcd-log", true},
		{with(under("kubepods.slice", "fdatasync", FDFile, 9*ms), func(c *Call) { c.Executable = "/usr/local/bin/etcd" }), "etcd-log", false},
		{under("containerd.service", "write", FDFile, 5*time.Second, "/var/lib/containerd/x/layer"), "image-pull", false},
		{under("containerd.service", "write", FDFile, 11*time.Second, "/var/lib/containerd/x/layer"), "image-pull", true},
		{under("kubelet.service", "openat", FDFile, 300*ms, "/var/lib/kubelet/pods/x"), "node-services", true},
		{under("kubelet.service", "openat", FDFile, 100*ms, "/var/lib/kubelet/pods/x"), "node-services", false},
		{with(under("cri-containerd-3f.scope", "getdents64", FDDir, 150*ms), func(c *Call) { c.ContainerID = "3f"; runqueue(100 * ms)(c) }), "pod-without-cpu", true},
		{with(under("cri-containerd-3f.scope", "getdents64", FDDir, 90*ms), func(c *Call) { c.ContainerID = "3f"; runqueue(90 * ms)(c) }), "pod-without-cpu", false},
		{with(under("cron.service", "getdents64", FDDir, 150*ms), runqueue(100*ms)), "storage", false},
	},
	"latency-critical.toml": {
		{with(under("trading-gw.service", "epoll_wait", FDAnon, hours), late(3*ms)), "late", true},
		{with(under("trading-gw.service", "epoll_wait", FDAnon, hours), late(ms)), "late", false},
		{under("trading-gw.service", "futex", FDNone, hours), "late", false},
		{with(under("other.service", "nanosleep", FDNone, hours), late(hours)), "default", false},
		{with(under("trading-gw.service", "getpid", FDNone, 3*ms), runqueue(2500*time.Microsecond)), "no-cpu", true},
		{with(under("trading-gw.service", "getpid", FDNone, 3*ms), runqueue(ms)), "default", false},
		{under("trading-gw.service", "munmap", FDNone, 2*ms), "memory", true},
		{under("trading-gw.service", "munmap", FDNone, ms/2), "memory", false},
		{under("trading-gw.service", "write", FDFile, 6*ms), "disk", true},
		{under("trading-gw.service", "write", FDSocket, hours), "default", false},
		{under("other.service", "write", FDFile, 6*ms), "storage", false},
	},
	"audit-one-unit.toml": {
		{under("myapp.service", "read", FDFile, 2*ms, "/etc/hosts"), "default", true},
		{under("myapp.service", "read", FDFile, ms/2, "/etc/hosts"), "default", false},
		{under("myapp.service", "fsync", FDFile, hours, "/var/spool/myapp/7"), "spool", false},
		{with(under("myapp.service", "write", FDFile, 20*time.Microsecond, "/srv/a"), func(c *Call) { c.Errno = 28 }), "disk-error", true},
		{with(under("myapp.service", "write", FDFile, 20*time.Microsecond, "/srv/a"), func(c *Call) { c.Errno = 11 }), "default", false},
		{under("myapp.service", "futex", FDNone, 2*time.Second), "waits", true},
		{under("myapp.service", "futex", FDNone, 500*ms), "waits", false},
		{under("myapp.service", "poll", FDNone, hours), "default", false},
	},
}

func readExample(t testing.TB, name string) *Policy {
	t.Helper()
	text := readConfig(t, filepath.Join("examples", name))
	dropIn := name != "audit-one-unit.toml" // which stands by itself, as it says
	p, err := merge([]source{{file: name, text: []byte(text), dropIn: dropIn}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestExamples(t *testing.T) {
	entries, err := os.ReadDir("../../configs/examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		samples, p := examples[e.Name()], readExample(t, e.Name())
		if dead := p.Unreachable(); dead != nil {
			t.Errorf("%s: rules %v can never decide", e.Name(), dead)
		}
		decided := map[string]bool{}
		for _, s := range samples {
			v, slow := p.Judge(s.call)
			if v.Rule != s.rule || slow != s.slow {
				t.Errorf("%s: %+v: slow %v by %s, want %v by %s", e.Name(), s.call, slow, v.Rule, s.slow, s.rule)
			}
			if kernel := p.Explain(s.call).Kernel; slow && s.call.Duration < kernel {
				t.Errorf("%s: %+v: the kernel side hands it over from %v on", e.Name(), s.call, kernel)
			}
			decided[v.Rule] = true
		}
		for _, r := range p.Rules {
			if o, _ := p.Origin("rule." + r.Name + ".name"); o.File == e.Name() && !decided[r.Name] {
				t.Errorf("%s: no sample for the rule %s", e.Name(), r.Name)
			}
		}
	}
	if len(entries) != len(examples) {
		t.Errorf("%d files, samples for %d", len(entries), len(examples))
	}
}
