package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// options are the command line.
type options struct {
	rounds, programRounds int
	watchRounds           int // of the single calls under mode watch
	short, json           bool
	only, programs        []string // nil: all of them
	write                 string
	syscountd             string
	cpu                   int // -1: the last one
	rows                  int
}

// How large a run is: half an hour, and one that only shows that everything works.
const (
	usualRounds, usualProgramRounds, usualBatches, usualPatience = 9, 4, 100, 3
	shortRounds, shortProgramRounds, shortBatches, shortPatience = 2, 1, 41, 0
	maxRounds                                                    = 1000
	// A limit of a hundredth is near the noise: mode watch has more rounds than the others.
	usualWatchRounds = 15

	usualRows, usualRowIntervals, shortRowIntervals = 50_000, 6, 3
	rowInterval                                     = 10 * time.Second
)

func parseOptions(args []string, out io.Writer) (options, error) {
	var o options
	var only, programs string
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(out)
	set.IntVar(&o.rounds, "rounds", -1, fmt.Sprintf("`rounds` of the single calls (default %d, of mode watch %d; -short: %d)", usualRounds, usualWatchRounds, shortRounds))
	set.IntVar(&o.programRounds, "program-rounds", -1, fmt.Sprintf("`rounds` of the real programs, 0 for none (default %d; -short: %d)", usualProgramRounds, shortProgramRounds))
	set.BoolVar(&o.short, "short", false, "a quick run that shows whether everything works; its numbers are rough")
	set.BoolVar(&o.json, "json", false, "print JSON, with the value of each round")
	set.StringVar(&only, "only", "", "measure these subjects alone: `keys` with commas between them; a wrong one lists all")
	set.StringVar(&programs, "programs", "", "run these real programs alone: `keys` with commas between them; a wrong one lists all")
	set.StringVar(&o.write, "write", "", "also write Markdown to this `file`")
	set.StringVar(&o.syscountd, "syscountd", "bin/syscountd", "the `binary` to measure")
	set.IntVar(&o.cpu, "cpu", -1, "the `CPU` of the load (default: the last one)")
	set.IntVar(&o.rows, "rows", usualRows, "read so many `rows` at the end of an interval, 0 for none")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if set.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	if programs != "" {
		o.programs = strings.Split(programs, ",")
	}
	return o.complete()
}

// complete puts the defaults in place and checks what goes together.
func (o options) complete() (options, error) {
	rounds, watchRounds, programRounds := usualRounds, usualWatchRounds, usualProgramRounds
	if o.short {
		rounds, watchRounds, programRounds = shortRounds, shortRounds, shortProgramRounds
	}
	if o.watchRounds = o.rounds; o.rounds == -1 {
		o.rounds, o.watchRounds = rounds, watchRounds
	}
	if o.programRounds == -1 {
		o.programRounds = programRounds
	}
	if o.rounds < 1 || o.rounds > maxRounds {
		return o, fmt.Errorf("-rounds %d: must be from 1 to %d", o.rounds, maxRounds)
	}
	if o.programRounds < 0 || o.programRounds > maxRounds {
		return o, fmt.Errorf("-program-rounds %d: must be from 0 to %d", o.programRounds, maxRounds)
	}
	if o.rows < 0 || o.rows > maxRows {
		return o, fmt.Errorf("-rows %d: must be from 0 to %d", o.rows, maxRows)
	}
	if o.write != "" && (o.short || o.only != nil || o.programs != nil || o.programRounds == 0 || o.rows == 0) {
		return o, errors.New("-write wants the whole measurement: leave out -short, -only, -programs, -program-rounds 0 and -rows 0")
	}
	return o, nil
}

func (o options) settings(loadCPU int) settings {
	batches, patience, intervals := usualBatches, usualPatience, usualRowIntervals
	if o.short {
		batches, patience, intervals = shortBatches, shortPatience, shortRowIntervals
	}
	if o.rows == 0 {
		intervals = 0
	}
	return settings{
		Rounds: o.rounds, WatchRounds: o.watchRounds, ProgramRounds: o.programRounds, Batches: batches, Patience: patience, LoadCPU: loadCPU, Rows: o.rows, RowIntervals: intervals,
	}
}
