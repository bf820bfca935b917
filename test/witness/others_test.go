package witness

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf"
	"github.com/syscountd/syscountd/bpf/bpftest"
)

// sums is how one sums up calls and their time by syscall. What BEGIN prints comes
// out when everything is attached.
const sums = `BEGIN { printf("attached\n"); }
tracepoint:raw_syscalls:sys_enter { @start[tid] = nsecs; }
tracepoint:raw_syscalls:sys_exit /@start[tid]/ {
	@ns[args->id] = sum(nsecs - @start[tid]); @calls[args->id] = count(); delete(@start[tid]);
}
END { clear(@start); }`

// No call is lost or counted twice while perf and bpftrace look at the same
// tracepoints and threads move between CPUs.
func TestLoadUnderOtherTracers(t *testing.T) {
	bpftest.NeedTracefs(t)
	perf := attach(t, "ready", "perf", "stat", "-a", "-e", "raw_syscalls:sys_enter,raw_syscalls:sys_exit", "--", "sh", "-c", "echo ready; exec cat")
	bpftrace := attach(t, "attached", "bpftrace", "-B", "line", "-c", "/bin/cat", "-e", sums)
	underLoad(t, []int{1, 2, 4, 8}, loadCalls(t))
	bpftrace.finish(fmt.Sprintf("@calls[%d]", unix.SYS_GETPPID))
	perf.finish("raw_syscalls:sys_enter")
}

// The same with perf trace, which makes a call fifty times as dear: it takes a
// fifth of the calls.
func TestLoadUnderPerfTrace(t *testing.T) {
	bpftest.NeedTracefs(t)
	perf := attach(t, "ready", "perf", "trace", "-s", "-a", "--", "sh", "-c", "echo ready; exec cat")
	underLoad(t, []int{2, 8}, loadCalls(t)/5)
	perf.finish("getppid")
}

// underLoad makes so many calls in all, by several numbers of threads one after the
// other, and wants each of them counted.
func underLoad(t *testing.T, threads []int, calls int) {
	t.Helper()
	for _, n := range threads {
		t.Run(fmt.Sprintf("%d threads", n), func(t *testing.T) {
			l := newLoad(t, n, calls/len(threads))
			tracer := watchProcess(t, bpf.Options{GroupBy: bpf.GroupByProcess, Rows: 4096}, l.Process)
			l.run()
			tracer.want(l.answer)
		})
	}
}

// And with strace, under which each call of the process stops twice: a
// fifth, too.
func TestLoadUnderStrace(t *testing.T) {
	l := newLoad(t, 8, loadCalls(t)/5)
	strace := attach(t, "attached", "strace", "-c", "-f", "-p", fmt.Sprint(l.PID()))
	tracer := watchProcess(t, bpf.Options{GroupBy: bpf.GroupByProcess, Rows: 4096}, l.Process)
	l.run()
	strace.finish("getppid")
	tracer.want(l.answer)
}
