package policy

import (
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/syscountd/syscountd/agent/decode"
	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// pick gives one of a few values.
func pick[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

// some gives none to two of a few values.
func some[T any](random *rand.Rand, values ...T) []T {
	var list []T
	for range random.IntN(3) {
		list = append(list, pick(random, values...))
	}
	return list
}

// randomConditions gives a rule some of the conditions that only user space knows.
func randomConditions(random *rand.Rand, r *Rule) {
	if random.IntN(2) == 0 {
		return
	}
	r.Cgroups = some(random, "/system.slice/**", `/a\x2db`, "/**/*.scope")
	r.Containers = some(random, "docker", "3f2a*", "*")
	r.Executables = some(random, "/usr/bin/*", "/opt/**")
	r.UIDs = some[uint32](random, 0, 1000, maxUID)
	r.Paths = some(random, "/srv/**", "**/*.wal", "/a{b}?")
	r.ABIs = some(random, abiNames...)
	r.Result = pick(random, "", "", ResultOK, ResultFailed)
	if r.Result != ResultOK {
		r.Errnos = some(random, "EIO", "EAGAIN", "EWOULDBLOCK")
	}
	r.IOWait = pick(random, Least{}, Least{Percent: 50}, Least{Time: 20 * ms})
	r.Runqueue = pick(random, Least{}, Least{}, Least{Percent: 100})
	r.CPU = pick(random, Least{}, Least{}, Least{Time: 1500 * time.Nanosecond})
	r.Rate = random.IntN(3)
	r.Stack = random.IntN(2) == 0
	if random.IntN(4) == 0 {
		r.Syscalls, r.Auto, r.Threshold = pick(random, []string{"fsync"}, []string{"@sync", "@storage"}), true, 0
		return
	}
	if random.IntN(3) == 0 {
		r.Syscalls, r.Overshoot, r.Threshold = pick(random, []string{"nanosleep", "poll"}, []string{"@wait", "futex"}), 5*ms, 0
	}
}

// randomCall makes any call that the kernel side could hand over.
func randomCall(random *rand.Rand, sc bpf.Syscall) Call {
	c := Call{
		Syscall: syscalls.Name(sc), ABI: sc.ABI,
		Unit:        pick(random, "", "a.service", "ab.service", "a1.scope", `x\x2dy`, "b.service"),
		Cgroup:      pick(random, "", "/", "/system.slice/a.service", `/a\x2db`, "/x/y/z.scope"),
		ContainerID: pick(random, "", "3f2a00", "z"), Runtime: pick(random, "", "docker"),
		Comm:       pick(random, "", "kworker/0:1", "a\nb", "\"", "日本x"),
		Executable: pick(random, "", "/usr/bin/a", "/opt/a/b"), UID: pick[uint32](random, 0, 1000, 7),
		FDKind: pick(random, append(FDKinds(), FDNone)...), Paths: some(random, "/srv/a/b", "x.wal", "/a{b}c", "\xff"),
		Duration: pick(random, Never-1, time.Duration(random.Int64N(int64(20*time.Second)))>>random.IntN(20)),
		Open:     random.IntN(4) == 0, Errno: pick(random, 0, 5, 11),
	}
	c.Learned = pick(random, 0, time.Microsecond, 20*ms)
	c.Times = Times{random.IntN(2) == 0, c.Duration / 2, c.Duration / 3, c.Duration / 6}
	if c.HasTimeout = decode.TakesTimeout(c.Syscall) && random.IntN(2) == 0; c.HasTimeout {
		c.Overshoot = time.Duration(random.Int64N(int64(c.Duration) + 1))
	}
	return c
}

// equal compares what policies say, not where it was read.
func equal(p, q *Policy) bool { return reflect.DeepEqual(withoutTraces(p), withoutTraces(q)) }

// withoutTraces leaves out what differs between two readings of the same: the files, and
// what the judge remembers.
func withoutTraces(p *Policy) Policy {
	bare := *p
	bare.Files, bare.origins, bare.judge = nil, nil, nil
	return bare
}
