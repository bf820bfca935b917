package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLoadRequestsAreChecked(t *testing.T) {
	for _, test := range []struct {
		line    string
		name    string
		batches int
		wrong   string
	}{
		{line: "getppid 25", name: "getppid", batches: 25},
		{line: "read 1", name: "read", batches: 1},
		{line: "reboot 1", wrong: `no call "reboot"`},
		{line: "", wrong: `no call ""`},
		{line: "read", wrong: `batches ""`},
		{line: "read 0", wrong: `batches "0"`},
		{line: "read 10001", wrong: "from 1 to 10000"},
		{line: "read 1 2", wrong: `batches "1 2"`},
	} {
		name, batches, err := parseRequest(test.line)
		if test.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("parseRequest(%q): %v, want an error with %q", test.line, err, test.wrong)
			}
			continue
		}
		if err != nil || name != test.name || batches != test.batches {
			t.Errorf("parseRequest(%q) = %q, %d, %v", test.line, name, batches, err)
		}
	}
}

func TestLoadAnswersAreReadBack(t *testing.T) {
	results := []batch{{85.25, 8310}, {1, 0}, {41600, 17000}}
	got, err := parseBatches(formatBatches(results)+"\n", 3)
	if err != nil || !slices.Equal(got, results) {
		t.Errorf("read back %v, %v", got, err)
	}
	for _, line := range []string{
		"", "1:1 2:1", "1:1 2:1 3:1 4:1", "1:1 2:1 x:1", "1:1 2:1 0:1", "1:1 2:1 -3:1", "1:1 2:1 NaN:1", "1:1 2:1 +Inf:1",
		"1:1 2:1 3", "1:1 2:1 3:", "1:1 2:1 3:-1", "1:1 2:1 3:NaN", "1:1 2:1 3:1e12",
	} {
		if got, err := parseBatches(line, 3); err == nil {
			t.Errorf("parseBatches(%q) = %v without an error", line, got)
		}
	}
}

func TestBatchesAreAboutAsLongAsWanted(t *testing.T) {
	for _, test := range []struct {
		perCall time.Duration
		want    int
	}{
		{100 * time.Nanosecond, 5000},
		{50 * time.Microsecond, 10},
		{time.Second, 1}, // never none
		{0, 500_000},
	} {
		if got := callsPerBatch(test.perCall, 500*time.Microsecond); got != test.want {
			t.Errorf("calls of %v in a batch: %d, want %d", test.perCall, got, test.want)
		}
	}
	if got := callsPerBatch(0, time.Hour); got != 1_000_000 {
		t.Errorf("calls in an hour's batch: %d, want the most that is allowed", got)
	}
}

func TestBatchesMakeTheCallsThatTheyTime(t *testing.T) {
	made := 0
	results := runBatches(func() { made++; time.Sleep(time.Millisecond) }, 2, batchTime, 0)
	// Twice 64 are made before these where there is time for so many.
	if len(results) != 2 || made < 1+1+2 || made >= 64+64+2 {
		t.Errorf("%d calls gave %v", made, results)
	}
	for _, b := range results {
		if b.ns < 1e6 || b.probe <= 0 {
			t.Errorf("a call of a millisecond took %v ns, the probe %v", b.ns, b.probe)
		}
	}
}

func TestMeterMeasuresEachCall(t *testing.T) {
	m := testMeter(t)
	costs, err := m.costs(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range callNames {
		if costs[call] <= 0 {
			t.Errorf("%s costs %v ns", call, costs[call])
		}
	}
	if err := m.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestMeterTellsWhenCallsCostMore(t *testing.T) {
	m := testMeter(t)
	defer m.stop()
	for _, test := range []struct {
		factor float64
		want   bool
	}{{1e-6, true}, {1e6, false}} {
		slowed, err := m.slowedBy(test.factor)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := slowed(); err != nil || got != test.want {
			t.Errorf("slower by %v: %v, %v", test.factor, got, err)
		}
	}
}

func TestMeterOfADeadLoadFails(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	m, err := startMeter(ctx, settings{LoadCPU: testCPU(t), Batches: 1}, &core{}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := m.stop(); err == nil {
		t.Error("a load that was killed ended well")
	}
	if _, err := m.costs(nil); err == nil {
		t.Error("a dead load gave an answer")
	}
	if _, err := m.slowedBy(2); err == nil {
		t.Error("a dead load gave a first answer")
	}
}

func TestLoadEndsAtARequestThatItDoesNotKnow(t *testing.T) {
	// In a process of its own: it pins its thread.
	m := testMeter(t)
	if _, err := m.cost("reboot"); err == nil {
		t.Error("the load answered to reboot")
	}
	if err := m.stop(); err == nil {
		t.Error("the load ended well")
	}
}

func testMeter(t *testing.T) *meter {
	t.Helper()
	m, err := startMeter(t.Context(), settings{LoadCPU: testCPU(t), Batches: 3}, &core{}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func testCPU(t *testing.T) int {
	t.Helper()
	cpus, err := allowedCPUs()
	if err != nil || len(cpus) == 0 {
		t.Fatal(errors.Join(err, errors.New("no CPU")))
	}
	return cpus[len(cpus)-1]
}

func TestTheLongestCallOfEachBatchIsTold(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	n := 0
	call := func() {
		if n++; n%100 == 0 { // often: another thread may get the CPU in some of them
			time.Sleep(2 * time.Millisecond) // this is the call that takes long
		}
	}
	results := worstOfBatches(call, 20)
	byTime := func(a, b batch) int { return cmp.Compare(a.ns, b.ns) }
	if len(results) != 20 || slices.MaxFunc(results, byTime).ns < 2e6 || slices.MinFunc(results, byTime).ns < 1 {
		t.Errorf("%v; want one of 2 ms among twenty", results)
	}
}

// Each piece of a program is done by a process on the load's CPU, which ends with the load.
func TestPiecesOfProgramsAreAnswered(t *testing.T) {
	m := testMeter(t)
	costs, err := m.costs(pieceNames[:])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pieceNames {
		if costs[name] <= 0 || pieceTexts[name] == "" {
			t.Errorf("%s takes %v ns; %q", name, costs[name], pieceTexts[name])
		}
	}
	if costs[databaseKey] < costs[pipeKey] {
		t.Errorf("%d transactions take %v ns, a byte there and back %v", pieceTransactions, costs[databaseKey], costs[pipeKey])
	}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", m.pid()))
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, thread := range threads {
		pids = append(pids, strings.Fields(readText(thread))...)
	}
	if len(pids) != len(pieceNames) {
		t.Errorf("children of the load: %q, want one for each piece", pids)
	}
	if err := m.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	for _, pid := range pids {
		gone := false
		for range 100 {
			state, err := os.ReadFile("/proc/" + pid + "/stat")
			if gone = err != nil || strings.Contains(string(state), ") Z "); gone {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if !gone {
			t.Errorf("process %s is there 5 s after the load ended", pid)
		}
	}
}
