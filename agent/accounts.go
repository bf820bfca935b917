package agent

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/syscountd/syscountd/agent/handover"
	"github.com/syscountd/syscountd/agent/ledger"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// accounts are what the next process needs of us to tell everything once. The base of
// its differences is what is out: an interval is closed when the last of its records is
// written. A process that is killed before leaves its interval to the next one.
type accounts struct {
	kept    bool               // a keeper has the kernel side
	resumed *record.Resumption // nil: the counting began with this process
	closed  chan handover.Draft
	draft   handover.Draft // the one that waits for its records
	gone    groups         // those to be freed then
}

// groups are those that make no call any more, with their rows.
type groups struct {
	session *session
	gone    map[bpf.Group]bool
	rows    []bpf.RowKey
}

// newAccounts: a token that finds no room is made up for by the next interval.
func newAccounts() accounts { return accounts{closed: make(chan handover.Draft, 4)} }

// base is what is written at the end of an interval, before the ledger's rows.
type base struct {
	Seq      uint64    // of the last record about it
	Starts   time.Time // of the interval after it
	Ended    bpf.Counters
	Reported map[string]uint64
	SlowThen uint64
	Unseen   uint64
	Without  bpf.Speed // calls without us: what is attached stays so, and it cannot be measured again
}

// noteTotals keeps the numbers that change at any time where a kill cannot get them.
func (a *Agent) noteTotals() {
	if a.env.Memory == nil {
		return
	}
	for i, n := range a.totals.live() {
		a.env.Memory.Word(i).Store(*n)
	}
}

// What of the memory's words is no number of the totals.
const tries = 7 // processes that went on, since accounts were closed

// maxTries is enough for kills at the worst moments. What makes each process crash that
// goes on with it must not do so for ever.
const maxTries = 5

// live are those of the totals that are not in the base.
func (t *totals) live() [7]*uint64 {
	return [...]*uint64{&t.slowCalls, &t.slow, &t.notSlow, &t.suppressed, &t.folded, &t.stuck, &t.unread}
}

// letGo frees groups that make no call any more: once the next process would not
// need their rows.
func (a *Agent) letGo(g groups) {
	if a.accounts.kept {
		a.accounts.gone = g
		return
	}
	a.free(g)
}

// free frees them in the kernel.
func (a *Agent) free(g groups) {
	if err := g.session.free(g.gone, g.rows); err != nil {
		a.env.Log.Error("free rows: tried again with the next interval", "error", err)
	}
}

// closeAccounts makes the end of the interval the base of the next process, when its
// records are out.
func (a *Agent) closeAccounts() {
	if !a.accounts.kept {
		return
	}
	draft, err := a.writeBase()
	if err != nil {
		a.env.Log.Error("a restart would tell this interval again", "error", err)
		return
	}
	a.accounts.draft = draft
	memory, closed := a.env.Memory, a.accounts.closed
	a.env.Sink.After(func() {
		memory.Commit(draft)
		memory.Word(tries).Store(0)
		select {
		case closed <- draft:
		default:
		}
	})
}

// freeGone frees what was waiting for these accounts to be closed.
func (a *Agent) freeGone(closed handover.Draft) {
	g := a.accounts.gone
	if closed != a.accounts.draft || g.session == nil || g.session != a.session {
		return
	}
	a.accounts.gone = groups{}
	a.summarise(func() { a.free(g) })
}

func (a *Agent) writeBase() (handover.Draft, error) {
	a.noteTotals()
	text, err := json.Marshal(base{
		Seq: a.env.Stamp.Last(), Starts: a.starts, Ended: a.totals.ended, Reported: a.totals.reported, SlowThen: a.totals.slowThen,
		Unseen: a.totals.unseen, Without: a.budget.without,
	})
	if err != nil {
		return 0, fmt.Errorf("write the base: %w", err)
	}
	return a.env.Memory.Write(func(w io.Writer) error {
		_, err := w.Write(append(binary.AppendUvarint(nil, uint64(len(text))), text...))
		return errors.Join(err, a.session.ledger.Save(w))
	})
}

// readBase is its inverse; has says of a row whether the kernel side has it.
func readBase(m *handover.Memory, has func(bpf.RowKey) bool) (b base, rows *ledger.Ledger, err error) {
	in, ok := m.Base()
	if !ok {
		return b, nil, errors.New("the process before left no accounts")
	}
	from := in.(interface {
		io.Reader
		io.ByteReader
	})
	length, err := binary.ReadUvarint(from)
	if err != nil {
		return b, nil, fmt.Errorf("read the base: %w", err)
	}
	if err := json.NewDecoder(io.LimitReader(from, int64(length))).Decode(&b); err != nil {
		return b, nil, fmt.Errorf("read the base: %w", err)
	}
	rows, err = ledger.Restore(from, has)
	return b, rows, err
}
