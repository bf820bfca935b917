package record_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/record/recordtest"
)

var at = time.Date(2026, 11, 22, 3, 12, 7, 118204551, time.UTC)

const bootID = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"

func TestGolden(t *testing.T) {
	tests := map[string]record.Record{
		"slow":        slow(),
		"slow-bare":   bare(),
		"slow-socket": slowSocket(),
		"slow-copy":   slowCopy(),
		"slow-container": &record.Slow{
			Severity: 3, Rule: "default", Start: record.StartEntry, DurationNs: 1e9, ThresholdNs: 1e9,
			Syscall: record.Call{Request: record.Request{Syscall: record.Syscall{Name: "read", Nr: 3, ABI: "i386"}}, Ret: -5, Errno: "EIO"},
			Scene: record.Scene{
				Process: record.Process{PID: 9, TID: 10, Comm: "a\nb", User: &record.User{ID: 0}},
				Container: record.Container{Runtime: "docker",
					ID: "3f2a1b0c4d5e6f708192a3b4c5d6e7f83f2a1b0c4d5e6f708192a3b4c5d6e7f8"},
				Kubernetes: record.Kubernetes{Pod: record.Pod{UID: "1f9f4a9b-0c4d-4e6f-8081-92a3b4c5d6e7"}},
				File:       &record.File{FD: 0},
			},
		},
		"stuck":           stuck(),
		"ended":           stuck().Ended(record.EndedDied, 45e9),
		"incident-opened": incident(record.IncidentOpened),
		"incident-closed": incident(record.IncidentClosed),
		"summary":         summary(),
		"summary-process": &record.Summary{IntervalNs: 2e9, Final: true, Process: record.Process{PID: 77, Comm: "cat"}, Syscall: record.Syscall{Name: "unknown", Nr: -1, ABI: "x32"}, Count: 1, Errors: 1},
		"summary-other":   &record.Summary{IntervalNs: 60e9, Other: true, Count: 7, TotalNs: 700, MinNs: 100, MaxNs: 100},
		"interval":        interval(),
		"interval-watch":  intervalOfWatch(),
		"state":           state(),
		"state-resumed": &record.State{
			Change: record.ChangeResumed, Mode: "account", Attachment: "tp_btf/sys_enter tp_btf/sys_exit",
			Resumption: &record.Resumption{AwayNs: 312_041_118, CountedSeq: 4711},
		},
		"state-suppressed": &record.State{Change: record.ChangeSuppressed,
			Suppressed: &record.Suppression{Rule: "sync", Count: 12, WorstNs: 3904118204, TotalNs: 12e9}},
		"state-started": &record.State{Change: record.ChangeStarted, Mode: "account", Filter: &record.Filter{},
			Attachment: "tp_btf/sys_enter tp_btf/sys_exit", PolicyFiles: []string{"/etc/syscountd/syscountd.toml"}},
		"state-step": &record.State{Change: record.ChangeMode, Mode: "account", Sample: 16, Auto: true, Filter: &record.Filter{},
			Attachment: "tp_btf/sys_enter tp_btf/sys_exit", Detail: "down from account, which cost more than the budget",
			Budget: &record.Budget{CostPercent: 312, KernelPercent: 308, OwnPercent: 4, LimitPercent: 200, ExpectedPercent: 171, CallsPerSecond: 540311, SwitchesPerSecond: 20417,
				CallNs: 111, LeftOutNs: 61, SwitchNs: 78}},
		"log": &record.Log{Severity: 6, Text: "connected to the bus", Attributes: map[string]string{"name": ":1.4"}},
	}
	for name, r := range tests {
		t.Run(name, func(t *testing.T) {
			record.NewStamper(bootID).Stamp(r, at)
			line := record.Marshal(r)
			recordtest.Validate(t, line)
			golden(t, name+".json", append(line, '\n'))
		})
	}
}

// golden compares with a file of testdata; SYSCOUNT_UPDATE_GOLDEN=1 writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("SYSCOUNT_UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s\ngot  %swant %s", path, got, want)
	}
}
