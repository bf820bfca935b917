package limit

import (
	"cmp"
	"slices"
)

// maxHeld bounds the pairs of rule and unit that are told apart: a host with more units in
// trouble than this has a trouble of its own.
const maxHeld = 1024

// Held sums up what was held back for one rule and unit.
type Held struct {
	Rule    string
	Unit    string // "" for calls outside of units
	Other   bool   // of all pairs that found no place in the table; they have no names
	Count   uint64
	WorstNs uint64 // the longest duration
	TotalNs uint64 // of all durations; stays at the largest number when it would overflow
}

// Plus adds the numbers of another one.
func (h Held) Plus(other Held) Held {
	h.Count += other.Count
	h.WorstNs = max(h.WorstNs, other.WorstNs)
	if h.TotalNs += other.TotalNs; h.TotalNs < other.TotalNs {
		h.TotalNs = ^uint64(0)
	}
	return h
}

type pair struct{ rule, unit string }

// table is what was held back, by rule and unit.
type table struct {
	held map[pair]Held
	rest Held
}

func (t *table) add(h Held) {
	key := pair{h.Rule, h.Unit}
	old, known := t.held[key]
	switch {
	case known:
		t.held[key] = old.Plus(h)
	case len(t.held) >= maxHeld:
		h.Rule, h.Unit, h.Other = "", "", true
		t.rest = h.Plus(t.rest)
	default:
		if t.held == nil {
			t.held = map[pair]Held{}
		}
		t.held[key] = h
	}
}

// take gives the rows, those with most records first and the rest last, and forgets
// them.
func (t *table) take() []Held {
	var rows []Held
	for _, h := range t.held {
		rows = append(rows, h)
	}
	slices.SortFunc(rows, func(a, b Held) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Unit, b.Unit))
	})
	if t.rest.Count > 0 {
		rows = append(rows, t.rest)
	}
	*t = table{}
	return rows
}

// Top keeps the first rows and folds what is behind them into one, so that sums stay
// right.
func Top(rows []Held, most int) []Held {
	if len(rows) <= most {
		return rows
	}
	rest := Held{Other: true}
	for _, h := range rows[most:] {
		rest = rest.Plus(h)
	}
	return append(slices.Clone(rows[:most]), rest)
}

// ByRule sums up rows of the same rule, those with most records first; what is in the rest of
// the table has no rule.
func ByRule(rows []Held) []Held {
	var t table
	for _, h := range rows {
		h.Unit = ""
		t.add(h)
	}
	return t.take()
}
