package ledger

import (
	"cmp"
	"slices"

	"github.com/syscountd/syscountd/agent/histogram"
	"github.com/syscountd/syscountd/bpf"
)

// Top orders the lines by the total time of their calls, and by their number
// where no time was taken, those that only wait last: an event loop's epoll_wait
// would stand above all else. What is below
// the first n is folded into one line, nil if there is nothing below. All when
// n is 0.
//
// To sort 50,000 lines for the sake of 20 would cost more than all else at an
// interval: whenever twice n are in hand, those below the first n go.
func (lines Lines) Top(n int, waits func(bpf.Syscall) bool) (top []*Line, other *Line) {
	if n == 0 {
		n = len(lines)
	}
	waiting := remember(waits)
	var below fold
	var bound *Line // the last of the first n so far; nil: not known
	cut := func() {
		slices.SortFunc(top, compare)
		for len(top) > n {
			below.add(top[len(top)-1])
			top = top[:len(top)-1]
		}
	}
	for _, l := range lines {
		l.waits = waiting(l.Syscall)
		if bound != nil && compare(bound, l) < 0 {
			below.add(l)
			continue
		}
		top = append(top, l)
		if len(top) == 2*n {
			cut()
			bound = top[n-1]
		}
	}
	cut()
	return top, below.line()
}

// remember asks only once for each syscall.
func remember(ask func(bpf.Syscall) bool) func(bpf.Syscall) bool {
	answers := map[bpf.Syscall]bool{}
	return func(sc bpf.Syscall) bool {
		answer, ok := answers[sc]
		if !ok {
			answer = ask(sc)
			answers[sc] = answer
		}
		return answer
	}
}

// compare is the order of Top.
func compare(a, b *Line) int {
	if a.waits != b.waits || a.TotalNs != b.TotalNs || a.Count != b.Count {
		return cmp.Or(compareBool(a.waits, b.waits), cmp.Compare(b.TotalNs, a.TotalNs), cmp.Compare(b.Count, a.Count))
	}
	return cmp.Or(cmp.Compare(a.Group.PID, b.Group.PID), cmp.Compare(a.Group.ID, b.Group.ID), cmp.Compare(a.Syscall.ABI, b.Syscall.ABI), cmp.Compare(a.Syscall.Nr, b.Syscall.Nr))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// fold adds lines up.
type fold struct {
	sum       Line
	histogram histogram.Histogram
	lines     int
}

func (f *fold) add(l *Line) {
	f.lines++
	f.sum.Count += l.Count
	f.sum.Errors += l.Errors
	f.sum.Timed += l.Timed
	f.sum.TotalNs += l.TotalNs
	f.sum.extend(l.MinNs, l.MaxNs)
	l.Histogram(&f.histogram)
}

// line is their sum, nil of none.
func (f *fold) line() *Line {
	if f.lines == 0 {
		return nil
	}
	for slot, n := range f.histogram {
		if n != 0 {
			f.sum.bars.add(slot, n)
		}
	}
	return &f.sum
}

// Total adds up all lines.
func (lines Lines) Total() (count, errors, totalNs uint64) {
	for _, l := range lines {
		count += l.Count
		errors += l.Errors
		totalNs += l.TotalNs
	}
	return count, errors, totalNs
}
