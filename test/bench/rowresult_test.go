package main

import (
	"strings"
	"testing"
	"time"
)

// sampleRows are three intervals.
func sampleRows(rows uint64, lost uint64) *rowResult {
	r := &rowResult{
		Processes: 72, Calls: 701, IntervalS: 10, MapBytesAtStart: 8 << 20,
		Rows: make(series), CPUMs: make(series), RSSMiB: make(series), Lost: make(map[string]uint64),
		Worst: map[string]series{worstQuiet: {0: 410, 1: 431}, worstReading: {0: 520, 1: 530}},
	}
	for i, ms := range []int{150, 61, 62} {
		drops := map[string]uint64{"ring_full": lost, "negative": 0}
		memory := resident{now: uint64(30+i) << 20, peak: uint64(40+i) << 20}
		r.put(i, intervalRecord{Rows: rows, Drops: drops}, time.Duration(ms)*time.Millisecond, memory, 40<<20)
	}
	return r
}

func TestRowGoalsAreHeldAgainstTheMedianAndThePeak(t *testing.T) {
	r := &result{Settings: settings{Rows: 50_000}, Rows: sampleRows(50_001, 0)}
	goals := r.goals()
	cpu, rss := goals[len(goals)-2], goals[len(goals)-1]
	if cpu.verdict() != verdictReached || !cpu.withinError() || cpu.got() != "62.0 (61.0..150.0)" || cpu.limit() != "100 ms" {
		t.Errorf("%+v: %s of %s", cpu, cpu.got(), cpu.limit())
	}
	if rss.verdict() != verdictReached || rss.got() != "42.0" || rss.limit() != "64 MiB" {
		t.Errorf("%+v: %s of %s", rss, rss.got(), rss.limit())
	}
}

func TestRowGoalsDoNotCountWhenRowsAreMissing(t *testing.T) {
	for name, rows := range map[string]*rowResult{"too few": sampleRows(49_999, 0), "lost": sampleRows(50_001, 3)} {
		r := &result{Settings: settings{Rows: 50_000}, Rows: rows}
		for _, g := range r.rowGoals() {
			if g.verdict() != verdictUnmeasured || g.got() != "-" {
				t.Errorf("%s: %+v", name, g)
			}
		}
	}
	if goals := (&result{Settings: settings{Rows: 50_000}}).rowGoals(); len(goals) != 0 {
		t.Errorf("goals of rows that were not measured: %+v", goals)
	}
}

func TestReportSaysWhatTheRowsCost(t *testing.T) {
	r := sampleResult()
	r.Settings.Rows, r.Settings.RowIntervals, r.Rows = 50_000, 3, sampleRows(50_472, 2)
	for name, text := range map[string]string{"text": r.text(), "Markdown": r.markdown()} {
		for _, want := range []string{
			"72 processes, each on one CPU, make each of 701 different system calls 8 times in each of 3 intervals of 10 s",
			"50472 (50472..50472)", "62.0 (61.0..150.0)", "31.0 (30.0..32.0)", "42.0", "40.0", "8.0", "831", "ring_full 6", "420 (410..431)", "525 (520..530)",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the %s has no %q:\n%s", name, want, text)
			}
		}
	}
}
