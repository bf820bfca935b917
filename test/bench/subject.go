package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"
)

// The subjects that goals and tables name.
const (
	keyNothing   = "nothing"
	keyEmpty     = "empty"
	keyEmptyEnd  = "empty-exit"
	keyEmptyOut  = "empty-switch"
	keyEmptyWait = "empty-waits"
	keyProcess   = "account-process"
	keyNoWaits   = "account-nowaits"
	keyRules     = "account-rules"
	keyFiltered  = "account-filtered"
	keySample16  = "account-sample16"
	keyCount     = "count"
	keyCountOnly = "count-nowaits"
	keyWatch     = "watch"
	keyWakers    = "watch-wakers"
	keyPlain     = "syscount"
	keyLatency   = "syscount-L"
	keyLatencyP  = "syscount-L-P"
	keyLatency1  = "syscount-L-p1"
	keyBpftrace  = "bpftrace"
	keyPerfTrace = "perf-trace"
	keyStrace    = "strace"
)

// subject is what is compared: a tracer, with its options, or none.
type subject struct {
	key  string // for -only and the goals
	name string // for the tables
	// perProcess is a tracer of one process: it is attached to each program anew.
	perProcess bool
	attach     func(context.Context, site) (attachment, error)
}

// subjects are all of them, in the order of the tables. dir is where policies
// are written to, syscountd is our own binary.
func subjects(dir, syscountd string) ([]subject, error) {
	list := []subject{
		{key: keyNothing, name: "nothing", attach: attachNothing},
		{key: keyEmpty, name: "an empty pair of tp_btf programs", attach: attachEmpties(callTracepoints)},
		{key: keyEmptyEnd, name: "an empty tp_btf program on sys_exit", attach: attachEmpties(endTracepoints)},
		{key: keyEmptyOut, name: "an empty tp_btf program on sched_switch", attach: attachEmpties(switchTracepoints)},
		{key: keyEmptyWait, name: "empty tp_btf programs on sched_switch and sched_waking", attach: attachEmpties(waitTracepoints)},
	}
	for _, mode := range modes {
		own, err := mode.subject(dir, syscountd)
		if err != nil {
			return nil, err
		}
		list = append(list, own)
	}
	return append(list, peers()...), nil
}

func attachNothing(context.Context, site) (attachment, error) {
	return attachment{detach: func() error { return nil }, saw: func() bool { return true }}, nil
}

// mode is one way to run syscountd. What the policy leaves out is as shipped: a
// histogram of each row, and every call held against its threshold.
type mode struct {
	key, name string
	policy    string // TOML
	blind     bool   // the filter leaves the load out
	uncounted bool   // it counts no calls
	provoked  bool   // it has seen slow calls before, and looks who wakes threads up
}

var modes = []mode{
	{key: "account-none", name: "syscountd account, whole host", policy: "[collect]\nmode = \"account\"\ngroup_by = \"none\"\n"},
	{key: "account-unit", name: "syscountd account, by unit", policy: "[collect]\nmode = \"account\"\ngroup_by = \"unit\"\n"},
	{key: keyProcess, name: "syscountd account, by process", policy: "[collect]\nmode = \"account\"\ngroup_by = \"process\"\n"},
	{key: keyNoWaits, name: "syscountd account, by process, waits = false", policy: "[collect]\nmode = \"account\"\ngroup_by = \"process\"\nwaits = false\n"},
	{key: keyRules, name: "syscountd account, by process, 500 rules",
		policy: "[collect]\nmode = \"account\"\ngroup_by = \"process\"\n" + manyRules()},
	{key: keySample16, name: "syscountd account, by process, sample 16", policy: "[collect]\nmode = \"account\"\nsample = 16\ngroup_by = \"process\"\n"},
	{key: keyCount, name: "syscountd count, by process", policy: "[collect]\nmode = \"count\"\ngroup_by = \"process\"\n"},
	{key: keyCountOnly, name: "syscountd count, by process, waits = false", policy: "[collect]\nmode = \"count\"\ngroup_by = \"process\"\nwaits = false\n"},
	{key: keyWatch, name: "syscountd watch", uncounted: true, policy: "[collect]\nmode = \"watch\"\n"},
	{key: keyWakers, name: "syscountd watch, in the ten minutes after a slow call", uncounted: true, provoked: true,
		policy: "[collect]\nmode = \"watch\"\n" + slowSleeps},
	{key: keyFiltered, name: "syscountd account, filtered to another PID", blind: true,
		policy: "[collect]\nmode = \"account\"\ngroup_by = \"process\"\n\n[filter]\npids = [1]\n"},
}

