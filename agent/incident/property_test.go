package incident

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// sums is what was folded, or what events told of it.
type sums struct {
	folded, foldedNs, worstNs, stuck uint64
}

func (s *sums) add(t Snapshot) {
	s.folded += t.Folded
	s.foldedNs += t.FoldedNs
	s.worstNs = max(s.worstNs, t.FoldedWorstNs)
	s.stuck += t.FoldedStuck
}

// Nothing is lost: whatever calls come at whatever times, what was folded adds
// up over the last events of all incidents; and events of an incident come in
// order, with numbers that only grow.
func TestWhatIsFoldedIsTold(t *testing.T) {
	for seed := range uint64(16) {
		rng := rand.New(rand.NewPCG(seed, 7))
		var b Book
		now := time.Duration(rng.IntN(int(time.Hour)))
		folded, told := map[Key]*sums{}, map[Key]*sums{}
		at := func(m map[Key]*sums, k Key) *sums {
			if m[k] == nil {
				m[k] = &sums{}
			}
			return m[k]
		}
		last := map[uint64]Event{}
		take := func(events []Event) {
			for _, e := range events {
				before, known := last[e.ID]
				switch {
				case known != (e.Change != Opened), known && before.Change == Closed:
					t.Fatalf("seed %d: %v of incident %d after %+v", seed, e.Change, e.ID, before)
				case known && (e.Calls < before.Calls || e.Victims < before.Victims || e.Folded < before.Folded || e.WorstNs < before.WorstNs || e.Last < before.Last):
					t.Fatalf("seed %d: %+v shrank to %+v", seed, before, e)
				case e.Stuck < 0 || e.Stuck > e.Victims || e.Folded > e.Calls || e.Last > now || e.First > e.Last || e.Began > e.First:
					t.Fatalf("seed %d: %+v", seed, e)
				case len(e.PIDs) > maxPIDs || len(e.Paths) > maxPaths || (e.Reason != NotClosed) != (e.Change == Closed):
					t.Fatalf("seed %d: %+v", seed, e)
				}
				last[e.ID] = e
				if e.Change == Closed {
					at(told, e.Key).add(e.Snapshot)
				}
			}
		}
		keys := 1 + rng.IntN(400) // more than there is room for, at times
		pace := []int{1, 50, 3000}[rng.IntN(3)]
		for range 4_000 {
			now += time.Duration(rng.IntN(pace)) * ms
			switch rng.IntN(12) {
			case 0:
				take(b.Tick(now))
			case 1:
				b.Ended(now, uint32(rng.IntN(300)))
			default:
				c := Call{
					Unit: fmt.Sprint(int(rng.ExpFloat64()*float64(keys)) % keys), Syscall: "read", TID: uint32(rng.IntN(300)), PID: uint32(rng.IntN(9)),
					DurationNs: uint64(rng.IntN(1e9)), Path: fmt.Sprint(rng.IntN(5)), Stuck: rng.IntN(4) == 0,
				}
				decision, events := b.Observe(now, c)
				take(events)
				if decision == Fold {
					s := at(folded, c.key())
					s.worstNs = max(s.worstNs, c.DurationNs)
					if c.Stuck {
						s.stuck++
					} else {
						s.folded++
						s.foldedNs += c.DurationNs
					}
				}
			}
			if wait := b.Next(now); (wait == 0) != (b.Open() == 0) || wait < 0 || b.Open() > maxOpen {
				t.Fatalf("seed %d: %d open, next tick in %v", seed, b.Open(), wait)
			}
		}
		take(b.Flush(now))
		if len(folded) != len(told) {
			t.Fatalf("seed %d: folded for %d keys, told of %d", seed, len(folded), len(told))
		}
		for key, want := range folded {
			if got := at(told, key); *got != *want {
				t.Fatalf("seed %d, %+v: told %+v, folded %+v", seed, key, *got, *want)
			}
		}
		if b.threads != 0 || len(b.stuck) != 0 {
			t.Fatalf("seed %d: %d threads, %d stuck left", seed, b.threads, len(b.stuck))
		}
	}
}
