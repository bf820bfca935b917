// Package ledger turns the kernel's growing rows, one per group, syscall and
// CPU, into what happened in an interval, one line per group and syscall.
package ledger

import "github.com/syscountd/syscountd/bpf"

// Ledger remembers what each row held when it was last read. It is not safe
// for concurrent use.
//
// With 50,000 rows what is to be done for each of them decides what an interval
// costs. So readings and lines stay from one interval to the next, and know each
// other: a row that was there before is found without a look into a map.
type Ledger struct {
	last   map[bpf.RowKey]*reading
	all    map[bpf.Group]*family // the lines that a reading belongs to
	posted *reading              // the row that was posted last

	interval uint32 // its number: what a line or a family has of another one is void
	lines    Lines  // those that got something in this interval
	groups   int    // that they are of
}

// reading is a row as it was.
type reading struct {
	key  bpf.RowKey
	gone bool
	next *reading // the row that was posted after it: most likely it will be again
	line *Line    // that it belongs to; nil: to none yet

	count, errors, timed, totalNs uint64
	bars                          sparse
}

// New returns an empty ledger, for rows that begin at zero.
func New() *Ledger {
	return &Ledger{last: map[bpf.RowKey]*reading{}, all: map[bpf.Group]*family{}, interval: 1}
}

// Begin begins an interval. The lines of the last one are void.
func (l *Ledger) Begin() {
	l.interval++
	l.lines, l.groups = l.lines[:0], 0
	l.posted = nil
}

// Lines are those of the interval, until the next one begins.
func (l *Ledger) Lines() Lines { return l.lines }

// Groups is the number of groups that made a call in the interval.
func (l *Ledger) Groups() int { return l.groups }

// Post enters one row as the kernel holds it now and adds what is new since it
// was last posted to the line of a group: the row's own, or one that stands for
// several. The row of a group that is gone is forgotten with Forget.
func (l *Ledger) Post(group bpf.Group, key bpf.RowKey, row bpf.Row) {
	was := l.find(key)
	if row.Count == was.count && row.Timed == was.timed { // its time may come after its count
		return
	}
	line := l.lineOf(was, group)
	l.open(line)
	was.catchUp(&row, line)
}

// open makes it a line of the interval. Not when that begins: to go through all lines just to
// empty them took a tenth of an interval, since each is far from the CPU's caches by then.
func (l *Ledger) open(line *Line) {
	if line.interval == l.interval {
		return
	}
	line.clear()
	line.interval = l.interval
	l.lines = append(l.lines, line)
	if line.family.interval != l.interval {
		line.family.interval = l.interval
		l.groups++
	}
}

// find gives the reading of a row. The kernel gives the rows in the same order
// each time, but for those that come and go.
func (l *Ledger) find(key bpf.RowKey) *reading {
	before := l.posted
	if before != nil && before.next != nil && before.next.key == key && !before.next.gone {
		l.posted = before.next
		return l.posted
	}
	was := l.last[key]
	if was == nil {
		was = &reading{key: key}
		l.last[key] = was
	}
	if before != nil {
		before.next = was
	}
	l.posted = was
	return was
}

// lineOf gives the line of a row, which is another one when it is posted to
// another group.
func (l *Ledger) lineOf(r *reading, group bpf.Group) *Line {
	if r.line != nil && r.line.Group == group {
		return r.line
	}
	l.leave(r.line)
	of := l.all[group]
	if of == nil {
		of = &family{}
		l.all[group] = of
	}
	line := of.line(Key{group, r.key.Syscall})
	line.readings++
	r.line = line
	return line
}

// leave says that a reading does not belong to a line any more.
func (l *Ledger) leave(line *Line) {
	if line == nil {
		return
	}
	if line.readings--; line.readings > 0 {
		return
	}
	line.family.drop(line)
	if len(line.family.members) == 0 {
		delete(l.all, line.Group)
	}
}

// catchUp makes the reading what the row is now, and adds what is new to the line.
func (r *reading) catchUp(row *bpf.Row, line *Line) {
	line.Count += row.Count - r.count
	line.Errors += row.Errors - r.errors
	line.Timed += row.Timed - r.timed
	line.TotalNs += row.TotalNs - r.totalNs
	line.extend(row.MinNs, row.MaxNs)
	if r.bars == nil {
		r.bars = sparseFor(row.Timed)
	}
	if line.bars == nil {
		line.bars = sparseFor(row.Timed - r.timed)
	}
	r.bars.catchUp(row.Histogram, &line.bars)
	r.count, r.errors, r.timed, r.totalNs = row.Count, row.Errors, row.Timed, row.TotalNs
}

// Forget drops a row that was deleted in the kernel.
func (l *Ledger) Forget(key bpf.RowKey) {
	was := l.last[key]
	if was == nil {
		return
	}
	delete(l.last, key)
	l.leave(was.line)
	// The row before it may lead here once more.
	was.gone, was.next, was.line = true, nil, nil
}

// Rows is the number of rows that the ledger remembers.
func (l *Ledger) Rows() int { return len(l.last) }
