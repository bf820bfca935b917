package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// rowResult is what many rows cost, interval by interval.
type rowResult struct {
	Processes int     `json:"processes"`
	Calls     int     `json:"calls"` // different ones, of each process
	IntervalS float64 `json:"interval_s"`
	Rows      series  `json:"rows"`    // as the record of the interval says: process x system call
	CPUMs     series  `json:"cpu_ms"`  // of the whole process, for the whole interval
	RSSMiB    series  `json:"rss_mib"` // when the interval was read
	// PeakMiB is the largest resident memory since the process began.
	PeakMiB float64 `json:"peak_rss_mib"`
	// Worst is the longest time of a getppid on another CPU, in us: while nothing is read,
	// and around a reading.
	Worst map[string]series `json:"worst_us"`
	// The kernel memory of all BPF maps: with the rows, and before their first call.
	MapBytes        uint64            `json:"map_bytes"`
	MapBytesAtStart uint64            `json:"map_bytes_at_start"`
	Lost            map[string]uint64 `json:"lost"` // drop counters that were not 0
}

const mebibyte = 1 << 20

// put keeps what was found at the end of an interval.
func (r *rowResult) put(interval int, record intervalRecord, used time.Duration, memory resident, mapBytes uint64) {
	r.Rows[interval] = float64(record.Rows)
	r.CPUMs[interval] = used.Seconds() * 1000
	r.RSSMiB[interval] = float64(memory.now) / mebibyte
	r.PeakMiB = max(r.PeakMiB, float64(memory.peak)/mebibyte)
	r.MapBytes = max(r.MapBytes, mapBytes)
	for name, n := range record.Drops {
		if n != 0 {
			r.Lost[name] += n
		}
	}
}

// holds tells whether so many rows were read in each interval, and no call was
// lost or thrown together with others. Else it was not the reading of so many rows.
func (r *rowResult) holds(rows int) bool {
	return r.Rows.spread().Min >= float64(rows) && len(r.Lost) == 0
}

// losses is "nothing", or the counters that say otherwise.
func losses(lost map[string]uint64) string {
	if len(lost) == 0 {
		return "nothing"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(lost)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, lost[name]))
	}
	return strings.Join(parts, ", ")
}

// rowGoals are about the rows that the settings ask for.
func (r *result) rowGoals() []goal {
	if r.Rows == nil {
		return nil
	}
	rows := r.Settings.Rows
	cpu := goal{Text: fmt.Sprintf("reading %d rows at an interval, CPU time", rows), Unit: "ms", Limit: 100}
	rss := goal{Text: fmt.Sprintf("resident memory with %d rows, at its peak", rows), Unit: "MiB", Limit: 64}
	if r.Rows.holds(rows) {
		cpu.Got = r.Rows.CPUMs.spread()
		rss.Got = series{0: r.Rows.PeakMiB}.spread()
	}
	return []goal{cpu, rss}
}

// rowTable says in each line what was measured.
func (r *result) rowTable() *table {
	m, t := r.Rows, &table{head: []string{"measured", "median (smallest..largest)"}}
	rows := m.Rows.spread()
	t.add("rows in the interval's record", rows.format("%.0f"))
	t.add(fmt.Sprintf("CPU time of the syscountd process in %.0f s, user and system, of all threads, ms: the reading and all else that it did", m.IntervalS),
		m.CPUMs.spread().format("%.1f"))
	t.add("resident memory (VmRSS) a while after the reading, MiB", m.RSSMiB.spread().format("%.1f"))
	t.add("largest resident memory since its start (VmHWM), MiB", fmt.Sprintf("%.1f", m.PeakMiB))
	t.add("kernel memory of its BPF maps (memlock in /proc/PID/fdinfo), MiB", fmt.Sprintf("%.1f", float64(m.MapBytes)/mebibyte))
	t.add("of that before the first call, MiB", fmt.Sprintf("%.1f", float64(m.MapBytesAtStart)/mebibyte))
	t.add("kernel memory of all maps for each row, bytes", fmt.Sprintf("%.0f", float64(m.MapBytes)/rows.Median))
	t.add(fmt.Sprintf("longest getppid of a loop that kept another CPU in the %.0f s around a reading, us", m.IntervalS*3/10), m.Worst[worstReading].spread().format("%.0f"))
	t.add(fmt.Sprintf("the same in %.0f s without a reading, us", m.IntervalS*3/10), m.Worst[worstQuiet].spread().format("%.0f"))
	t.add("lost, or counted together with others", losses(m.Lost))
	return t
}

// rowLoad is what the rows were of.
func (r *result) rowLoad() string {
	m := r.Rows
	return fmt.Sprintf("%d processes, each on one CPU, make each of %d different system calls %d times in each of %d intervals of %.0f s, and sleep when it ends.\n",
		m.Processes, m.Calls, callsPerRow, len(m.Rows), m.IntervalS)
}
