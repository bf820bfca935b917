package ledger

import (
	"cmp"
	"slices"
)

// Top orders the lines by the total time of their calls, those that only wait
// last: an event loop's epoll_wait would stand above all else. What is below
// the first n is folded into one line, nil if there is nothing below. All when
// n is 0.
func (lines Lines) Top(n int, waits func(Key) bool) (top []*Line, other *Line) {
	all := make([]*Line, 0, len(lines))
	for _, l := range lines {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *Line) int {
		return cmp.Or(compareBool(waits(a.Key), waits(b.Key)), cmp.Compare(b.TotalNs, a.TotalNs),
			cmp.Compare(a.Group, b.Group), cmp.Compare(a.Syscall.ABI, b.Syscall.ABI), cmp.Compare(a.Syscall.Nr, b.Syscall.Nr))
	})
	if n == 0 || len(all) <= n {
		return all, nil
	}
	return all[:n], fold(all[n:])
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
func fold(lines []*Line) *Line {
	sum := &Line{}
	for _, l := range lines {
		sum.Count += l.Count
		sum.Errors += l.Errors
		sum.Timed += l.Timed
		sum.TotalNs += l.TotalNs
		sum.extend(l.MinNs, l.MaxNs)
		for _, b := range l.bars {
			sum.bars.add(int(b.slot), b.n)
		}
	}
	return sum
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

// Groups is the number of groups that made a call.
func (lines Lines) Groups() int {
	groups := map[string]struct{}{}
	for key := range lines {
		groups[key.Group] = struct{}{}
	}
	return len(groups)
}
