package ledger

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
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

// named is a group of its own for each name of up to 8 letters.
func named(name string) bpf.Group {
	var id [8]byte
	copy(id[:], name)
	return bpf.Group{ID: binary.LittleEndian.Uint64(id[:])}
}

// only is an interval with this row alone: what it says of it, nil if nothing.
func only(l *Ledger, group bpf.Group, key bpf.RowKey, row bpf.Row) *Line {
	l.Begin()
	l.Post(group, key, row)
	return lineOf(l.Lines(), group, key.Syscall)
}

// lineOf is nil if there is none.
func lineOf(lines Lines, group bpf.Group, sc bpf.Syscall) *Line {
	for _, line := range lines {
		if line.Key == (Key{group, sc}) {
			return line
		}
	}
	return nil
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
	got := only(l, named("a"), keyOf(1, read, 0), row.read())
	if got.Count != 2 || got.Errors != 1 || got.TotalNs != 3000 || got.MinNs != 1000 || got.MaxNs != 2000 {
		t.Errorf("first interval: %+v", got)
	}
	row.endInterval()
	row.call(3000, true)
	got = only(l, named("a"), keyOf(1, read, 0), row.read())
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
	only(l, named("a"), keyOf(1, read, 0), row.read())
	if got := only(l, named("a"), keyOf(1, read, 0), row.read()); got != nil || len(l.Lines()) != 0 {
		t.Errorf("lines %v; want none", l.Lines())
	}
}

func TestRowsOfOneGroupShareALine(t *testing.T) {
	var one, two, other kernelRow
	one.call(100, false)
	two.call(5000, false)
	other.call(7, false)
	l := New()
	l.Begin()
	l.Post(named("unit"), keyOf(1, read, 0), one.read())
	l.Post(named("unit"), keyOf(2, read, 1), two.read())
	l.Post(named("unit"), keyOf(2, write, 1), other.read())
	lines := l.Lines()
	got := lineOf(lines, named("unit"), read)
	if len(lines) != 2 || got.Count != 2 || got.TotalNs != 5100 || got.MinNs != 100 || got.MaxNs != 5000 {
		t.Errorf("lines %v: %+v", lines, got)
	}
	if l.Rows() != 3 || l.Groups() != 1 {
		t.Errorf("%d rows, %d groups; want 3, 1", l.Rows(), l.Groups())
	}
}

func TestAnIntervalHasItsOwnLinesAndGroups(t *testing.T) {
	var one, two, other kernelRow
	one.call(100, false)
	two.call(200, false)
	other.call(300, false)
	l := New()
	l.Begin()
	l.Post(named("a"), keyOf(1, read, 0), one.read())
	l.Post(named("a"), keyOf(1, write, 0), two.read())
	l.Post(named("b"), keyOf(2, read, 0), other.read())
	if len(l.Lines()) != 3 || l.Groups() != 2 {
		t.Errorf("%d lines of %d groups; want 3, 2", len(l.Lines()), l.Groups())
	}
	l.Begin()
	if len(l.Lines()) != 0 || l.Groups() != 0 {
		t.Errorf("%d lines of %d groups when nothing has happened yet", len(l.Lines()), l.Groups())
	}
	l.Begin() // and none in an interval in between
	two.call(7000, true)
	l.Post(named("a"), keyOf(1, read, 0), one.read())
	l.Post(named("a"), keyOf(1, write, 0), two.read())
	l.Post(named("b"), keyOf(2, read, 0), other.read())
	if len(l.Lines()) != 1 || l.Groups() != 1 {
		t.Fatalf("%d lines of %d groups; want 1, 1", len(l.Lines()), l.Groups())
	}
	got := lineOf(l.Lines(), named("a"), write)
	if h := histogramOf(got); got.Count != 1 || got.Errors != 1 || got.TotalNs != 7000 || h.Count() != 1 || h[histogram.Slot(7000)] != 1 {
		t.Errorf("%+v, %v; want the one call of this interval", got, h)
	}
}

func TestALookRemembersNothing(t *testing.T) {
	var row kernelRow
	row.call(1000, false)
	l := New()
	only(l, named("a"), keyOf(1, read, 0), row.read())
	row.call(500, false)
	for range 2 {
		look := l.Look()
		look.Post(named("a"), keyOf(1, read, 0), row.read())
		look.Post(named("a"), keyOf(1, read, 1), row.read()) // which the ledger has not seen
		got := lineOf(look.Lines(), named("a"), read)
		if len(look.Lines()) != 1 || got.Count != 1+2 || got.TotalNs != 500+1500 {
			t.Fatalf("look: %+v", got)
		}
	}
	h := histogramOf(only(l, named("a"), keyOf(1, read, 0), row.read()))
	if h.Count() != 1 {
		t.Errorf("after the looks: %d calls in the histogram; want 1", h.Count())
	}
}

