package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

const (
	ms    = time.Millisecond
	hours = 5 * time.Hour
)

// What an idle, healthy host does all the time, for hours: not one slow call.
func TestAnIdleHostIsSilentUnderTheDefault(t *testing.T) {
	waits := map[string][]string{
		FDNone: {
			"epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6", "futex", "futex_waitv",
			"nanosleep", "clock_nanosleep", "pause", "wait4", "waitid", "rt_sigtimedwait", "rt_sigsuspend",
			"io_getevents", "io_uring_enter", "semtimedop", "msgrcv", "mq_timedreceive", "restart_syscall", "syslog",
			"ppoll_time64", "futex_time64", "_newselect", "ipc", "socketcall", "exit", "exit_group",
			"read", "write", "close", // their fd was closed under them
		},
		FDSocket:  {"accept", "accept4", "connect", "recvfrom", "recvmsg", "recvmmsg", "sendmsg", "read", "write", "writev", "close", "sendfile", "ioctl"},
		FDPipe:    {"read", "readv", "write", "splice", "tee", "vmsplice", "openat", "close"},
		FDTTY:     {"read", "write", "ioctl", "open", "openat", "close"},
		FDChar:    {"read", "write", "ioctl", "pread64", "openat"},
		FDAnon:    {"read", "ioctl", "close"},
		FDPseudo:  {"read", "write"}, // rsyslog sits in a read of /proc/kmsg
		FDUnknown: {"read", "close"},
		FDFile:    {"splice"},
	}
	p := Default()
	for kind, names := range waits {
		for _, name := range names {
			v, slow := p.Judge(Call{Syscall: name, FDKind: kind, Unit: "x.service", Comm: "x", Duration: hours})
			if slow {
				t.Errorf("%s on %q for %v is slow: %+v", name, kind, hours, v)
			}
		}
	}
	short := []Call{ // what healthy disks and schedulers do
		{Syscall: "fsync", FDKind: FDFile, Duration: 200 * ms},
		{Syscall: "sync", Duration: 5 * time.Second},
		{Syscall: "umount2", Duration: 5 * time.Second},
		{Syscall: "vfork", Duration: 100 * ms},
		{Syscall: "execve", Duration: 300 * ms},
		{Syscall: "read", FDKind: FDFile, Duration: 500 * ms},
		{Syscall: "ioctl", FDKind: FDDir, Duration: 20 * time.Second}, // fstrim
		{Syscall: "copy_file_range", FDKind: FDFile, Duration: 20 * time.Second},
		{Syscall: "finit_module", FDKind: FDFile, Duration: 5 * time.Second},
		{Syscall: "flock", FDKind: FDFile, Duration: 5 * time.Second},
	}
	for _, c := range short {
		if v, slow := p.Judge(c); slow {
			t.Errorf("%s on %q for %v is slow: %+v", c.Syscall, c.FDKind, c.Duration, v)
		}
	}
}

// The faults that the shipped policy is there for.
func TestFaultsAreSlowUnderTheDefault(t *testing.T) {
	for _, tt := range []struct {
		call Call
		rule string
	}{
		{Call{Syscall: "fdatasync", FDKind: FDFile, Duration: 3904 * ms}, "sync"},
		{Call{Syscall: "fsync", FDKind: FDFile, Duration: 500 * ms}, "sync"},
		{Call{Syscall: "sync", Duration: 10 * time.Second}, "whole-disk"},
		{Call{Syscall: "read", FDKind: FDFile, Duration: time.Second}, "storage"},
		{Call{Syscall: "pwrite64", FDKind: FDBlock, Duration: time.Second}, "storage"},
		{Call{Syscall: "getdents64", FDKind: FDDir, Duration: time.Second}, "storage"},
		{Call{Syscall: "openat", FDKind: FDFile, Duration: time.Second}, "storage"},
		{Call{Syscall: "openat", FDKind: FDNone, Duration: time.Second}, "storage"}, // it failed
		{Call{Syscall: "newfstatat", FDKind: FDNone, Duration: time.Second}, "storage"},
		{Call{Syscall: "unlinkat", FDKind: FDNone, Duration: time.Second}, "storage"},
		{Call{Syscall: "mmap", FDKind: FDNone, Duration: time.Second}, "memory"},
		{Call{Syscall: "clone3", FDKind: FDNone, Duration: time.Second}, "process"},
		{Call{Syscall: "execve", FDKind: FDNone, Duration: time.Second}, "process"},
		{Call{Syscall: "fcntl", FDKind: FDFile, Duration: time.Minute}, "file-lock"},
		{Call{Syscall: "finit_module", FDKind: FDFile, Duration: time.Minute}, "kernel-module"},
		{Call{Syscall: "getpid", FDKind: FDNone, Duration: time.Second}, "default"},
		{Call{Syscall: "keyctl", FDKind: FDNone, Duration: time.Second}, "default"},
		{Call{Syscall: "syscall_999", FDKind: FDNone, Duration: time.Second}, "default"},
		{Call{Syscall: "unknown", FDKind: FDNone, Duration: time.Second}, "default"},
	} {
		if v, slow := Default().Judge(tt.call); !slow || v.Rule != tt.rule {
			t.Errorf("%+v: slow %v by %+v, want rule %s", tt.call, slow, v, tt.rule)
		}
	}
}

