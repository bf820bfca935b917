package learn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/histogram"
)

const ms = time.Millisecond

var (
	options = Options{Floor: 5 * ms, Multiple: 5, Quantile: 0.999, Window: time.Hour}
	fsync   = Key{"db.service", "fsync"}
	origin  = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
)

// disk makes durations of which one in a thousand is at p999 or longer: log-normal, as those of
// disks are, with a median of p999/6.
type disk struct{ *rand.Rand }

func (d disk) took(p999 time.Duration) time.Duration {
	const z = 3.0902 // of the normal distribution's 0.999
	sigma := math.Log(6) / z
	return time.Duration(float64(p999) / 6 * math.Exp(sigma*d.NormFloat64()))
}

// interval lets some hundred calls happen, teaches the table, and says how many of them were slow.
func (d disk) interval(t *Table, now time.Time, p999 time.Duration) (slow int) {
	var h histogram.Histogram
	var longest uint64
	threshold := t.Threshold(options, fsync)
	for range 300 + d.IntN(600) {
		took := d.took(p999)
		if threshold > 0 && took >= threshold {
			slow++
		}
		h.Add(uint64(took))
		longest = max(longest, uint64(took))
	}
	t.Observe(options, now, fsync, &h, longest)
	return slow
}

// A disk whose fsync needs 2 ms at its p99.9 is usual, for hours; when that becomes 15 ms, it
// is reported within two intervals, and goes on to be for a third of the window at least.
func TestADiskThatDegradesIsReportedAndAHealthyOneIsNot(t *testing.T) {
	for seed := range uint64(20) {
		d, table, now := disk{rand.New(rand.NewPCG(seed, 7))}, &Table{}, origin
		for range 6 * 60 {
			now = now.Add(time.Minute)
			if n := d.interval(table, now, 2*ms); n > 0 {
				t.Errorf("seed %d: %d calls of the healthy disk are slow at %v, from %v on", seed, n, now.Sub(origin), table.Threshold(options, fsync))
			}
		}
		learned := table.Threshold(options, fsync)
		if learned < 7*ms || learned > 15*ms {
			t.Errorf("seed %d: the threshold is %v", seed, learned)
		}
		slow := 0
		for i := range 20 {
			now = now.Add(time.Minute)
			if slow += d.interval(table, now, 15*ms); i == 1 && slow == 0 {
				t.Errorf("seed %d: nothing is slow in two intervals, from %v on", seed, learned)
			}
		}
		if got := table.Threshold(options, fsync); got > learned*5/4 {
			t.Errorf("seed %d: after 20 minutes of trouble the threshold is %v, was %v", seed, got, learned)
		}
	}
}

// What lasts longer than the window is what is usual now; what becomes faster is noticed too.
func TestANewDiskIsLearned(t *testing.T) {
	d, table, now := disk{rand.New(rand.NewPCG(1, 8))}, &Table{}, origin
	phase := func(p999 time.Duration) time.Duration {
		for range 90 {
			now = now.Add(time.Minute)
			d.interval(table, now, p999)
		}
		return table.Threshold(options, fsync)
	}
	if slow := phase(20 * ms); slow < 70*ms || slow > 150*ms {
		t.Errorf("of a slow disk %v", slow)
	}
	if fast := phase(2 * ms); fast < 7*ms || fast > 15*ms {
		t.Errorf("of a fast one %v", fast)
	}
	if nvme := phase(ms / 10); nvme != options.Floor {
		t.Errorf("of one below the floor %v", nvme)
	}
}

// teach gives the table parts in which all calls took the same.
func teach(table *Table, now time.Time, key Key, took ...time.Duration) time.Time {
	for _, d := range took {
		var h histogram.Histogram
		for range minCalls {
			h.Add(uint64(d))
		}
		now = now.Add(options.Window / parts)
		table.Observe(options, now, key, &h, uint64(d))
	}
	return now
}

func TestNothingIsKnownTooEarly(t *testing.T) {
	table := &Table{}
	var few histogram.Histogram
	few.Add(uint64(ms))
	now := origin
	for range minCalls - 1 {
		now = now.Add(time.Hour)
		table.Observe(options, now, fsync, &few, uint64(ms))
	}
	if len(table.rows[fsync].past) != 0 {
		t.Error("a part with few calls counts")
	}
	table = &Table{}
	now = teach(table, origin, fsync, 2*ms, 2*ms, 2*ms) // the first only begins
	if d := table.Threshold(options, fsync); d != 0 {
		t.Errorf("%v after two parts", d)
	}
	teach(table, now, fsync, 2*ms)
	if d := table.Threshold(options, fsync); d < 9*ms || d > 11*ms {
		t.Errorf("%v after three parts", d)
	}
}