func TestAForgottenRowBeginsAtZero(t *testing.T) {
	var row kernelRow
	row.call(1000, false)
	l := New()
	only(l, named("a"), keyOf(1, read, 0), row.read())
	l.Forget(keyOf(1, read, 0))
	l.Forget(keyOf(1, read, 0)) // it is not there
	if got := only(l, named("a"), keyOf(1, read, 0), row.read()); got.Count != 1 || l.Rows() != 1 {
		t.Errorf("line %+v, %d rows", got, l.Rows())
	}
}

func TestTheKernelsBarsMayWrapAround(t *testing.T) {
	row := kernelRow{}
	row.Count = 1 << 32
	row.histogram[3] = 1<<32 - 1
	l := New()
	only(l, named("a"), keyOf(1, read, 0), row.read())
	row.Count += 5
	row.histogram[3] += 5 // is 4 now
	if h := histogramOf(only(l, named("a"), keyOf(1, read, 0), row.read())); h[3] != 5 {
		t.Errorf("%d calls in the slot; want 5", h[3])
	}
}

// A counter that has run round to 0 is not taken for one that was never there.
func TestTheKernelsBarsMayWrapToZero(t *testing.T) {
	row := kernelRow{}
	row.Count = 1
	row.histogram[41] = 1<<32 - 3
	l := New()
	only(l, named("a"), keyOf(1, read, 0), row.read())
	row.Count += 3
	row.histogram[41] = 0
	if h := histogramOf(only(l, named("a"), keyOf(1, read, 0), row.read())); h[41] != 3 || h.Count() != 3 {
		t.Errorf("%d calls in the slot of %d; want 3", h[41], h.Count())
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
			l.Begin()
			for _, i := range rng.Perm(len(rows)) {
				l.Post(named("g"), keyOf(uint64(i), read, uint16(i)), rows[i].read())
				rows[i].endInterval()
			}
			lines := l.Lines()
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
	l := New()
	l.Begin()
	post := func(group string, id uint64, sc bpf.Syscall, ns ...uint64) {
		var row kernelRow
		for _, n := range ns {
			row.call(n, false)
		}
		l.Post(named(group), keyOf(id, sc, 0), row.read())
	}
	post("a", 1, read, 100)
	post("b", 2, read, 300)
	post("c", 3, read, 200, 5)
	post("d", 4, write, 1_000_000) // only waits
	lines := l.Lines()
	top, other := lines.Top(2, func(sc bpf.Syscall) bool { return sc == write })
	if len(top) != 2 || top[0].Group != named("b") || top[1].Group != named("c") {
		t.Fatalf("top: %v", top)
	}
	if other.Count != 2 || other.TotalNs != 1_000_100 || other.MinNs != 100 || other.MaxNs != 1_000_000 {
		t.Errorf("other: %+v", other)
	}
	if h := histogramOf(other); h.Count() != 2 {
		t.Errorf("%d calls in the folded histogram; want 2", h.Count())
	}
	if all, other := lines.Top(0, func(bpf.Syscall) bool { return false }); len(all) != 4 || other != nil {
		t.Errorf("all: %d lines and %v", len(all), other)
	}
}

// Mode count takes the time of few calls, or of none.
func TestTopOrdersByNumberWhereNothingWasTimed(t *testing.T) {
	var lines Lines
	for i, count := range []uint64{3, 9, 1, 7} {
		lines = append(lines, &Line{Key: Key{bpf.Group{PID: uint32(i)}, read}, Count: count})
	}
	lines[2].Timed, lines[2].TotalNs = 1, 5
	top, _ := lines.Top(3, func(bpf.Syscall) bool { return false })
	var counts []uint64
	for _, line := range top {
		counts = append(counts, line.Count)
	}
	if want := []uint64{1, 9, 7}; !slices.Equal(counts, want) {
		t.Errorf("lines of %v calls; want %v", counts, want)
	}
}

// Whatever n, the first n of all lines in order come out, and the rest adds up.
func TestTopIsTheBeginningOfAllInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 7))
	for range 100 {
		lines := Lines{}
		for i := range 1 + rng.IntN(200) {
			key := Key{named(string(rune('a' + i%26))), bpf.Syscall{Nr: int32(i / 26)}}
			lines = append(lines, &Line{Key: key, Count: 1, TotalNs: rng.Uint64N(30)})
		}
		rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		waits := func(sc bpf.Syscall) bool { return sc.Nr%3 == 0 }
		all, _ := lines.Top(0, waits)
		if len(all) != len(lines) || !slices.IsSortedFunc(all, compare) {
			t.Fatalf("%d of %d lines, or not in order", len(all), len(lines))
		}
		n := 1 + rng.IntN(len(all))
		top, other := lines.Top(n, waits)
		if !slices.Equal(top, all[:n]) {
			t.Fatalf("the first %d are not those of all %d", n, len(all))
		}
		if rest := len(all) - n; (other == nil) != (rest == 0) || other != nil && other.Count != uint64(rest) {
			t.Fatalf("below are %d lines; got %+v", rest, other)
		}
	}
}

