package main

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// text is the result for a terminal.
func (r *result) text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n\n", r.Machine.sentence())
	fmt.Fprintf(&out, "Added per call, over %s\n%s\n", r.bareCalls(), r.callTable().text())
	if len(r.Pieces) > 0 {
		fmt.Fprintf(&out, "Pieces of programs, how much longer they take\n%s%s\n", r.pieceList(), r.pieceTable().text())
	}
	if r.Slow != nil {
		fmt.Fprintf(&out, "Slow calls\n%s\n", r.slowTable().text())
	}
	if r.Rows != nil {
		fmt.Fprintf(&out, "Many rows\n%s%s\n", r.rowLoad(), r.rowTable().text())
	}
	if len(r.Programs) > 0 {
		fmt.Fprintf(&out, "Real programs, how much longer they take\n%s%s\n", r.programList(), r.programTable().text())
	}
	fmt.Fprintf(&out, "Goals\n%s", r.goalTable().text())
	for _, note := range r.Notes {
		fmt.Fprintf(&out, "\nNote: %s\n", note)
	}
	return out.String()
}

// sentence is the machine in a line.
func (m machine) sentence() string {
	virtual := ""
	if m.Virtual {
		virtual = " in a virtual machine"
	}
	return fmt.Sprintf("%d x %s%s, Linux %s %s, %s", m.CPUs, m.CPU, virtual, m.Kernel, m.Arch, m.System)
}

// bareCalls is what the calls take with nothing attached.
func (r *result) bareCalls() string {
	var parts []string
	for _, call := range callNames {
		if bare := r.subject(keyNothing).CallNs[call].spread(); bare.Rounds > 0 {
			parts = append(parts, fmt.Sprintf("%.0f ns of a bare %s", bare.Median, call))
		}
	}
	if len(parts) == 0 {
		return "what was not measured"
	}
	return strings.Join(parts, " and ")
}

// pieceList is what the pieces of programs are, and how long they take with nothing attached.
func (r *result) pieceList() string {
	var out strings.Builder
	for _, name := range r.Pieces {
		bare := r.subject(keyNothing).CallNs[name].spread()
		fmt.Fprintf(&out, "- %s: %s: %.1f us\n", name, pieceTexts[name], bare.Median/1000)
	}
	return out.String()
}

// programList is what the real programs do, and how long that takes with nothing attached.
func (r *result) programList() string {
	var out strings.Builder
	for _, program := range r.Programs {
		bare := r.subject(keyNothing).Seconds[program.Key].spread()
		fmt.Fprintf(&out, "- %s: %.2f s\n", program.Name, bare.Median)
	}
	return out.String()
}

const markdownHead = `# Benchmarks

Written by ` + "`make bench`" + `; do not edit. Run it on your own machine, as root (it takes half an
hour): the numbers below are one machine's, and the ratios are what carries over.

`

