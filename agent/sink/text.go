package sink

import (
	"fmt"
	"io"
	"time"

	"github.com/syscountd/syscountd/agent/record"
)

// NewText starts a sink to a terminal: what a person reads of a record, with the
// time of the day there. It is Stdout but for the form of its lines.
func NewText(w io.Writer) *Stdout { return newStdout(w, textLine) }

// textLine is a record's sentence after its time and level.
func textLine(r record.Record) []byte {
	head := r.Head()
	clock := head.Time
	if at, err := time.Parse(time.RFC3339Nano, head.Time); err == nil {
		clock = at.Local().Format("15:04:05.000")
	}
	return fmt.Appendf(nil, "%s %-5s %s\n", clock, head.Level, record.Clean(head.Msg))
}
