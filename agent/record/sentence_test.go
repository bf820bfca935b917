package record_test

import (
	"strings"
	"testing"

	"github.com/syscountd/syscountd/agent/record"
)

func TestSlowSentence(t *testing.T) {
	change := func(f func(*record.Slow)) *record.Slow { s := bare(); f(s); return s }
	tests := map[string]struct {
		r    *record.Slow
		want string
	}{
		"bare": {bare(), "fdatasync by postgres (812, postgresql@15-main.service) took 3.904 s on file fd 7"},
		"failed": {change(func(s *record.Slow) { s.Syscall.Errno = "EIO" }),
			"fdatasync by postgres (812, postgresql@15-main.service) took 3.904 s on file fd 7 and failed with EIO"},
		"no unit, no file": {change(func(s *record.Slow) { s.Systemd = record.Systemd{}; s.File = nil }),
			"fdatasync by postgres (812) took 3.904 s"},
		"no name": {change(func(s *record.Slow) { s.Process.Comm = "" }),
			"fdatasync by process 812 (postgresql@15-main.service) took 3.904 s on file fd 7"},
		"no name, no unit": {change(func(s *record.Slow) { s.Process.Comm = ""; s.Systemd.Unit = "" }),
			"fdatasync by process 812 took 3.904 s on file fd 7"},
		"user unit": {change(func(s *record.Slow) { s.Systemd.UserUnit = "foo.service" }),
			"fdatasync by postgres (812, foo.service) took 3.904 s on file fd 7"},
		"container with a name": {change(func(s *record.Slow) { s.Container.ID = "db" }),
			"fdatasync by postgres (812, container db) took 3.904 s on file fd 7"},
		"foreign ABI, unknown kind": {change(func(s *record.Slow) { s.Syscall.ABI = "arm"; s.File.Kind = "" }),
			"fdatasync (arm) by postgres (812, postgresql@15-main.service) took 3.904 s on fd 7"},
		"all": {slow(), "fdatasync by postgres (812, postgresql@15-main.service) took 3.904 s on " +
			"/var/lib/postgresql/15/main/pg_wal/000000010000000A: 3.9 s waiting for I/O in blkdev_issue_flush (block flush), I/O pressure 42.07 %"},
		"socket": {slowSocket(), "recvfrom by app-worker (4711, app.service) took 5.012 s on tcp socket 127.0.0.1:51234 -> 127.0.0.1:5432: " +
			"5.01 s asleep in sk_wait_data (socket), woken by postgres (902)"},
		"two descriptors": {slowCopy(), "copy_file_range by cp (9) took 12 s (1 s longer than asked, reported as stuck before) " +
			"from /a/from (deleted) to …to and failed with EINTR: 5 s stopped by a signal, 3.5 s throttled by its CPU quota, CPU pressure 99.5 %"},
		"the source of sendfile is its second descriptor": {change(func(s *record.Slow) {
			s.Syscall.Name, s.To = "sendfile64", &record.File{FD: 9, Kind: "file", Path: "/source"}
		}), "sendfile64 by postgres (812, postgresql@15-main.service) took 3.904 s from /source to file fd 7"},
		"paths only": {change(func(s *record.Slow) { s.File, s.Syscall.Paths = nil, []string{"a", "../b\n"} }),
			`fdatasync by postgres (812, postgresql@15-main.service) took 3.904 s on a and ../b\x0a`},
		"what the kernel found, not what was asked for": {change(func(s *record.Slow) { s.File.Path, s.Syscall.Paths = "/etc/x", []string{"x"} }),
			"fdatasync by postgres (812, postgresql@15-main.service) took 3.904 s on /etc/x"},
		"a long path": {change(func(s *record.Slow) { s.File.Path = "/" + strings.Repeat("long/", 50) + "name" }),
			"fdatasync by postgres (812, postgresql@15-main.service) took 3.904 s on …ng/" + strings.Repeat("long/", 30) + "name"},
	}
	for name, tt := range tests {
		if got := tt.r.Sentence(); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, tt.want)
		}
	}
}

