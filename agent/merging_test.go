package agent

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/syscountd/syscountd/agent/histogram"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/record/recordtest"
	"github.com/syscountd/syscountd/bpf"
)

// ended is a call, and where and when it was seen to end.
type ended struct {
	bpf.Syscall
	ns             uint64
	failed         bool
	host, interval int
	cpu            uint16
}

// someCalls are of some hosts and intervals, from 100 ns to 1000 s, as many in each octave.
func someCalls(random *rand.Rand, n, hosts, intervals int, syscalls ...bpf.Syscall) []ended {
	all := make([]ended, n)
	for i := range all {
		all[i] = ended{
			Syscall: syscalls[random.IntN(len(syscalls))],
			ns:      uint64(100 * math.Pow(1e10, random.Float64())), failed: random.IntN(4) == 0,
			host: random.IntN(hosts), interval: random.IntN(intervals), cpu: uint16(random.IntN(4)),
		}
	}
	return all
}

// end puts a call into its row, as the kernel side does.
func (k *fakeKernel) end(c ended) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := bpf.RowKey{Group: bpf.Group{ID: 7}, Syscall: c.Syscall, CPU: c.cpu}
	if k.rows[key] == nil {
		k.rows[key] = &fakeRow{}
	}
	row := k.rows[key]
	row.Count++
	row.Timed++
	if c.failed {
		row.Errors++
	}
	row.TotalNs += c.ns
	if row.MaxNs == 0 || c.ns < row.MinNs {
		row.MinNs = c.ns
	}
	row.MaxNs = max(row.MaxNs, c.ns)
	row.histogram[histogram.Slot(c.ns)]++
}

// newInterval forgets the extremes, as the kernel side does.
func (k *fakeKernel) newInterval() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, row := range k.rows {
		row.MinNs, row.MaxNs = 0, 0
	}
}

// host is an agent that sees these calls, interval by interval; it gives the lines of its
// summaries. A weight makes each call count as so many: a record of large numbers is too
// long, and gets a coarser histogram.
func host(t *testing.T, unit string, intervals int, weight uint64, calls []ended) (lines [][]byte) {
	t.Helper()
	r := runAgent(t, quiet+"group_by = \"unit\"\n")
	k := r.kernel()
	k.cgroups[7] = "/system.slice/" + unit
	for interval := range intervals {
		for _, c := range calls {
			if c.interval == interval {
				k.end(c)
			}
		}
		r.do(Flush{})
		k.newInterval()
		for _, s := range only[*record.Summary](r.out.take()) {
			s.Count, s.Errors = s.Count*weight, s.Errors*weight
			for i := range s.Histogram.Counts {
				s.Histogram.Counts[i] *= weight
			}
			line := record.Marshal(s)
			recordtest.Validate(t, line)
			lines = append(lines, line)
		}
	}
	must(t, r.stop())
	return lines
}

// summed is what a reader makes of summaries: he knows docs/records.md and OpenTelemetry's
// exponential histograms, and nothing of ours.
type summed struct {
	count, errors, totalNs, minNs, maxNs uint64
	quantiles                            [4]uint64 // of a single record, as it says
	scale                                int
	buckets                              map[int]uint64
}

func readSummary(t *testing.T, line []byte) (syscall string, s summed) {
	t.Helper()
	var r struct {
		Syscall   struct{ Name string }
		Count     uint64
		Errors    uint64
		TotalNs   uint64 `json:"total_ns"`
		MinNs     uint64 `json:"min_ns"`
		MaxNs     uint64 `json:"max_ns"`
		P50       uint64 `json:"p50_ns"`
		P90       uint64 `json:"p90_ns"`
		P99       uint64 `json:"p99_ns"`
		P999      uint64 `json:"p999_ns"`
		Histogram struct {
			Scale, Offset int
			Counts        []uint64
		}
	}
	must(t, json.Unmarshal(line, &r))
	s = summed{r.Count, r.Errors, r.TotalNs, r.MinNs, r.MaxNs, [4]uint64{r.P50, r.P90, r.P99, r.P999}, r.Histogram.Scale, map[int]uint64{}}
	for i, n := range r.Histogram.Counts {
		if n > 0 {
			s.buckets[r.Histogram.Offset+i] = n
		}
	}
	return r.Syscall.Name, s
}

