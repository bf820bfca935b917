package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// tracefs is where libbpf-tools, bpftrace and perf look for tracepoints.
const tracefs = "/sys/kernel/tracing"

// checkHost looks at what would spoil the numbers, and puts it into the notes.
// The function that it returns undoes what it has changed.
func (l *lab) checkHost(ownCPU bool) (undo func() error, err error) {
	if !ownCPU {
		l.note("there is one CPU only: the load shares it with the tracers")
	}
	if l.foreign, err = tracingPrograms(); err != nil {
		return nil, err
	}
	if len(l.foreign) > 0 {
		l.note(fmt.Sprintf("%d tracing programs of others were loaded when it began, and may be in all numbers: %s",
			len(l.foreign), l.foreign.names()))
	}
	if busy(l.result.Machine.Load, l.result.Machine.CPUs) {
		l.note("the machine was busy when it began: load average " + l.result.Machine.Load)
	}
	if _, err := os.Stat(tracefs + "/events"); err == nil {
		return func() error { return nil }, nil
	}
	if err := unix.Mount("tracefs", tracefs, "tracefs", 0, ""); err != nil {
		l.note(fmt.Sprintf("tracefs is not mounted on %s, and cannot be: %v", tracefs, err))
		return func() error { return nil }, nil
	}
	l.say("mounted tracefs on %s for the peers that need it", tracefs)
	return func() error {
		if err := unix.Unmount(tracefs, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("unmount %s: %w", tracefs, err)
		}
		return nil
	}, nil
}

// note is something that the reader has to know; said at once, too.
func (l *lab) note(text string) {
	l.result.Notes = append(l.result.Notes, text)
	l.say("note: %s", text)
}

// busy tells whether a load average (/proc/loadavg) says that others had more than
// a quarter of the CPUs in the last minute.
func busy(loadavg string, cpus int) bool {
	minute, err := strconv.ParseFloat(firstFields(loadavg, 1), 64)
	return err == nil && minute > float64(cpus)/4
}

// lookForStrangers counts the measurements at the end of which somebody else
// had new tracing programs loaded: when none of ours is.
func (l *lab) lookForStrangers() {
	loaded, err := tracingPrograms()
	if err != nil {
		return // it worked at the start; this is a look for the notes only
	}
	if fresh := loaded.since(l.foreign); len(fresh) > 0 {
		l.strangers++
		l.say("    others have loaded tracing programs: %s", fresh.names())
	}
}

// noteStrangers puts into the notes what lookForStrangers has counted.
func (l *lab) noteStrangers() {
	if l.strangers > 0 {
		l.note(fmt.Sprintf("others had loaded tracing programs at the end of %d measurements, which may be wrong", l.strangers))
	}
}

// names are the names in order, each once.
func (p programs) names() string {
	var names []string
	for _, name := range p {
		names = append(names, printable(name))
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