func TestSummarySentence(t *testing.T) {
	read := record.Syscall{Name: "read", ABI: "x86_64"}
	tests := []struct {
		r    record.Summary
		want string
	}{
		{*summary(), "nginx.service: 18231 read, 41.2 ms in all, p99 12.3 us"},
		{record.Summary{Syscall: read, Count: 2, TotalNs: 30}, "2 read, 30 ns in all"},
		{record.Summary{Syscall: read, Count: 9, Timed: 2, TotalNs: 30}, "9 read, 2 of them timed: 30 ns in all"},
		{record.Summary{Syscall: read, Process: record.Process{PID: 7, Comm: "cat"}, Count: 2}, "cat (7): 2 read"},
		{record.Summary{Syscall: read, Process: record.Process{PID: 7}, Count: 2}, "process 7: 2 read"},
		{record.Summary{Syscall: read, Process: record.Process{Comm: "cat"}, Count: 2}, "cat: 2 read"},
		{record.Summary{Syscall: read, Cgroup: "/a", Count: 2}, "/a: 2 read"},
		{record.Summary{Syscall: read, Systemd: record.Systemd{Slice: "a.slice"}, Count: 2}, "a.slice: 2 read"},
		{record.Summary{Syscall: read, Systemd: record.Systemd{Unit: "user@1.service", UserUnit: "b.service"}, Count: 2},
			"b.service of user@1.service: 2 read"},
		{record.Summary{Other: true, Count: 2}, "all others: 2 calls"},
	}
	for _, tt := range tests {
		if got := tt.r.Sentence(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestIntervalSentence(t *testing.T) {
	i := interval()
	want := "60 s: 1203911 calls (12 failed) in 812 rows of 41 groups, 3 slow, lost: rows_overflow 2, suppressed 14"
	if got := i.Sentence(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	i.Drops = nil
	i.Balance.Residual = 4
	want = "60 s: 1203911 calls (12 failed) in 812 rows of 41 groups, 3 slow, nothing lost, balance off by 4"
	if got := i.Sentence(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestStateSentenceAndPriority(t *testing.T) {
	root := &record.Caller{UserID: 0, PID: 9, Via: "dbus"}
	tests := []struct {
		r        record.State
		priority int
		want     string
	}{
		{record.State{Change: record.ChangeStarted, Mode: "account", Attachment: "tp_btf", PolicyFiles: []string{"a", "b"}}, 6,
			"started: mode account, attached to tp_btf, policy a b"},
		{record.State{Change: record.ChangeStopped, Caller: &record.Caller{UserID: 1000}}, 6, "stopped by user 1000"},
		{record.State{Change: record.ChangeRetargeted, Caller: root, Filter: &record.Filter{}}, 5,
			"retargeted by user 0 (pid 9) over dbus: observing the whole host"},
		{record.State{Change: record.ChangeRetargeted, Filter: &record.Filter{
			PIDs: []uint32{1, 2, 3, 4, 5, 6, 7}, Units: []string{"a.service"}, Cgroups: []string{"/b"}, Syscalls: []string{"@sync"}}}, 5,
			"retargeted: observing pid 1 2 3 4 5 and 2 more or unit a.service or cgroup /b, only @sync"},
		{record.State{Change: record.ChangeThreshold, Caller: root, Detail: "fsync 20 ms"}, 5,
			"threshold changed by user 0 (pid 9) over dbus: fsync 20 ms"},
		{record.State{Change: record.ChangeReloaded, Caller: &record.Caller{Via: "signal"}}, 5, "policy reloaded by user 0 over signal"},
		{record.State{Change: record.ChangeReloadFailed, Detail: "x.toml:3: no"}, 4,
			"policy not reloaded, the old one stays in force: x.toml:3: no"},
		{record.State{Change: record.ChangeMode, Mode: "count"}, 6, "mode changed: mode count"},
		{record.State{Change: record.ChangeTargetExited, Detail: "pid 7"}, 5, "target exited: pid 7"},
		{record.State{Change: record.ChangeSuppressed, Suppressed: &record.Suppression{Rule: "r", Count: 2, WorstNs: 2e9, TotalNs: 3e9}}, 4,
			"slow records held back: 2 of rule r, worst 2 s, 3 s in all"},
		{record.State{Change: record.ChangeDrops, Detail: "ring_full 3"}, 4, "data lost: ring_full 3"},
		{record.State{Change: record.ChangeResumed, Resumption: &record.Resumption{AwayNs: 312_041_118}}, 5, "resumed: counting went on over a restart, 312 ms without a process"},
		{record.State{Change: record.ChangeResumed, Resumption: &record.Resumption{}}, 5, "resumed: counting went on over a restart"},
	}
	for _, tt := range tests {
		if got := tt.r.Sentence(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
		if got := tt.r.Priority(); got != tt.priority {
			t.Errorf("%s: priority %d, want %d", tt.r.Change, got, tt.priority)
		}
	}
}