func TestJudge(t *testing.T) {
	p := mustParse(t, `
[slow]
threshold = "1s"
[[rule]]
name = "ignore-backup"
syscalls = ["@storage"]
units = ["backup*.service"]
threshold = "never"
[[rule]]
name = "pg-sync"
syscalls = ["@sync"]
units = ["postgresql*.service"]
comms = ["postgres", "walwriter"]
threshold = "20ms"
severity = "crit"
[[rule]]
name = "timers"
syscalls = ["nanosleep"]
threshold = "1m"
severity = "info"
[[rule]]
name = "files"
syscalls = ["read", "openat"]
fd = ["file", "none"]
threshold = "50ms"
[[rule]]
name = "web"
units = ["nginx.service"]
threshold = "5ms"
severity = "notice"
`)
	for _, tt := range []struct {
		name string
		call Call
		want Verdict
		slow bool
	}{
		{"at the threshold", Call{Syscall: "fsync", Unit: "postgresql@15.service", Comm: "postgres", FDKind: FDFile, Duration: 20 * ms}, Verdict{Rule: "pg-sync", Threshold: 20 * ms, Severity: Crit}, true},
		{"just below", Call{Syscall: "fsync", Unit: "postgresql@15.service", Comm: "postgres", FDKind: FDFile, Duration: 20*ms - 1}, Verdict{Rule: "pg-sync", Threshold: 20 * ms, Severity: Crit}, false},
		{"second command", Call{Syscall: "sync", Unit: "postgresql.service", Comm: "walwriter", FDKind: FDNone, Duration: hours}, Verdict{Rule: "pg-sync", Threshold: 20 * ms, Severity: Crit}, true},
		{"other command", Call{Syscall: "fsync", Unit: "postgresql.service", Comm: "psql", FDKind: FDFile, Duration: hours}, Verdict{Rule: "default", Threshold: time.Second, Severity: Warning}, true},
		{"other unit", Call{Syscall: "fsync", Unit: "mysql.service", Comm: "postgres", FDKind: FDFile, Duration: hours}, Verdict{Rule: "default", Threshold: time.Second, Severity: Warning}, true},
		{"no unit", Call{Syscall: "fsync", Unit: "", Comm: "", FDKind: FDFile, Duration: 999 * ms}, Verdict{Rule: "default", Threshold: time.Second, Severity: Warning}, false},
		{"never", Call{Syscall: "fsync", Unit: "backup.service", Comm: "postgres", FDKind: FDFile, Duration: Never}, Verdict{Rule: "ignore-backup", Threshold: Never, Severity: Warning}, false},
		{"a rule that names a wait applies to it", Call{Syscall: "nanosleep", Unit: "", Comm: "", FDKind: FDNone, Duration: hours}, Verdict{Rule: "timers", Threshold: time.Minute, Severity: Info}, true},
		{"a wait that no rule names", Call{Syscall: "futex", Unit: "", Comm: "", FDKind: FDNone, Duration: hours}, Verdict{Rule: "default", Threshold: Never, Severity: Warning}, false},
		{"fd matches", Call{Syscall: "read", Unit: "", Comm: "", FDKind: FDFile, Duration: 50 * ms}, Verdict{Rule: "files", Threshold: 50 * ms, Severity: Warning}, true},
		{"none matches an open that failed", Call{Syscall: "openat", Unit: "", Comm: "", FDKind: FDNone, Duration: 50 * ms}, Verdict{Rule: "files", Threshold: 50 * ms, Severity: Warning}, true},
		{"a read without fd is one whose fd was closed", Call{Syscall: "read", Unit: "", Comm: "", FDKind: FDNone, Duration: hours}, Verdict{Rule: "default", Threshold: Never, Severity: Warning}, false},
		{"fd does not match, and waits", Call{Syscall: "read", Unit: "", Comm: "", FDKind: FDSocket, Duration: hours}, Verdict{Rule: "default", Threshold: Never, Severity: Warning}, false},
		{"fd does not match, and does not wait", Call{Syscall: "read", Unit: "", Comm: "", FDKind: FDBlock, Duration: hours}, Verdict{Rule: "default", Threshold: time.Second, Severity: Warning}, true},
		{"a rule for all calls", Call{Syscall: "getpid", Unit: "nginx.service", Comm: "", FDKind: FDNone, Duration: 5 * ms}, Verdict{Rule: "web", Threshold: 5 * ms, Severity: Notice}, true},
		{"a rule for all calls, on storage", Call{Syscall: "write", Unit: "nginx.service", Comm: "", FDKind: FDFile, Duration: 5 * ms}, Verdict{Rule: "web", Threshold: 5 * ms, Severity: Notice}, true},
		{"a rule for all calls leaves waits alone", Call{Syscall: "epoll_wait", Unit: "nginx.service", Comm: "", FDKind: FDNone, Duration: hours}, Verdict{Rule: "default", Threshold: Never, Severity: Warning}, false},
		{"and waits by their fd", Call{Syscall: "write", Unit: "nginx.service", Comm: "", FDKind: FDSocket, Duration: hours}, Verdict{Rule: "default", Threshold: Never, Severity: Warning}, false},
		{"the first rule wins", Call{Syscall: "read", Unit: "nginx.service", Comm: "", FDKind: FDFile, Duration: 10 * ms}, Verdict{Rule: "files", Threshold: 50 * ms, Severity: Warning}, false},
		{"a call that nobody knows", Call{Syscall: "no such\x1b", Unit: "a\nb", Comm: "\xff", FDKind: "zzz", Duration: time.Second}, Verdict{Rule: "default", Threshold: time.Second, Severity: Warning}, true},
		{"a clock that went back", Call{Syscall: "getpid", Unit: "", Comm: "", FDKind: FDNone, Duration: -1}, Verdict{Rule: "default", Threshold: time.Second, Severity: Warning}, false},
	} {
		if v, slow := p.Judge(tt.call); v != tt.want || slow != tt.slow {
			t.Errorf("%s: %+v, %v; want %+v, %v", tt.name, v, slow, tt.want, tt.slow)
		}
	}
}

