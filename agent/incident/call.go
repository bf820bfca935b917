package incident

import (
	"strings"
	"time"
)

// Key is what calls must have in common to be one incident. A container that
// has no unit of its own is told by its id.
type Key struct {
	Unit, Container string
	Syscall         string
	Site            string // where it waited, in the kernel
}

// Call is a slow call, or one that is stuck and has not returned.
type Call struct {
	Unit, Container string
	Syscall         string
	Site            string
	PID, TID        uint32
	DurationNs      uint64 // of a stuck call its age
	Path            string // of what it was on; "" for none
	Stuck           bool   // it will be reported again, when it returns or before
}

// maxPath bounds a path that is kept, in bytes. The beginning of a longer one is
// cut off: its end says more.
const maxPath = 512

func clip(path string) string {
	const mark = "..."
	if len(path) <= maxPath {
		return path
	}
	return strings.Clone(mark + path[len(path)-maxPath+len(mark):])
}

func (c Call) key() Key { return Key{c.Unit, c.Container, c.Syscall, c.Site} }

// Decision is what becomes of the record of a call.
type Decision bool

// The decisions.
const (
	Write Decision = false // the call has a record of its own
	Fold  Decision = true  // it is counted in an incident, and in its events
)

// Change is what happened to an incident.
type Change uint8

// The changes.
const (
	Opened  Change = iota
	Updated        // it has grown, or goes on
	Closed
)

// Reason is why an incident was closed.
type Reason uint8

// The reasons.
const (
	NotClosed Reason = iota
	Quiet            // no call for a while
	Evicted          // another incident needed its place
	Flushed          // Flush was called
)

// Event is to be written: each tells all that is known since the first call, so
// that the last one of an incident is enough.
type Event struct {
	Change Change
	Reason Reason // of Closed
	Snapshot
}

// Snapshot is an incident at a moment.
type Snapshot struct {
	ID  uint64 // from 1, no two the same in a Book
	Key Key

	Victims        int  // distinct threads
	VictimsAtLeast bool // there are more: these are as many as are kept in mind
	Stuck          int  // threads among them whose call has not returned

	// All calls that returned, the few with a record of their own included.
	Calls   uint64
	TotalNs uint64 // stays at the largest number when it would overflow
	WorstNs uint64 // the longest, a stuck one included

	// What was folded, and so is in no other record. A call that was reported as
	// stuck and then returned is in both.
	Folded        uint64 // calls that returned
	FoldedNs      uint64
	FoldedWorstNs uint64 // a stuck one included
	FoldedStuck   uint64 // reports of stuck calls

	// On the clock of now.
	Began time.Duration // the earliest call began
	First time.Duration // the first call was observed
	Last  time.Duration // the last one was

	PIDs  []uint32 // the first distinct ones, five at most
	Paths []string // the first distinct ones, three at most
}