// at is the same at a coarser scale.
func (s summed) at(scale int) summed {
	buckets := map[int]uint64{}
	for index, n := range s.buckets {
		buckets[index>>(s.scale-scale)] += n
	}
	s.scale, s.buckets = scale, buckets
	return s
}

func (s summed) plus(other summed) summed {
	scale := min(s.scale, other.scale)
	sum, other := s.at(scale), other.at(scale)
	sum.count, sum.errors, sum.totalNs = s.count+other.count, s.errors+other.errors, s.totalNs+other.totalNs
	sum.minNs, sum.maxNs = min(s.minNs, other.minNs), max(s.maxNs, other.maxNs)
	for index, n := range other.buckets {
		sum.buckets[index] += n
	}
	return sum
}

// quantile is the middle of the bucket that has the call of this rank, narrowed to the
// shortest and longest one.
func (s summed) quantile(q float64) uint64 {
	rank, below := max(uint64(math.Ceil(q*float64(s.count))), 1), uint64(0)
	for _, index := range slices.Sorted(maps.Keys(s.buckets)) {
		if below += s.buckets[index]; below >= rank {
			base := math.Exp2(math.Exp2(-float64(s.scale)))
			lo, hi := math.Pow(base, float64(index)), math.Pow(base, float64(index+1))
			lo, hi = max(lo, float64(s.minNs)), min(hi, float64(s.maxNs))
			return uint64(math.Round(math.Sqrt(lo) * math.Sqrt(hi)))
		}
	}
	return 0
}

// added up by syscall.
func added(t *testing.T, lines [][]byte) map[string]summed {
	t.Helper()
	sums := map[string]summed{}
	for _, line := range lines {
		syscall, s := readSummary(t, line)
		if before, ok := sums[syscall]; ok {
			s = before.plus(s)
		}
		sums[syscall] = s
	}
	return sums
}

// The records of several intervals and hosts, added up by a reader, are what one host would
// have told of one interval.
func TestRecordsOfIntervalsAndHostsAddUp(t *testing.T) {
	coarse := 0
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 17))
		hosts, intervals := 1+random.IntN(3), 1+random.IntN(4)
		calls, unit, weight := someCalls(random, 1+random.IntN(300), hosts, intervals, getppid, fsync, nanos), "a.service", uint64(1)
		if seed%2 == 1 {
			calls, unit, weight = someCalls(random, 1000+random.IntN(500), hosts, intervals, fsync), strings.Repeat("a", 240)+".service", 1e16
		}
		var lines [][]byte
		for h := range hosts {
			lines = append(lines, host(t, unit, intervals, weight, slices.DeleteFunc(slices.Clone(calls), func(c ended) bool { return c.host != h }))...)
		}
		for i := range calls {
			calls[i].interval = 0
		}
		got, want := added(t, lines), added(t, host(t, unit, 1, weight, calls))
		if len(got) != len(want) {
			t.Errorf("seed %d: %d syscalls; want %d", seed, len(got), len(want))
		}
		for syscall := range want {
			if want[syscall].scale < 2 {
				coarse++
			}
			wantSameSum(t, fmt.Sprintf("seed %d, %d hosts, %d intervals, %s", seed, hosts, intervals, syscall), got[syscall], want[syscall])
		}
	}
	if coarse == 0 {
		t.Error("no record had a coarser histogram: that they add up was not tested")
	}
	t.Logf("%d records had a coarser histogram", coarse)
}

// wantSameSum compares at the coarser of the two scales; where that is the usual one, the
// quantiles have to be those that the record itself tells.
func wantSameSum(t *testing.T, what string, got, want summed) {
	t.Helper()
	scale := min(got.scale, want.scale)
	coarser := want.at(scale)
	got = got.at(scale)
	if got.count != want.count || got.errors != want.errors || got.totalNs != want.totalNs || got.minNs != want.minNs || got.maxNs != want.maxNs {
		t.Errorf("%s: %+v; want %+v", what, got, want)
	}
	if !maps.Equal(got.buckets, coarser.buckets) {
		t.Errorf("%s: buckets %v; want %v", what, got.buckets, coarser.buckets)
	}
	for i, q := range []float64{0.5, 0.9, 0.99, 0.999} {
		expected := want.quantiles[i]
		if scale < 2 || want.scale < 2 {
			expected = coarser.quantile(q)
		}
		if n := got.quantile(q); n != expected {
			t.Errorf("%s: quantile %g is %d; want %d", what, q, n, expected)
		}
	}
}