func TestFloor(t *testing.T) {
	p := mustParse(t, `
[slow]
threshold = "2s"
[[rule]]
name = "a"
syscalls = ["fsync", "futex"]
units = ["a.service"]
threshold = "20ms"
[[rule]]
name = "b"
syscalls = ["fsync", "getpid", "read"]
threshold = "3s"
[[rule]]
name = "c"
syscalls = ["fsync", "getpid"]
threshold = "1ms"
[[rule]]
name = "d"
syscalls = ["write"]
fd = ["socket"]
threshold = "never"
`)
	for _, tt := range []struct {
		nr   int32
		name string
		want time.Duration
	}{
		{74, "fsync", 20 * ms},          // the lowest that can apply
		{39, "getpid", 3 * time.Second}, // rule b takes all: neither c nor the default can apply
		{0, "read", 3 * time.Second},
		{202, "futex", 20 * ms}, // @wait, but rule a names it
		{232, "epoll_wait", Never},
		{1, "write", 2 * time.Second},
		{75, "fdatasync", 2 * time.Second},
		{999, "syscall_999", 2 * time.Second},
		{bpf.NrUnknown, "unknown", 2 * time.Second},
	} {
		sc := bpf.Syscall{ABI: bpf.ABIx8664, Nr: tt.nr}
		if syscalls.Name(sc) != tt.name {
			t.Fatalf("%d is %s", tt.nr, syscalls.Name(sc))
		}
		if got := p.Floor(sc); got != tt.want {
			t.Errorf("floor of %s is %v, want %v", tt.name, got, tt.want)
		}
	}
	never := mustParse(t, "rule = []\n[slow]\nthreshold = \"never\"")
	if got := never.Floor(bpf.Syscall{Nr: 74}); got != Never {
		t.Errorf("floor is %v though nothing is ever slow", got)
	}
	i386 := bpf.Syscall{ABI: bpf.ABIi386, Nr: 118} // fsync
	if got := p.Floor(i386); got != 20*ms {
		t.Errorf("floor of i386 fsync is %v", got)
	}
}

