package agent

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/histogram"
	"github.com/syscountd/syscountd/agent/ledger"
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/sink"
	"github.com/syscountd/syscountd/bpf"
)

// hostKernel has the rows of many processes, in an order that stays.
type hostKernel struct {
	*fakeKernel
	processes, calls int
	churn            bool // all of them end in each interval, and others come
	first            uint32
	rows             []bpf.Row
	histogram        [bpf.HistogramSlots]uint32
}

func newHostKernel(processes, calls int, churn bool) *hostKernel {
	k := &hostKernel{fakeKernel: newFakeKernel(), processes: processes, calls: calls, churn: churn, first: 1000}
	k.rows = make([]bpf.Row, processes*calls)
	return k
}

func (k *hostKernel) group(i int) bpf.Group {
	pid := k.first + uint32(i)
	return bpf.Group{ID: uint64(pid) * 1e6, PID: pid}
}

func (k *hostKernel) EachProcess(fn func(bpf.Group, bpf.ProcessName)) error {
	for i := range k.processes {
		name, _ := k.Process(k.group(i))
		fn(k.group(i), name)
	}
	return nil
}

func (k *hostKernel) Process(bpf.Group) (bpf.ProcessName, bool) {
	return bpf.ProcessName{Comm: "cc1", UID: 1000, Exited: k.churn}, true
}

// EachRow gives rows of five calls each, all different; the histogram is shared, which nobody sees.
func (k *hostKernel) EachRow(_ uint32, fn func(bpf.RowKey, bpf.Row)) error {
	for i := range k.processes {
		for nr := range k.calls {
			n := i*k.calls + nr
			row := &k.rows[n]
			row.Count, row.Timed, row.TotalNs = row.Count+5, row.Timed+5, row.TotalNs+uint64(5000+n*7919%10007)
			k.histogram[histogram.Slot(1000+uint64(n)%500)] = uint32(row.Count)
			given := *row
			given.Histogram = &k.histogram
			fn(bpf.RowKey{Group: k.group(i), Syscall: bpf.Syscall{ABI: bpf.ABIx8664, Nr: int32(nr)}}, given)
		}
	}
	return nil
}

func (k *hostKernel) DeleteRows(keys []bpf.RowKey) error {
	if len(keys) > 0 {
		k.first += uint32(k.processes)
		clear(k.rows)
		clear(k.histogram[:])
	}
	return nil
}

// BenchmarkInterval is what the end of an interval takes under the policy of the quick start, but for the
// kernel side: once with 250 processes that stay, once with as many as a build of short ones makes in 2 s.
func BenchmarkInterval(b *testing.B) {
	for _, host := range []struct {
		name             string
		processes, calls int
		churn            bool
	}{{"steady", 250, 20, false}, {"build", 1000, 24, true}} {
		for _, output := range []string{"stdout", "journal"} {
			b.Run(host.name+"/"+output, func(b *testing.B) {
				kernel := newHostKernel(host.processes, host.calls, host.churn)
				a := benchAgent(b, kernel, benchSink(b, output))
				before := processNs()
				for b.Loop() {
					a.endInterval(false)
				}
				b.ReportMetric(float64(processNs()-before)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

func benchAgent(b testing.TB, kernel Kernel, out Sink) *Agent {
	b.Helper()
	p, err := policy.Parse("bench.toml", []byte("[collect]\nmode = \"account\"\ninterval = \"2s\"\ngroup_by = \"process\"\ntop = 10\n"))
	if err != nil {
		b.Fatal(err)
	}
	env := Env{
		Sink: out, Stamp: record.NewStamper("0123456789abcdef0123456789abcdef"), Log: slog.New(slog.DiscardHandler),
		Now: time.Now, Boot: time.Now, MonoNs: monoNs, CPUs: 2, CPUNs: processNs, RSSBytes: func() uint64 { return 0 },
	}
	a := New(env, p)
	a.session = newSession(env, kernel, p, ledger.New())
	a.beginInterval(env.Now())
	b.Cleanup(func() {
		if err := a.session.close(); err != nil {
			b.Error(err)
		}
	})
	return a
}

// benchSink writes to nowhere, or to a journal that reads.
func benchSink(b testing.TB, output string) Sink {
	b.Helper()
	if output == "stdout" {
		s := sink.NewStdout(io.Discard)
		b.Cleanup(func() { _ = s.Close(context.Background()) })
		return s
	}
	path := filepath.Join(b.TempDir(), "socket")
	journal, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		b.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, journal) }()
	s := sink.NewJournal(path)
	b.Cleanup(func() {
		_ = s.Close(context.Background())
		_ = journal.Close()
	})
	return s
}

// processNs is the CPU time of this process.
func processNs() uint64 {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		panic(fmt.Sprint("getrusage: ", err))
	}
	return uint64(used.Utime.Nano() + used.Stime.Nano())
}
