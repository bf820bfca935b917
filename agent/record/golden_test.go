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

// slow is the record that the design shows.
func slow() *record.Slow {
	return &record.Slow{
		Severity: 4, Rule: "sync-to-disk", Start: record.StartEntry,
		DurationNs: 3904118204, ThresholdNs: 20000000,
		Monotonic: record.Monotonic{StartNs: 81000000001, EndNs: 84904118205},
		Syscall: record.Call{
			Syscall: record.Syscall{Name: "fdatasync", Nr: 75, ABI: "x86_64"},
			Args:    []string{"0x7", "0x0", "0x0", "0x7ffd12345678", "0x0", "0x0"},
		},
		Process: record.Process{
			PID: 812, TID: 812, ParentPID: 790, Comm: "postgres",
			Executable:  record.Executable{Name: "postgres", Path: "/usr/lib/postgresql/15/bin/postgres"},
			CommandLine: "postgres: 15/main: walwriter", User: &record.User{ID: 113},
			StartTime: record.FormatTime(time.Date(2026, 11, 20, 8, 0, 0, 10000000, time.UTC)),
		},
		Systemd: record.Systemd{Unit: "postgresql@15-main.service", Slice: "system-postgresql.slice"},
		Cgroup:  "/system.slice/system-postgresql.slice/postgresql@15-main.service",
		File:    &record.File{FD: 7, Kind: "file"},
	}
}

func summary() *record.Summary {
	return &record.Summary{
		IntervalNs: 60e9, Systemd: record.Systemd{Unit: "nginx.service"},
		Syscall: record.Syscall{Name: "read", Nr: 0, ABI: "x86_64"},
		Count:   18231, Errors: 412, TotalNs: 41200311, MinNs: 310, MaxNs: 81221,
		P50Ns: 1100, P90Ns: 3900, P99Ns: 12300, P999Ns: 61000,
		Histogram: record.Histogram{Scale: 2, Offset: 33, Counts: []uint64{12, 80, 311}},
	}
}

func interval() *record.Interval {
	return &record.Interval{
		IntervalNs: 60e9, Count: 1203911, Errors: 12, TotalNs: 88100311000,
		Groups: 41, Rows: 812, Slow: 3,
		Drops:   map[string]uint64{"ring_full": 0, "rows_overflow": 2, "output_dropped_queue": 0},
		Balance: record.Balance{Enter: 1203950, Exit: 1203930, Matched: 1203911, Died: 7, InFlight: 32, ExitWithoutEnter: 19},
		Cost:    record.Cost{CPUNs: 12000000, RSSBytes: 21 << 20},
	}
}

func state() *record.State {
	return &record.State{
		Change: record.ChangeRetargeted,
		Caller: &record.Caller{UserID: 0, PID: 812, Via: "dbus"},
		Filter: &record.Filter{PIDs: []uint32{4711}},
	}
}

func TestGolden(t *testing.T) {
	tests := map[string]record.Record{
		"slow": slow(),
		"slow-container": &record.Slow{
			Severity: 3, Rule: "default", Start: record.StartEntry, DurationNs: 1e9, ThresholdNs: 1e9,
			Syscall: record.Call{Syscall: record.Syscall{Name: "read", Nr: 3, ABI: "i386"}, Ret: -5, Errno: "EIO"},
			Process: record.Process{PID: 9, TID: 10, Comm: "a\nb", User: &record.User{ID: 0}},
			Container: record.Container{Runtime: "docker",
				ID: "3f2a1b0c4d5e6f708192a3b4c5d6e7f83f2a1b0c4d5e6f708192a3b4c5d6e7f8"},
			File: &record.File{FD: 0},
		},
		"summary":         summary(),
		"summary-process": &record.Summary{IntervalNs: 2e9, Final: true, Process: record.Process{PID: 77, Comm: "cat"}, Syscall: record.Syscall{Name: "unknown", Nr: -1, ABI: "x32"}, Count: 1, Errors: 1},
		"summary-other":   &record.Summary{IntervalNs: 60e9, Other: true, Count: 7, TotalNs: 700, MinNs: 100, MaxNs: 100},
		"interval":        interval(),
		"state":           state(),
		"state-suppressed": &record.State{Change: record.ChangeSuppressed,
			Suppressed: &record.Suppression{Rule: "sync", Count: 12, WorstNs: 3904118204, TotalNs: 12e9}},
		"state-started": &record.State{Change: record.ChangeStarted, Mode: "account", Filter: &record.Filter{},
			Attachment: "tp_btf/sys_enter tp_btf/sys_exit", PolicyFiles: []string{"/etc/syscountd/syscountd.toml"}},
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
