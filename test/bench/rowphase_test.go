package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rowLab measures rows of a script that takes syscountd's place.
func rowLab(t *testing.T, text string) *lab {
	t.Helper()
	l, _ := testLab(t, 1)
	dir := t.TempDir()
	path := filepath.Join(dir, "syscountd")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.rowService = newRowService(dir, path, 100*time.Millisecond)
	l.result.Settings.Rows, l.result.Settings.RowIntervals = 1000, 3
	return l
}

func TestRowsAreMeasuredIntervalByInterval(t *testing.T) {
	l := rowLab(t, `echo '{"change":"started"}'
while :; do sleep 0.1; echo '{"event":"interval","rows":1402,"drops":{"ring_full":0}}'; done`)
	if err := l.rows(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := l.result.Rows
	if r == nil {
		t.Fatalf("no result; notes %q", l.result.Notes)
	}
	// On one CPU, or a busy machine, there may be none; what there is comes in pairs.
	if len(r.Worst[worstQuiet]) != len(r.Worst[worstReading]) {
		t.Errorf("%+v", r.Worst)
	}
	if len(r.CPUMs) != 3 || len(r.RSSMiB) != 3 || r.Processes*r.Calls < 1000 || r.PeakMiB <= 0 || !r.holds(1000) {
		t.Errorf("%+v", r)
	}
}

func TestRowsThatCannotBeMeasuredAreNoted(t *testing.T) {
	for text, want := range map[string]string{
		"echo 'no BTF'; exit 1":                     "the rows were not measured: no BTF",
		`echo '{"change":"started"}'; echo bye`:     "the rows were not measured: bye",
		`echo '{"change":"started"}'; exec sleep 0`: `the rows were not measured: {"change":"started"}`,
	} {
		l := rowLab(t, text)
		if err := l.rows(t.Context()); err != nil || l.result.Rows != nil {
			t.Errorf("%s: %v, %+v", text, err, l.result.Rows)
		}
		if notes := strings.Join(l.result.Notes, "\n"); !strings.Contains(notes, want) {
			t.Errorf("%s: notes %q", text, notes)
		}
	}
}

func TestNoRowsAreMeasuredWhenNoneAreWanted(t *testing.T) {
	l := rowLab(t, "exit 1")
	l.result.Settings.Rows = 0
	if err := l.rows(t.Context()); err != nil || l.result.Rows != nil || len(l.result.Notes) != 0 {
		t.Errorf("%v, %+v, %q", err, l.result.Rows, l.result.Notes)
	}
}

func TestRowsEndWhenTheRunIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := rowLab(t, `echo '{"change":"started"}'; exec sleep 600`)
	time.AfterFunc(time.Second, cancel)
	if err := l.rows(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("rows = %v", err)
	}
}