// A rule for all calls takes neither those that wait nor those that may wait by
// their fd: for the kernel side, the first have no threshold, and the second that of
// whatever else may decide.
func TestFloorBelowARuleForAllCalls(t *testing.T) {
	p := mustParse(t, `
[[rule]]
name = "all"
threshold = "10s"
[[rule]]
name = "sockets"
syscalls = ["read", "getpid"]
threshold = "1ms"
`)
	for nr, want := range map[int32]time.Duration{0: ms, 39: 10 * time.Second, 202: Never, 74: 10 * time.Second} {
		if got := p.Floor(bpf.Syscall{ABI: bpf.ABIx8664, Nr: nr}); got != want {
			t.Errorf("floor of %d is %v, want %v", nr, got, want)
		}
	}
	if v, slow := p.Judge(Call{Syscall: "read", FDKind: FDSocket, Duration: ms}); !slow || v.Rule != "sockets" {
		t.Errorf("%+v, %v", v, slow)
	}
}

// No slow call is shorter than its floor, whatever the policy and the call; and a floor
// is not lower than it has to be where rules have no conditions.
func TestFloorIsALowerBound(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 14))
	slows := 0
	for range 300 {
		p := randomPolicy(random)
		for range 100 {
			sc := bpf.Syscall{ABI: bpf.ABI(random.IntN(5)), Nr: int32(random.IntN(480)) - 1}
			floor := p.Floor(sc)
			c := randomCall(random, sc)
			v, slow := p.Judge(c)
			if slow && c.Duration < floor {
				t.Fatalf("%+v is slow by %+v, its floor is %v:\n%s", c, v, floor, p.TOML())
			}
			if slow && p.Exempt(sc)&kindBit(c.FDKind) != 0 {
				t.Fatalf("%+v is slow by %+v, its kind is exempt:\n%s", c, v, p.TOML())
			}
			if c.Duration == Never-1 && !v.Overshoot && slow != (v.Threshold != Never) {
				t.Fatalf("%+v: slow %v with threshold %v", c, slow, v.Threshold)
			}
			slows += count(slow)
		}
	}
	if slows < 1000 {
		t.Errorf("only %d calls were slow", slows)
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// kindBit is the bit of a kind in Exempt; 0 for one that the kernel side does not tell.
func kindBit(name string) uint16 {
	for kind := bpf.FDKind(0); kind == 0 || kind.String() != ""; kind++ {
		if kind.String() == name {
			return 1 << kind
		}
	}
	return 0
}

func TestWithThreshold(t *testing.T) {
	p := Default()
	before := p.TOML()
	fsync := bpf.Syscall{ABI: bpf.ABIx8664, Nr: 74}
	futex := bpf.Syscall{ABI: bpf.ABIx8664, Nr: 202}
	q := p.WithThreshold([]string{"fsync", "futex"}, 5*ms)

	if v, slow := q.Judge(Call{Syscall: "fsync", FDKind: FDFile, Duration: 5 * ms}); !slow || v != (Verdict{Rule: "override", Threshold: 5 * ms, Severity: Warning}) {
		t.Errorf("fsync: %+v, %v", v, slow)
	}
	if _, slow := q.Judge(Call{Syscall: "futex", Duration: 5 * ms}); !slow {
		t.Error("a wait that is named is not slow")
	}
	if q.Floor(fsync) != 5*ms || q.Floor(futex) != 5*ms {
		t.Errorf("floors are %v and %v", q.Floor(fsync), q.Floor(futex))
	}
	if v, _ := q.Judge(Call{Syscall: "fdatasync", FDKind: FDFile}); v.Rule != "sync" {
		t.Errorf("fdatasync: %+v", v)
	}

	if p.Floor(fsync) != 500*ms || p.TOML() != before || q.TOML() != before {
		t.Error("the policy itself changed")
	}
	if !equal(p, Default()) {
		t.Error("the original is not what it was")
	}
}

func TestWithThresholdTwice(t *testing.T) {
	floor := func(p *Policy, name string) time.Duration {
		return p.Floor(syscalls.Numbers(name, []bpf.ABI{bpf.ABIx8664})[0])
	}
	p := Default().WithThreshold([]string{"@sync"}, 5*ms).WithThreshold([]string{"fsync", "read"}, Never)
	for name, want := range map[string]time.Duration{"fsync": Never, "read": Never, "fdatasync": 5 * ms, "write": time.Second} {
		if got := floor(p, name); got != want {
			t.Errorf("floor of %s is %v, want %v", name, got, want)
		}
	}
	if _, slow := p.Judge(Call{Syscall: "fsync", FDKind: FDFile, Duration: hours}); slow {
		t.Error("never is reached")
	}
	if q := p.WithThreshold([]string{"no_such_call", "fsync"}, -1); floor(q, "fsync") != MinThreshold {
		t.Errorf("a negative threshold becomes %v", floor(q, "fsync"))
	}
	if !strings.Contains(p.Describe(), "8 thresholds set while running") {
		t.Errorf("not described:\n%s", p.Describe())
	}
}

func TestWaits(t *testing.T) {
	for _, tt := range []struct {
		syscall, kind string
		want          bool
	}{
		{"futex", FDNone, true}, {"read", FDSocket, true}, {"read", FDFile, false}, {"read", FDNone, true}, {"openat", FDNone, false}, {"openat", FDPipe, true},
		{"read", FDUnknown, true}, {"read", "", true},
		{"fsync", FDPipe, false}, {"getpid", FDNone, false},
	} {
		if got := Waits(tt.syscall, tt.kind); got != tt.want {
			t.Errorf("%s on %q waits: %v", tt.syscall, tt.kind, got)
		}
	}
}

// Every kind is decided on: a new one must be put on one side or the other.
func TestEveryKindWaitsOrIsStorage(t *testing.T) {
	storage := map[string]bool{FDFile: true, FDDir: true, FDBlock: true, fdNoneWord: true}
	for _, kind := range FDKinds() {
		if waitsOn(kind) == storage[kind] {
			t.Errorf("%s waits: %v", kind, waitsOn(kind))
		}
	}
}

// manyRules is a policy of 500 rules that all concern the same call.
func manyRules(tb testing.TB) *Policy {
	var b strings.Builder
	for i := range 500 {
		fmt.Fprintf(&b, "[[rule]]\nname = \"r%d\"\nsyscalls = [\"@known\"]\nunits = [\"app-%d*\", \"x%d.service\"]\nthreshold = \"20ms\"\n", i, i, i)
	}
	return mustParse(tb, b.String())
}

// A judgement allocates nothing, however many rules there are.
func TestJudgeDoesNotAllocate(t *testing.T) {
	p := manyRules(t)
	c := Call{Syscall: "fsync", Unit: "app-499-x.service", Comm: "postgres", FDKind: FDFile, Duration: hours}
	if v, slow := p.Judge(c); !slow || v.Rule != "r4" {
		t.Fatalf("verdict is %+v", v)
	}
	if n := testing.AllocsPerRun(100, func() { p.Judge(c) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkJudge500Rules(b *testing.B) {
	p := manyRules(b)
	for b.Loop() {
		p.Judge(Call{Syscall: "fsync", Unit: "none-of-them.service", Comm: "postgres", FDKind: FDFile, Duration: hours})
	}
}

func BenchmarkJudgeDefault(b *testing.B) {
	p := Default()
	for b.Loop() {
		p.Judge(Call{Syscall: "getpid", Unit: "nginx.service", Comm: "nginx", FDKind: FDNone, Duration: hours})
	}
}

func BenchmarkDefault(b *testing.B) {
	for b.Loop() {
		Default()
	}
}

// A kind is exempt exactly when no call on it is slow, whoever makes it.
func TestExemptKindsAreNeverSlow(t *testing.T) {
	random := rand.New(rand.NewPCG(21, 22))
	known, _ := syscalls.Expand([]string{"@known"})
	for range 100 {
		p := randomPolicy(random)
		for _, name := range append(known[:20:20], "read", "futex", "openat", "close", "getppid", "flock") {
			numbers := syscalls.Numbers(name, []bpf.ABI{bpf.ABIx8664, bpf.ABIi386})
			if len(numbers) == 0 {
				continue
			}
			exempt := p.Exempt(numbers[0])
			for kind := bpf.FDKind(0); kind <= 9; kind++ {
				slow := false
				for _, unit := range []string{"", "b.service", "x\\x2dy", "a1.service", "ab.scope"} {
					for _, comm := range []string{"kworker/1", "a\nb", "\"", "日本語", "z"} {
						_, is := p.Judge(Call{Syscall: name, Unit: unit, Comm: comm, FDKind: kind.String(), Duration: MaxThreshold})
						slow = slow || is
					}
				}
				if slow && exempt>>kind&1 == 1 {
					t.Fatalf("%s on %q is exempt, but may be slow:\n%s", name, kind, p.TOML())
				}
			}
		}
	}
}