func TestSmallStepsChangeNothing(t *testing.T) {
	table := &Table{}
	now := teach(table, origin, fsync, 10*ms, 10*ms, 10*ms, 10*ms)
	before := table.Threshold(options, fsync)
	now = teach(table, now, fsync, 11*ms, 11*ms, 11*ms, 11*ms, 11*ms, 11*ms, 11*ms)
	if got := table.Threshold(options, fsync); got != before {
		t.Errorf("%v became %v", before, got)
	}
	teach(table, now, fsync, twentyOf(20*ms)...)
	if got := table.Threshold(options, fsync); got <= before*3/2 {
		t.Errorf("%v became %v only", before, got)
	}
}

// twentyOf is twenty times the same.
func twentyOf(d time.Duration) (list []time.Duration) {
	for range 20 {
		list = append(list, d)
	}
	return list
}

func TestTheTableIsBounded(t *testing.T) {
	table := &Table{}
	var h histogram.Histogram
	h.Add(1)
	for i := range MaxRows + 10 {
		table.Observe(options, origin, Key{fmt.Sprint(i), "fsync"}, &h, 1)
	}
	if len(table.rows) != MaxRows || table.Missed() != 10 {
		t.Errorf("%d rows, %d missed", len(table.rows), table.Missed())
	}
	table.Observe(options, origin.Add(2*options.Window), fsync, &h, 1) // all others are old by now
	if len(table.rows) != 1 || table.Missed() != 10 {
		t.Errorf("%d rows, %d missed after a window", len(table.rows), table.Missed())
	}
}

func TestAClockThatWasSet(t *testing.T) {
	table := &Table{}
	now := teach(table, origin, fsync, ms)
	teach(table, now.Add(-1000*time.Hour), fsync, ms, ms)
	if got := len(table.rows[fsync].past); got != 1 {
		t.Errorf("%d parts; the first after the change only begins", got)
	}
}

func TestTheFileKeepsWhatIsKnown(t *testing.T) {
	table := &Table{}
	now := teach(table, origin, fsync, 10*ms, 10*ms, 10*ms, 10*ms)
	now = teach(table, now, Key{"a\"\n\xff.service", "read"}, ms, ms)
	path := filepath.Join(t.TempDir(), "learned.json")
	if err := WriteFile(path, table.Marshal()); err != nil {
		t.Fatal(err)
	}
	again, err := ReadFile(path, options, now)
	if err != nil {
		t.Fatal(err)
	}
	if want := table.Known(options); len(want) != 1 || !reflect.DeepEqual(again.Known(options), want) {
		t.Errorf("read %v, want %v", again.Known(options), want)
	}
	late, err := ReadFile(path, options, now.Add(3*options.Window))
	if err != nil || len(late.rows) != 0 {
		t.Errorf("%d rows after three windows, %v", len(late.rows), err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("files %v, %v", entries, err)
	}
}

func TestFilesThatAreNotOurs(t *testing.T) {
	dir := t.TempDir()
	if table, err := ReadFile(filepath.Join(dir, "absent"), options, origin); err != nil || len(table.rows) != 0 {
		t.Errorf("an absent one: %v", err)
	}
	for text, want := range map[string]string{
		"":              "is no JSON of ours",
		"{":             "is no JSON of ours",
		`{"version":2}`: "has version 2; this syscountd reads version 1",
		"[]":            "is no JSON of ours",
	} {
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path, options, origin); err == nil || !strings.Contains(err.Error(), path+" "+want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	hostile := fmt.Sprintf(`{"version":1,"rows":[{"unit":"a","syscall":"b","threshold_ns":-1,"seen":%q},{"unit":"c","syscall":"d","quantiles_ns":[%s1],"seen":%q}]}`,
		origin.Format(time.RFC3339), strings.Repeat("1,", 100), origin.Format(time.RFC3339))
	if table, err := Unmarshal([]byte(hostile), options, origin); err != nil || len(table.rows) != 0 {
		t.Errorf("%v, %v", table, err)
	}
	if err := WriteFile(filepath.Join(dir, "no", "such", "dir"), nil); err == nil {
		t.Error("written into a directory that does not exist")
	}
}
