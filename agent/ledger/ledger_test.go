package ledger

import (
	"math/rand/v2"
	"testing"

	"github.com/syscountd/syscountd/agent/histogram"
	"github.com/syscountd/syscountd/bpf"
)

// kernelRow is a row as the kernel grows it.
type kernelRow struct {
	bpf.Row
	histogram [bpf.HistogramSlots]uint32
}

func (r *kernelRow) call(ns uint64, failed bool) {
	r.Count++
	if failed {
		r.Errors++
	}
	r.TotalNs += ns
	if r.MaxNs == 0 || ns < r.MinNs {
		r.MinNs = ns
	}
	r.MaxNs = max(r.MaxNs, ns)
	r.histogram[histogram.Slot(ns)]++
}

func (r *kernelRow) read() bpf.Row {
	row := r.Row
	copied := r.histogram
	row.Histogram = &copied
	return row
}

// endInterval forgets the extremes, as the kernel does.
func (r *kernelRow) endInterval() { r.MinNs, r.MaxNs = 0, 0 }

var (
	read  = bpf.Syscall{ABI: bpf.ABIx8664, Nr: 0}
	write = bpf.Syscall{ABI: bpf.ABIx8664, Nr: 1}
)

func keyOf(group uint64, sc bpf.Syscall, cpu uint16) bpf.RowKey {
	return bpf.RowKey{Group: bpf.Group{ID: group}, Syscall: sc, CPU: cpu}
}

func histogramOf(l *Line) (h histogram.Histogram) {
	l.Histogram(&h)
	return h
}

func TestALineIsWhatCameOnTopSinceTheLastPost(t *testing.T) {
	var row kernelRow
	l := New()
	row.call(1000, false)
	row.call(2000, true)
	first := Lines{}
	l.Post(first, "a", keyOf(1, read, 0), row.read())
	row.endInterval()
	row.call(3000, true)
	second := Lines{}
	l.Post(second, "a", keyOf(1, read, 0), row.read())

	got := first[Key{"a", read}]
	if got.Count != 2 || got.Errors != 1 || got.TotalNs != 3000 || got.MinNs != 1000 || got.MaxNs != 2000 {
		t.Errorf("first interval: %+v", got)
	}
	got = second[Key{"a", read}]
	if got.Count != 1 || got.Errors != 1 || got.TotalNs != 3000 || got.MinNs != 3000 || got.MaxNs != 3000 {
		t.Errorf("second interval: %+v", got)
	}
	if h := histogramOf(got); h.Count() != 1 || h[histogram.Slot(3000)] != 1 {
		t.Errorf("second histogram: %v", h)
	}
}

func TestARowWithoutNewCallsMakesNoLine(t *testing.T) {
	var row kernelRow
	row.call(1000, false)
	l := New()
	l.Post(Lines{}, "a", keyOf(1, read, 0), row.read())
	lines := Lines{}
	l.Post(lines, "a", keyOf(1, read, 0), row.read())
	if len(lines) != 0 {
		t.Errorf("lines %v; want none", lines)
	}
}

func TestRowsOfOneNameShareALine(t *testing.T) {
	var one, two, other kernelRow
	one.call(100, false)
	two.call(5000, false)
	other.call(7, false)
	l, lines := New(), Lines{}
	l.Post(lines, "unit", keyOf(1, read, 0), one.read())
	l.Post(lines, "unit", keyOf(2, read, 1), two.read())
	l.Post(lines, "unit", keyOf(2, write, 1), other.read())
	got := lines[Key{"unit", read}]
	if len(lines) != 2 || got.Count != 2 || got.TotalNs != 5100 || got.MinNs != 100 || got.MaxNs != 5000 {
		t.Errorf("lines %v: %+v", lines, got)
	}
	if l.Rows() != 3 || lines.Groups() != 1 {
		t.Errorf("%d rows, %d groups; want 3, 1", l.Rows(), lines.Groups())
	}
}

func TestPeekRemembersNothing(t *testing.T) {
	var row kernelRow
	row.call(1000, false)
	l := New()
	l.Post(Lines{}, "a", keyOf(1, read, 0), row.read())
	row.call(500, false)
	for range 2 {
		lines := Lines{}
		l.Peek(lines, "a", keyOf(1, read, 0), row.read())
		if got := lines[Key{"a", read}]; got == nil || got.Count != 1 || got.TotalNs != 500 {
			t.Fatalf("peek: %+v", got)
		}
	}
	lines := Lines{}
	l.Post(lines, "a", keyOf(1, read, 0), row.read())
	h := histogramOf(lines[Key{"a", read}])
	if h.Count() != 1 {
		t.Errorf("after the peeks: %d calls in the histogram; want 1", h.Count())
	}
}