func TestALineIsEmptyWhenAnIntervalBegins(t *testing.T) {
	var one, two kernelRow
	l := New()
	for interval := range 5 {
		one.call(1000, true)
		one.call(50_000, true)
		two.call(7, false)
		l.Begin()
		l.Post(named("a"), keyOf(1, read, 0), one.read())
		if interval%2 == 0 {
			l.Post(named("b"), keyOf(2, write, 0), two.read())
			two.endInterval()
		}
		one.endInterval()
		a, b := lineOf(l.Lines(), named("a"), read), lineOf(l.Lines(), named("b"), write)
		if h := histogramOf(a); a.Count != 2 || a.Errors != 2 || a.TotalNs != 51_000 || h.Count() != 2 || a.MaxNs != 50_000 {
			t.Fatalf("interval %d: %+v", interval, a)
		}
		if (b == nil) != (interval%2 == 1) {
			t.Fatalf("interval %d: %+v", interval, b)
		}
		if b == nil {
			continue
		}
		if h := histogramOf(b); h.Count() != b.Count || h[histogram.Slot(7)] != b.Count {
			t.Fatalf("interval %d: %+v with %d calls in the histogram", interval, b, h.Count())
		}
	}
}

// A row may be posted to another group, and get a line with it; nothing stays of what no row
// belongs to.
func TestARowFollowsItsGroup(t *testing.T) {
	var one, two kernelRow
	l := New()
	for interval, name := range []string{"sh", "sh", "dd", "sh"} {
		one.call(100, false)
		two.call(100, false)
		l.Begin()
		l.Post(named(name), keyOf(1, read, 0), one.read())
		l.Post(named("dd"), keyOf(2, read, 0), two.read())
		got, lines := lineOf(l.Lines(), named(name), read), map[string]int{"sh": 2, "dd": 1}[name]
		if len(l.Lines()) != lines || got.Count != uint64(3-lines) || len(l.all) != lines {
			t.Errorf("interval %d: %d lines of %d, %+v", interval, len(l.Lines()), len(l.all), got)
		}
	}
	l.Forget(keyOf(1, read, 0))
	l.Forget(keyOf(2, read, 0))
	if l.Rows() != 0 || len(l.all) != 0 {
		t.Errorf("%d rows and %d lines when all are forgotten", l.Rows(), len(l.all))
	}
}

// Rows come and go and change places: each difference is that of its own row.
func TestTheOrderOfRowsIsOfNoMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	rows := make([]kernelRow, 40)
	l := New()
	for interval := range 200 {
		l.Begin()
		want := map[Key]uint64{}
		order := rng.Perm(len(rows))
		if interval%3 > 0 {
			slices.Sort(order)
		}
		for _, i := range order {
			key := keyOf(uint64(i), bpf.Syscall{Nr: int32(i)}, 0)
			switch rng.IntN(20) {
			case 0:
				l.Forget(key)
				rows[i] = kernelRow{}
				continue
			case 1:
				continue
			}
			was := rows[i].TotalNs
			rows[i].call(rng.Uint64N(1000), false)
			l.Post(named("g"), key, rows[i].read())
			want[Key{named("g"), key.Syscall}] = rows[i].TotalNs - was
		}
		if len(l.Lines()) != len(want) {
			t.Fatalf("interval %d: %d lines; want %d", interval, len(l.Lines()), len(want))
		}
		for _, line := range l.Lines() {
			if line.TotalNs != want[line.Key] || line.Count != 1 {
				t.Fatalf("interval %d: %+v; want %d ns", interval, line, want[line.Key])
			}
		}
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
