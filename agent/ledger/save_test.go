package ledger

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/syscountd/syscountd/agent/histogram"
	"github.com/syscountd/syscountd/bpf"
)

func saved(t *testing.T, l *Ledger) *bytes.Buffer {
	t.Helper()
	var text bytes.Buffer
	if err := l.Save(&text); err != nil {
		t.Fatal(err)
	}
	return &text
}

func every(bpf.RowKey) bool { return true }

// Whoever goes on with the ledger of another reports what that one has not, once.
func TestARestoredLedgerGoesOn(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	for range 50 {
		rows := make([]kernelRow, 1+rng.IntN(20))
		l, sum := New(), histogram.Histogram{}
		var count, errors, total uint64
		for range 1 + rng.IntN(6) {
			for range rng.IntN(300) {
				rows[rng.IntN(len(rows))].call(uint64(rng.ExpFloat64()*1e6), rng.IntN(3) == 0)
			}
			l.Begin()
			for i := range rows {
				key := keyOf(uint64(i)<<40, bpf.Syscall{ABI: bpf.ABI(i % 3), Nr: int32(i) - 1}, uint16(i))
				l.Post(named("g"), key, rows[i].read())
				rows[i].endInterval()
			}
			c, e, n := l.Lines().Total()
			count, errors, total = count+c, errors+e, total+n
			for _, line := range l.Lines() {
				line.Histogram(&sum)
			}
			var err error
			if l, err = Restore(saved(t, l), every); err != nil {
				t.Fatal(err)
			}
		}
		var wantCount, wantErrors, wantTotal uint64
		var want histogram.Histogram
		for i := range rows {
			wantCount, wantErrors, wantTotal = wantCount+rows[i].Count, wantErrors+rows[i].Errors, wantTotal+rows[i].TotalNs
			for slot, n := range rows[i].histogram {
				want[slot] += uint64(n)
			}
		}
		if count != wantCount || errors != wantErrors || total != wantTotal || sum != want {
			t.Fatalf("%d/%d/%d; want %d/%d/%d", count, errors, total, wantCount, wantErrors, wantTotal)
		}
	}
}

func TestRowsThatAreGoneAreNotRestored(t *testing.T) {
	var row kernelRow
	row.call(1000, false)
	l := New()
	only(l, named("a"), keyOf(1, read, 0), row.read())
	only(l, named("a"), keyOf(2, read, 0), row.read())
	l, err := Restore(saved(t, l), func(key bpf.RowKey) bool { return key.ID == 2 })
	if err != nil || l.Rows() != 1 {
		t.Fatalf("%d rows, %v; want 1", l.Rows(), err)
	}
	if got := only(l, named("a"), keyOf(1, read, 0), row.read()); got.Count != 1 {
		t.Errorf("a row that was not restored has %d calls", got.Count)
	}
}

func TestAnEmptyLedgerIsRestored(t *testing.T) {
	if l, err := Restore(saved(t, New()), every); err != nil || l.Rows() != 0 {
		t.Errorf("%v, %v", l, err)
	}
}

func TestWhatIsNoLedgerIsRefused(t *testing.T) {
	var row kernelRow
	row.call(1000, false)
	l := New()
	only(l, named("a"), keyOf(1, read, 0), row.read())
	whole := saved(t, l).Bytes()
	for n := range whole {
		if _, err := Restore(bytes.NewReader(whole[:n]), every); err == nil {
			t.Errorf("%d of %d bytes were taken for a ledger", n, len(whole))
		}
	}
	bad := binary.AppendUvarint(whole[:len(whole)-2:len(whole)-2], uint64(bpf.HistogramSlots)) // instead of the only bar's slot
	bad = append(bad, 1)
	if _, err := Restore(bytes.NewReader(bad), every); err == nil {
		t.Error("a slot out of range was taken")
	}
}
