package ledger

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/syscountd/syscountd/bpf"
)

// Save writes what the ledger remembers, so that another process can go on with it:
// about 100 bytes for a row.
func (l *Ledger) Save(w io.Writer) error {
	text := binary.AppendUvarint(nil, uint64(len(l.last)))
	for _, r := range l.last {
		text = r.encode(text)
		if _, err := w.Write(text); err != nil {
			return fmt.Errorf("save the ledger: %w", err)
		}
		text = text[:0]
	}
	_, err := w.Write(text) // the number, if there is no row
	return err
}

func (r *reading) encode(text []byte) []byte {
	for _, n := range []uint64{
		r.key.ID, uint64(r.key.PID), uint64(r.key.ABI), uint64(uint32(r.key.Nr)), uint64(r.key.CPU),
		r.count, r.errors, r.timed, r.totalNs, uint64(len(r.bars)),
	} {
		text = binary.AppendUvarint(text, n)
	}
	for _, b := range r.bars {
		text = binary.AppendUvarint(binary.AppendUvarint(text, uint64(b.slot())), b.calls())
	}
	return text
}

// Restore is a ledger that was saved, without the rows that are not there any more.
func Restore(from io.ByteReader, has func(bpf.RowKey) bool) (*Ledger, error) {
	d := decoder{from: from}
	l := New()
	for n := d.number(); n > 0 && d.err == nil; n-- {
		if r := d.reading(); d.err == nil && has(r.key) {
			l.last[r.key] = r
		}
	}
	if d.err != nil {
		return nil, fmt.Errorf("restore the ledger: %w", d.err)
	}
	return l, nil
}

// decoder keeps the first error; all numbers after it are 0.
type decoder struct {
	from io.ByteReader
	err  error
}

func (d *decoder) number() uint64 {
	if d.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(d.from)
	if err != nil {
		d.err = err
		return 0
	}
	return n
}

func (d *decoder) reading() *reading {
	r := &reading{}
	r.key.ID, r.key.PID = d.number(), uint32(d.number())
	r.key.ABI, r.key.Nr, r.key.CPU = bpf.ABI(d.number()), int32(uint32(d.number())), uint16(d.number())
	r.count, r.errors, r.timed, r.totalNs = d.number(), d.number(), d.number(), d.number()
	for n := d.number(); n > 0 && d.err == nil; n-- {
		slot, calls := d.number(), d.number()
		if slot >= uint64(bpf.HistogramSlots) {
			d.err = fmt.Errorf("slot %d: a histogram has %d", slot, bpf.HistogramSlots)
			return r
		}
		r.bars = append(r.bars, newBar(int(slot), calls))
	}
	return r
}
