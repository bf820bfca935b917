package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
)

func testSubjects(t *testing.T) (dir string, list []subject) {
	t.Helper()
	dir = t.TempDir()
	list, err := subjects(dir, "bin/syscountd")
	if err != nil {
		t.Fatal(err)
	}
	return dir, list
}

func TestSubjectsHaveAKeyAndANameOfTheirOwn(t *testing.T) {
	_, list := testSubjects(t)
	seen := make(map[string]bool)
	for _, s := range list {
		if s.key == "" || s.name == "" || s.attach == nil || seen[s.key] || seen[s.name] {
			t.Errorf("subject %+v is incomplete, or there twice", s)
		}
		seen[s.key], seen[s.name] = true, true
	}
	for _, g := range callGoals {
		if !seen[g.own] || !seen[g.peer] {
			t.Errorf("goal %q is about %s and %s: one of them is not measured", g.text, g.own, g.peer)
		}
	}
	for _, g := range programGoals {
		for _, key := range append([]string{g.own}, g.peers...) {
			if !seen[key] {
				t.Errorf("goal %q is about %s, which is not measured", g.text, key)
			}
		}
	}
}

func TestOurPoliciesAreValid(t *testing.T) {
	dir, _ := testSubjects(t)
	for _, m := range modes {
		text, err := os.ReadFile(filepath.Join(dir, m.key+".toml"))
		if err != nil {
			t.Fatal(err)
		}
		p, err := policy.LoadFile(filepath.Join(dir, m.key+".toml"))
		if err != nil {
			t.Errorf("%s: %v", m.key, err)
			continue
		}
		if p.Collect.Top != policy.MaxTop {
			t.Errorf("%s: top %d folds rows: the load's may not be seen in\n%s", m.key, p.Collect.Top, text)
		}
		if blind := len(p.Filter.PIDs) > 0; blind != m.blind {
			t.Errorf("%s: a filter %v, but blind %v", m.key, blind, m.blind)
		}
	}
}

func TestOurOutputIsRecognised(t *testing.T) {
	summary := `{"time":"2026-11-22T12:04:46Z","level":"INFO","msg":"...","event":"summary","syscall":{"name":"getppid","nr":110}}`
	pattern := regexp.MustCompile(sawSummary)
	if !pattern.MatchString(summary) {
		t.Error("a summary of getppid is not seen")
	}
	if pattern.MatchString(strings.Replace(summary, "getppid", "getpid", 1)) {
		t.Error("a summary of getpid passes for one of getppid")
	}
}

// Of the first slow call in mode watch nobody looked who ended its wait.
func TestWakersAreKnownToBeFollowed(t *testing.T) {
	before, after := recordOf(record.Wait{SleepNs: 3e7, VoluntarySwitches: 1, WakerUnseen: true}), recordOf(record.Wait{SleepNs: 3e7, VoluntarySwitches: 1})
	pattern := regexp.MustCompile(sawWakersFollowed)
	if pattern.MatchString(before) || !pattern.MatchString(after) {
		t.Errorf("%q matches\n%s: %v\n%s: %v; want the second", sawWakersFollowed, before, pattern.MatchString(before), after, pattern.MatchString(after))
	}
}

func recordOf(w record.Wait) string {
	r := &record.Slow{Scene: record.Scene{Wait: &w}}
	record.NewStamper("0123456789abcdef0123456789abcdef").Stamp(r, time.Now())
	return string(record.Marshal(r))
}

func TestSelectSubjects(t *testing.T) {
	_, list := testSubjects(t)
	all, err := selectSubjects(list, nil)
	if err != nil || len(all) != len(list) {
		t.Errorf("without -only: %d of %d, %v", len(all), len(list), err)
	}
	some, err := selectSubjects(list, []string{keyStrace, keyEmpty})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, s := range some {
		keys = append(keys, s.key)
	}
	if got := strings.Join(keys, " "); got != "nothing empty strace" {
		t.Errorf("selected %q", got)
	}
	_, err = selectSubjects(list, []string{"dtrace"})
	if err == nil || !strings.Contains(err.Error(), `"dtrace": must be among nothing, empty, empty-exit, empty-switch, empty-waits, account-none`) {
		t.Errorf("an unknown key: %v", err)
	}
}

func TestOwnCommIsWhatTheKernelKeeps(t *testing.T) {
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	if got := ownComm(); got != strings.TrimSpace(string(comm)) {
		t.Errorf("ownComm = %q, want %q", got, comm)
	}
}

func TestNothingIsAttachedAtOnce(t *testing.T) {
	attached, err := attachNothing(t.Context(), site{})
	if err != nil || !attached.saw() || attached.detach() != nil {
		t.Errorf("nothing could not be attached: %v", err)
	}
}