const markdownMethod = `## How it is measured

- All of it in one run, the subjects taking turns. In each round each of them is attached, measured and
  removed; the next begins when the kernel has let go of the last one's programs. Every round has another order.
  The tables give the median of the rounds, and in brackets the smallest and the largest. The table of goals has another pair in
  brackets: between these two rounds the median of many more would be, with a probability of 95 % (the sign test; of fewer than six they are the smallest and the largest). A limit between them is within the
  error: the next run may find the median on its other side.
- *Single calls*: a process with a CPU of its own makes raw ` + "`getppid`" + ` calls, and raw ` + "`read`" + ` calls of one byte of
  ` + "`/dev/zero`" + `, in batches of a fifth of a millisecond, before and after each of which some arithmetic tells whether a neighbour had half of the
  core. The first decile of 50 or more batches counts in which none had; where there are too few of them within three seconds, it is what the fastest fiftieth take. The tracers run on the other CPUs. What is *added*
  is the difference to the same with nothing attached, just before or just after, whichever was faster. The row "nothing" is
  measured in the same way and shows the error that is left.
- *Pieces of programs*: a whole program runs too long for nobody to disturb a part of it, and a few per cent cannot be told. Programs
  that go on for ever are measured like calls: the load asks another process on its own CPU for one thing after the other,
  and waits for each. A tracer of one process does not see that other one, and is left out. They decide the goals of programs.
- *Ratios* are taken within a round, and the median is of these. ` + "`syscount -L`" + ` is the peer that does most nearly what
  syscountd does: it counts and times every call by syscall.
- A tracer counts as attached when it says so (perf, which does not, when calls cost five times as much), and its
  number counts if its output shows the calls that were made.
- *Slow calls*: the same, with a call that is slow by the policy or not. The service reads the records on another CPU and folds them into an incident; the
  load pauses after each batch, so that it keeps up. The goal counts if no record was lost.
- *Many rows*: the system calls are numbers that the kernel has no call for; it refuses them at once, but each has a row. The CPU time is that of the
  process's own clock (` + "`clock_getcpuclockid`" + `), from a tenth of an interval after one reading to the same after the next. All that syscountd does is in
  it, reading, summaries, garbage collection; nothing is subtracted. ` + "`memlock`" + ` is what the maps ask for; the kernel's allocator gives 1,024 bytes for a row of its hash, which asks for 712. In the first interval all rows are new.
  In the intervals after that syscountd keeps to the other CPUs, and a loop of ` + "`getppid`" + ` on the load's CPU tells its longest call, those left out in which another thread got that CPU. The goals count if all rows were read and nothing was lost.
- *Real programs* use all CPUs, and files in memory (` + "`/dev/shm`" + `). The fastest of six runs in a row counts. Its time is divided by the mean of the same with nothing attached just before and just
  after. Of the pipe it is the time that perf itself tells, without its start. What takes more than 2.5 times as long, and over a second, is run once.
- syscountd runs as shipped but for the mode and the grouping: a histogram of each row, and every call held against
  its threshold. "Another PID" is process 1.
`

// markdown is the result as docs/benchmarks.md.
func (r *result) markdown() string {
	var out strings.Builder
	out.WriteString(markdownHead)
	r.writeSetting(&out)
	fmt.Fprintf(&out, "## Single calls\n\nNanoseconds that are added to %s.\n\n%s\n", r.bareCalls(), r.callTable().markdown())
	if len(r.Pieces) > 0 {
		fmt.Fprintf(&out, "## Pieces of programs\n\nHow much longer they take.\n\n%s\n%s\n", r.pieceList(), r.pieceTable().markdown())
	}
	if r.Slow != nil {
		fmt.Fprintf(&out, "## Slow calls\n\n%s\n", r.slowTable().markdown())
	}
	if r.Rows != nil {
		fmt.Fprintf(&out, "## Many rows\n\n%s\n%s\n", r.rowLoad(), r.rowTable().markdown())
	}
	if len(r.Programs) > 0 {
		out.WriteString("## Real programs\n\nHow much longer they take.\n\n")
		fmt.Fprintf(&out, "%s\n%s\n", r.programList(), r.programTable().markdown())
	}
	fmt.Fprintf(&out, "## Goals\n\nRatios where no unit stands. The median of the rounds decides. In brackets: between what it is with a probability of 95 %% (see below).\n\n%s\n", r.goalTable().markdown())
	for i, note := range r.Notes {
		if i == 0 {
			out.WriteString("## Notes\n\n")
		}
		fmt.Fprintf(&out, "- %s\n", note)
		if i == len(r.Notes)-1 {
			out.WriteByte('\n')
		}
	}
	out.WriteString(markdownMethod)
	return out.String()
}

// writeSetting is when, where and with what.
func (r *result) writeSetting(out *strings.Builder) {
	m, t := r.Machine, &table{head: []string{"", ""}}
	t.add("date", r.Started.UTC().Format(time.DateOnly))
	t.add("machine", m.sentence())
	t.add("mitigations", m.Mitigations)
	t.add("BPF JIT", m.BPFJIT)
	t.add("load average before", m.Load)
	for _, v := range r.Versions {
		t.add(v.Name, v.Version)
	}
	t.add("rounds", fmt.Sprintf("%d of the calls (%d in mode watch); %d of the programs; %.0f min in all",
		r.Settings.Rounds, r.Settings.WatchRounds, r.Settings.ProgramRounds, math.Ceil(r.Took/60)))
	fmt.Fprintf(out, "%s\n", t.markdown())
}
