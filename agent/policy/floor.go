package policy

import (
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// Floors are the shortest durations from which on a call of one syscall could be slow, by how it
// ended; Never if none can be.
type Floors struct {
	OK, Failed time.Duration
	Open       time.Duration // it has not ended: no rule that asks for a result matches it
	Exempt     uint16        // kinds of descriptors on which none can be slow, as bits 1 << bpf.FDKind
}

// Lowest is that of a call of which nobody knows yet how it will end.
func (f Floors) Lowest() time.Duration { return min(f.OK, f.Failed, f.Open) }

// Floor is the lowest of the syscall's floors, wherever it is made.
func (p *Policy) Floor(sc bpf.Syscall) time.Duration { return p.Floors(sc, nil).Lowest() }

// Exempt are the kinds of descriptors on which no call of this syscall can be slow, wherever it
// is made: the kernel side need not hand it over.
func (p *Policy) Exempt(sc bpf.Syscall) (kinds uint16) { return p.Floors(sc, nil).Exempt }

// Floors are those of the calls made in an area; nil is anywhere. A threshold that is learned has
// the lowest that it could become.
func (p *Policy) Floors(sc bpf.Syscall, in *Area) Floors {
	name := syscalls.Name(sc)
	if d, ok := p.judge.overrides[name]; ok {
		return Floors{OK: d, Failed: d, Open: d}
	}
	d := p.judge.docket(name)
	if in != nil {
		return p.floors(d, view{abi: sc.ABI, area: in})
	}
	return p.judge.anywhere.of(d, sc.ABI, func() Floors { return p.floors(d, view{abi: sc.ABI}) })
}

// floorMemo keeps the floors of the whole host: most of the syscalls share a docket, and each area is compared
// with them.
type floorMemo struct {
	mu    sync.Mutex // policies may be shared
	known map[floorKey]Floors
}

type floorKey struct {
	of  *docket
	abi bpf.ABI
}

func (m *floorMemo) of(d *docket, abi bpf.ABI, find func() Floors) Floors {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.known[floorKey{d, abi}]
	if !ok {
		if f = find(); m.known == nil {
			m.known = map[floorKey]Floors{}
		}
		m.known[floorKey{d, abi}] = f
	}
	return f
}

func (p *Policy) floors(d *docket, v view) Floors {
	f := Floors{
		OK: p.floor(d, v.ended(endedOK)), Failed: p.floor(d, v.ended(endedFailed)), Open: p.floor(d, v.ended(endedNot)),
	}
	for kind := bpf.FDKind(0); kind.String() != "" || kind == 0; kind++ {
		if p.exempts(d, v, kind.String()) {
			f.Exempt |= 1 << kind
		}
	}
	return f
}

// exempts: no call on this kind of descriptor can be slow. Of one that opens and got none user space may
// find out what it was opening, from where it waited.
func (p *Policy) exempts(d *docket, v view, kind string) bool {
	kinds := []string{d.kind(kind)}
	if d.opens && kind == FDNone {
		kinds = []string{FDNone, FDPipe, FDTTY}
	}
	return !slices.ContainsFunc(kinds, func(kind string) bool { return p.floor(d, v.on(kind)) != Never })
}

// floor is the lowest threshold of the rules that may decide about calls of which the kernel
// side knows so much: up to the first that decides about all of them.
func (p *Policy) floor(d *docket, v view) time.Duration {
	lowest := Never
	for word, set := range d.set {
		for set = v.area.and(word, set); set != 0; set &= set - 1 {
			i := word*64 + bits.TrailingZeros64(set)
			if !p.judge.rules[i].mayMatch(d, &v) {
				continue
			}
			lowest = min(lowest, p.floorOf(&p.Rules[i], d))
			if p.judge.rules[i].mustMatch(d, &v) {
				return lowest
			}
		}
	}
	if d.wait || v.kindKnown && d.waits(v.kind) {
		return lowest
	}
	return min(lowest, p.Slow.Threshold)
}
