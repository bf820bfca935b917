package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// sampleResult is a run of three rounds with known numbers.
func sampleResult() *result {
	r := &result{
		Started:  time.Date(2026, 11, 22, 3, 12, 7, 0, time.UTC),
		Took:     601,
		Settings: settings{Rounds: 3, WatchRounds: 3, ProgramRounds: 2, Batches: 100, Patience: 3, LoadCPU: 1},
		Machine: machine{
			CPU: "AMD EPYC", CPUs: 2, Virtual: true, Kernel: "6.18.44", Arch: "x86_64",
			Mitigations: "mitigations=auto", BPFJIT: "bpf_jit_enable 1", System: "Debian", Load: "0.01 0.02 0.03",
		},
		Versions: []version{{"strace", "6.1"}},
		Programs: []programName{{buildKey, "build: make -j"}},
		Pieces:   []string{buildKey},
		Notes:    []string{"perf lost a round"},
	}
	add := func(key, name string, added, seconds []float64) *subjectResult {
		s := newSubjectResult(subject{key: key, name: name})
		for round, ns := range added {
			s.putCalls(round, map[string]float64{"getppid": 85 + ns, "read": 120 + ns},
				map[string]float64{"getppid": 85, "read": 121}, map[string]float64{"getppid": 86, "read": 120})
		}
		for round, took := range seconds {
			bare := []float64{1, 2}[round]
			s.putPrograms(round, map[string]float64{buildKey: took}, map[string]float64{buildKey: bare - 0.1}, map[string]float64{buildKey: bare + 0.1})
			s.putCalls(round, map[string]float64{buildKey: took}, map[string]float64{buildKey: bare}, map[string]float64{buildKey: bare + 0.1})
		}
		r.Subjects = append(r.Subjects, s)
		return s
	}
	add(keyNothing, "nothing", []float64{0, 0, 0}, []float64{1, 2})
	add(keyProcess, "syscountd account, by process", []float64{60, 66, 120}, []float64{1.1, 2.2})
	add(keyLatency, "libbpf-tools syscount -L", []float64{100, 100, 200}, []float64{1.2, 2.3})
	add(keyBpftrace, "bpftrace", []float64{200, 200, 400}, []float64{1.05, 2.2})
	add(keyStrace, "strace", []float64{6000, 6100, 6200}, []float64{9})
	add(keyPerfTrace, "perf trace -s -a", nil, nil).fail(errText("no perf | here"))
	r.Goals = r.goals()
	return r
}

type errText string

func (e errText) Error() string { return string(e) }

func TestCallTableHasTheMedianAndTheRatioWithinRounds(t *testing.T) {
	rows := sampleResult().callTable().rows
	want := [][]string{
		{"nothing", "+0.0 (+0.0..+0.0)", "0.00 (0.00..0.00)", "+0.0 (+0.0..+0.0)", "0.00 (0.00..0.00)"},
		{"syscountd account, by process", "+66 (+60..+120)", "0.60 (0.60..0.66)", "+66 (+60..+120)", "0.60 (0.60..0.66)"},
		{"libbpf-tools syscount -L", "+100 (+100..+200)", "1.00 (1.00..1.00)", "+100 (+100..+200)", "1.00 (1.00..1.00)"},
		{"bpftrace", "+200 (+200..+400)", "2.00 (2.00..2.00)", "+200 (+200..+400)", "2.00 (2.00..2.00)"},
		{"strace", "+6100 (+6000..+6200)", "60.00 (31.00..61.00)", "+6100 (+6000..+6200)", "60.00 (31.00..61.00)"},
		{"perf trace -s -a", "did not run: no perf | here"},
	}
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("got\n%q\nwant\n%q", rows, want)
	}
}

func TestProgramTableHasSlowdowns(t *testing.T) {
	rows := sampleResult().programTable().rows
	want := [][]string{
		{"nothing", "+0.0 % (+0.0..+0.0)"},
		{"syscountd account, by process", "+10.0 % (+10.0..+10.0)"},
		{"libbpf-tools syscount -L", "+17.5 % (+15.0..+20.0)"},
		{"bpftrace", "+7.5 % (+5.0..+10.0)"},
		{"strace", "x9.0 (x9.0..x9.0)"},
		{"perf trace -s -a", "did not run: no perf | here"},
	}
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("got\n%q\nwant\n%q", rows, want)
	}
}

func TestGoalsCoverCallsAndEveryProgram(t *testing.T) {
	r := sampleResult()
	if got, want := len(r.Goals), len(callGoals)+len(programGoals)*len(r.Pieces); got != want {
		t.Errorf("%d goals, want %d", got, want)
	}
	if got := r.Goals[0]; got.Got.Median != 0.6 || got.verdict() != verdictReached {
		t.Errorf("the account by process: %+v", got)
	}
	if got := r.Goals[1]; got.verdict() != verdictUnmeasured {
		t.Errorf("sample 16, which was not measured: %+v", got)
	}
	// The fastest peer under the build is bpftrace: 1.1/1.05 and 2.2/2.2.
	build := r.Goals[len(callGoals)]
	if build.Got.Rounds != 2 || build.Got.Min != 1 || build.Got.Max < 1.04 || build.verdict() != verdictNotReached {
		t.Errorf("the build: %+v", build)
	}
}

func TestTextTableIsAligned(t *testing.T) {
	table := &table{head: []string{"name", "a", "b"}}
	table.add("ä long one", "1", "2")
	table.add("x", "a refusal that is longer than its column")
	want := "name        a  b\n" +
		"ä long one  1  2\n" +
		"x           a refusal that is longer than its column\n"
	if got := table.text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMarkdownTableKeepsItsShape(t *testing.T) {
	table := &table{head: []string{"name", "a", "b"}}
	table.add("x", "this | that")
	want := "| name | a | b |\n|---|---|---|\n| x | this \\| that |  |\n"
	if got := table.markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestReportsHaveAllThatIsKnown(t *testing.T) {
	r := sampleResult()
	text, markdown := r.text(), r.markdown()
	for _, part := range []string{
		"2 x AMD EPYC in a virtual machine, Linux 6.18.44 x86_64, Debian",
		"85 ns of a bare getppid and 120 ns of a bare read",
		"+66 (+60..+120)", "did not run: no perf", "x9.0", "0.600 (0.600..0.660)", "reached", "not measured", "perf lost a round",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the text has no %q:\n%s", part, text)
		}
		if !strings.Contains(markdown, part) {
			t.Errorf("the Markdown has no %q:\n%s", part, markdown)
		}
	}
	for _, part := range []string{
		"`make bench`", "2026-11-22", "mitigations=auto", "| strace | 6.1 |", "- build: make -j: 1.50 s\n",
		"3 of the calls (3 in mode watch); 2 of the programs; 11 min in all", "0.01 0.02 0.03",
	} {
		if !strings.Contains(markdown, part) {
			t.Errorf("the Markdown has no %q:\n%s", part, markdown)
		}
	}
}

func TestReportWithoutNumbersIsStillOne(t *testing.T) {
	r := &result{}
	r.Goals = r.goals()
	if text := r.text(); !strings.Contains(text, "what was not measured") || strings.Contains(text, "Real programs") {
		t.Errorf("an empty report:\n%s", text)
	}
}
