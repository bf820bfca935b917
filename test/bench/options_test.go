package main

import (
	"io"
	"slices"
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		args string
		want settings
	}{
		{"", settings{Rounds: 9, WatchRounds: 15, ProgramRounds: 4, Batches: 100, Patience: 3, LoadCPU: 5, Rows: 50_000, RowIntervals: 6}},
		{"-short", settings{Rounds: 2, WatchRounds: 2, ProgramRounds: 1, Batches: 41, LoadCPU: 5, Rows: 50_000, RowIntervals: 3}},
		{"-short -rounds 4 -program-rounds 0 -rows 0", settings{Rounds: 4, WatchRounds: 4, ProgramRounds: 0, Batches: 41, LoadCPU: 5}},
	} {
		o, err := parseOptions(strings.Fields(test.args), io.Discard)
		if err != nil || o.settings(5) != test.want {
			t.Errorf("%q: %+v, %v, want %+v", test.args, o.settings(5), err, test.want)
		}
	}
	o, err := parseOptions([]string{"-only", "strace,empty"}, io.Discard)
	if err != nil || !slices.Equal(o.only, []string{"strace", "empty"}) {
		t.Errorf("-only: %q, %v", o.only, err)
	}
}

func TestWrongOptionsAreNamed(t *testing.T) {
	for args, want := range map[string]string{
		"-rounds 0":                     "-rounds 0: must be from 1 to 1000",
		"-rounds 1001":                  "-rounds 1001: must be from 1",
		"-program-rounds -2":            "-program-rounds -2: must be from 0",
		"-write x -short":               "-write wants the whole measurement",
		"-write x -only strace":         "-write wants the whole measurement",
		"-write x -programs pipe":       "-write wants the whole measurement",
		"-write x -program-rounds 0":    "-write wants the whole measurement",
		"-write x -rows 0":              "-write wants the whole measurement",
		"-rows -1":                      "-rows -1: must be from 0 to 524288",
		"-rows 524289":                  "-rows 524289: must be from 0",
		"-surprise":                     "not defined",
		"-cpu one":                      "invalid value",
		"-rounds 3 docs/benchmarks.md2": "unexpected argument",
	} {
		if _, err := parseOptions(strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", args, err, want)
		}
	}
}