func TestAForgottenRowBeginsAtZero(t *testing.T) {
	var row kernelRow
	row.call(1000, false)
	l := New()
	l.Post(Lines{}, "a", keyOf(1, read, 0), row.read())
	l.Forget(keyOf(1, read, 0))
	lines := Lines{}
	l.Post(lines, "a", keyOf(1, read, 0), row.read())
	if lines[Key{"a", read}].Count != 1 || l.Rows() != 1 {
		t.Errorf("lines %v, %d rows", lines, l.Rows())
	}
}

func TestTheKernelsBarsMayWrapAround(t *testing.T) {
	row := kernelRow{}
	row.Count = 1 << 32
	row.histogram[3] = 1<<32 - 1
	l := New()
	l.Post(Lines{}, "a", keyOf(1, read, 0), row.read())
	row.Count += 5
	row.histogram[3] += 5 // is 4 now
	lines := Lines{}
	l.Post(lines, "a", keyOf(1, read, 0), row.read())
	if h := histogramOf(lines[Key{"a", read}]); h[3] != 5 {
		t.Errorf("%d calls in the slot; want 5", h[3])
	}
}

// Whatever the intervals, their lines add up to the rows.
func TestIntervalsAddUpToTheRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		rows := make([]kernelRow, 6)
		l, sum := New(), histogram.Histogram{}
		var count, errors, total uint64
		for range 1 + rng.IntN(8) {
			for range rng.IntN(300) {
				rows[rng.IntN(len(rows))].call(uint64(rng.ExpFloat64()*1e6), rng.IntN(3) == 0)
			}
			lines := Lines{}
			for i := range rows {
				l.Post(lines, "g", keyOf(uint64(i), read, uint16(i)), rows[i].read())
				rows[i].endInterval()
			}
			c, e, n := lines.Total()
			count, errors, total = count+c, errors+e, total+n
			for _, line := range lines {
				line.Histogram(&sum)
			}
		}
		var wantCount, wantErrors, wantTotal uint64
		var want histogram.Histogram
		for i := range rows {
			wantCount += rows[i].Count
			wantErrors += rows[i].Errors
			wantTotal += rows[i].TotalNs
			for slot, n := range rows[i].histogram {
				want[slot] += uint64(n)
			}
		}
		if count != wantCount || errors != wantErrors || total != wantTotal || sum != want {
			t.Fatalf("%d/%d/%d; want %d/%d/%d", count, errors, total, wantCount, wantErrors, wantTotal)
		}
	}
}

func TestTopOrdersByTimeWithWaitsLast(t *testing.T) {
	l, lines := New(), Lines{}
	post := func(group string, id uint64, sc bpf.Syscall, ns ...uint64) {
		var row kernelRow
		for _, n := range ns {
			row.call(n, false)
		}
		l.Post(lines, group, keyOf(id, sc, 0), row.read())
	}
	post("a", 1, read, 100)
	post("b", 2, read, 300)
	post("c", 3, read, 200, 5)
	post("d", 4, write, 1_000_000) // only waits
	top, other := lines.Top(2, func(key Key) bool { return key.Syscall == write })
	if len(top) != 2 || top[0].Group != "b" || top[1].Group != "c" {
		t.Fatalf("top: %v", top)
	}
	if other.Count != 2 || other.TotalNs != 1_000_100 || other.MinNs != 100 || other.MaxNs != 1_000_000 {
		t.Errorf("other: %+v", other)
	}
	if h := histogramOf(other); h.Count() != 2 {
		t.Errorf("%d calls in the folded histogram; want 2", h.Count())
	}
	if all, other := lines.Top(0, func(Key) bool { return false }); len(all) != 4 || other != nil {
		t.Errorf("all: %d lines and %v", len(all), other)
	}
}

func TestExtremesStayInTheHistogram(t *testing.T) {
	var h histogram.Histogram
	h.Add(1000)
	h.Add(50_000)
	lo, _ := histogram.Bounds(histogram.Slot(1000))
	_, hi := histogram.Bounds(histogram.Slot(50_000))
	for _, test := range []struct{ min, max uint64 }{{0, 0}, {5, 90_000_000}, {1000, 50_000}} {
		minNs, maxNs := (&Line{MinNs: test.min, MaxNs: test.max}).Extremes(&h)
		if float64(minNs) < lo || float64(maxNs) > hi || minNs > 1100 || maxNs < 40_000 {
			t.Errorf("%+v gives %d, %d; the calls took 1000 and 50000 ns", test, minNs, maxNs)
		}
	}
	if minNs, maxNs := (&Line{MinNs: 3, MaxNs: 9}).Extremes(&histogram.Histogram{}); minNs != 3 || maxNs != 9 {
		t.Errorf("without a histogram: %d, %d; want 3, 9", minNs, maxNs)
	}
}