// allRows makes the last summary name every call that was seen: the load's must
// be among them.
const allRows = "top = 1000\n"

// sawSummary is a summary of the load's getppid calls.
const sawSummary = `"event":"summary".*"name":"getppid"`

// sawCallbacks is the account that mode watch gives instead, which names no calls.
const sawCallbacks = `"event":"interval".*"callbacks"`

// subject writes the policy of m into dir.
func (m mode) subject(dir, syscountd string) (subject, error) {
	path := filepath.Join(dir, m.key+".toml")
	text := strings.Replace(m.policy, "[collect]\n", "[collect]\n"+allRows, 1)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return subject{}, fmt.Errorf("write policy: %w", err)
	}
	t := tool{
		argv:      []string{syscountd, "--no-dbus", "--output", "stdout", "--config", path},
		readyLine: `"change":"started"`,
	}
	switch {
	case m.uncounted:
		t.sawLine = sawCallbacks
	case !m.blind:
		t.sawLine = sawSummary
	}
	if m.provoked {
		t.readyLine = sawWakersFollowed
		return subject{key: m.key, name: m.name, attach: provoked(t.attach)}, nil
	}
	return subject{key: m.key, name: m.name, attach: t.attach}, nil
}

// bpftraceScript is how one sums up calls and their time by syscall. The
// line of BEGIN comes out when everything is attached: what programs print is
// read from then on.
const bpftraceScript = `BEGIN { printf("attached\n"); }
tracepoint:raw_syscalls:sys_enter { @start[tid] = nsecs; }
tracepoint:raw_syscalls:sys_exit /@start[tid]/ {
	@ns[args->id] = sum(nsecs - @start[tid]); @calls[args->id] = count(); delete(@start[tid]);
}
END { clear(@start); }`

// peers are the tools that others have, as their users run them.
func peers() []subject {
	libbpf := func(key, name string, sawLine string, options ...string) subject {
		// Line by line, or its first line would stay in a buffer.
		argv := append([]string{"stdbuf", "-oL", "syscount", "-T", "1000"}, options...)
		return subject{key: key, name: name, attach: tool{argv: argv, readyLine: "^Tracing syscalls", sawLine: sawLine}.attach}
	}
	bpftrace := tool{
		argv:      []string{"bpftrace", "-B", "line", "-e", bpftraceScript},
		readyLine: "^attached$", sawLine: fmt.Sprintf(`^@calls\[%d\]:`, unix.SYS_GETPPID),
	}
	// perf does not say when it begins. It costs microseconds per call.
	perf := tool{argv: []string{"perf", "trace", "-s", "-a"}, slowdown: 5, sawLine: `\bgetppid\b`}
	strace := tool{argv: []string{"strace", "-c", "-f", "-p", "{pid}"}, readyLine: "^strace: Process [0-9]+ attached", sawLine: `\bgetppid\b`}
	load := `^[0-9]+ +` + regexp.QuoteMeta(ownComm()) + ` ` // PID, COMM
	return []subject{
		libbpf(keyPlain, "libbpf-tools syscount", "^getppid "),
		libbpf(keyLatency, "libbpf-tools syscount -L", "^getppid ", "-L"),
		libbpf(keyLatencyP, "libbpf-tools syscount -L -P", load, "-L", "-P"),
		libbpf(keyLatency1, "libbpf-tools syscount -L -p 1 (another PID)", "", "-L", "-p", "1"),
		{key: keyBpftrace, name: "bpftrace, sum and count by syscall", attach: bpftrace.attach},
		{key: keyPerfTrace, name: "perf trace -s -a", attach: perf.attach},
		{key: keyStrace, name: "strace -c -f -p PID", attach: strace.attach, perProcess: true},
	}
}

// ownComm is our command name, and the load's: the kernel keeps 15 bytes of it.
func ownComm() string {
	name := filepath.Base(os.Args[0])
	return name[:min(len(name), 15)]
}

// selectSubjects keeps those whose keys are listed, and "nothing", without
// which no cost can be told. An empty list keeps all.
func selectSubjects(list []subject, only []string) ([]subject, error) {
	if len(only) == 0 {
		return list, nil
	}
	wanted := map[string]bool{keyNothing: true}
	for _, key := range only {
		wanted[key] = true
	}
	var kept []subject
	var keys []string
	for _, s := range list {
		keys = append(keys, s.key)
		if wanted[s.key] {
			kept = append(kept, s)
			delete(wanted, s.key)
		}
	}
	for _, key := range only {
		if wanted[key] {
			return nil, fmt.Errorf("-only %q: must be among %s", key, strings.Join(keys, ", "))
		}
	}
	return kept, nil
}
