package incident

import (
	"slices"
	"time"
)

// candidate is a key that may become an incident: its calls of the last window,
// all of which have records of their own.
type candidate struct {
	recent []example // oldest first
}

type example struct {
	at   time.Duration
	call Call
}

// add says whether this call is one too many. If not, it is an example more.
// One that returns after it was reported as stuck is no further call.
func (c *candidate) add(now, window time.Duration, examples int, call Call) bool {
	c.recent = slices.DeleteFunc(c.recent, func(e example) bool { return now-e.at >= window })
	for i, e := range c.recent {
		if e.call.Stuck && e.call.TID == call.TID {
			c.recent[i].call = call
			return false
		}
	}
	if len(c.recent) >= examples {
		return true
	}
	c.recent = append(c.recent, example{now, call})
	return false
}

// ended forgets a stuck call that will not return. It has been written.
func (c *candidate) ended(tid uint32) {
	c.recent = slices.DeleteFunc(c.recent, func(e example) bool { return e.call.Stuck && e.call.TID == tid })
}

func (c *candidate) last() time.Duration {
	if len(c.recent) == 0 {
		return 0
	}
	return c.recent[len(c.recent)-1].at
}

// candidate gives that of a key. When there are too many, the one whose last
// call is the longest ago is forgotten: nothing is lost by that, its calls have
// been written.
func (b *Book) candidate(key Key) *candidate {
	if c := b.candidates[key]; c != nil {
		return c
	}
	if b.candidates == nil {
		b.candidates = map[Key]*candidate{}
	}
	if len(b.candidates) >= maxKeys {
		b.forgetCandidates(b.last)
	}
	if len(b.candidates) >= maxKeys {
		var oldest Key
		var found *candidate
		for k, c := range b.candidates {
			if found == nil || c.last() < found.last() {
				oldest, found = k, c
			}
		}
		delete(b.candidates, oldest)
	}
	c := &candidate{}
	b.candidates[key] = c
	return c
}

// forgetCandidates frees those of which the window has nothing left.
func (b *Book) forgetCandidates(now time.Duration) {
	for key, c := range b.candidates {
		if now-c.last() >= b.window() {
			delete(b.candidates, key)
		}
	}
}
