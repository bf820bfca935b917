package ledger

import (
	"slices"

	"github.com/syscountd/syscountd/bpf"
)

// Look is a look at the interval while it runs: what the ledger remembers stays.
type Look struct {
	ledger *Ledger
	byKey  map[Key]*Line
	lines  Lines
}

// Look begins one.
func (l *Ledger) Look() *Look { return &Look{ledger: l, byKey: map[Key]*Line{}} }

// Post is the ledger's, but for the remembering.
func (l *Look) Post(group bpf.Group, key bpf.RowKey, row bpf.Row) {
	var was reading
	if last := l.ledger.last[key]; last != nil {
		was = *last
	}
	if row.Count == was.count && row.Timed == was.timed {
		return
	}
	line := l.byKey[Key{group, key.Syscall}]
	if line == nil {
		line = &Line{Key: Key{group, key.Syscall}}
		l.byKey[line.Key] = line
		l.lines = append(l.lines, line)
	}
	was.bars = slices.Clone(was.bars)
	was.catchUp(&row, line)
}

// Lines are those of the interval so far.
func (l *Look) Lines() Lines { return l.lines }
