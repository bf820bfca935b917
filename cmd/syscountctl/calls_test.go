package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent"
)

// local is a moment as a person here reads it.
func local(t *testing.T, text string) string {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.Local().Format("2006-01-02 15:04:05")
}

func TestSlowShowsALineForEachCall(t *testing.T) {
	r := newRig(t, os.Getuid())
	if got := r.run("slow"); got != (result{0, "No call was slow since the service started.\n", ""}) {
		t.Errorf("%+v", got)
	}
	r.agent.SetSlow(
		`{"time":"2026-11-22T03:12:07.118204551Z","msg":"fsync by postgres (812) took 3.904 s","event":"slow","duration_ns":3904118204}`,
		`{"time":"2026-11-21T23:59:59.999999999Z","msg":"read by cat (7) took 41.2 ms","event":"slow","duration_ns":41200311}`)
	want := result{0, "ENDED                   TOOK  CALL\n" +
		local(t, "2026-11-22T03:12:07.118204551Z") + "    3.90s  fsync by postgres (812) took 3.904 s\n" +
		local(t, "2026-11-21T23:59:59.999999999Z") + "   41.2ms  read by cat (7) took 41.2 ms\n", ""}
	if got := r.run("slow"); got != want {
		t.Errorf("%+v\nwant\n%s", got, want.stdout)
	}
	if r.agent.Newest() != 20 {
		t.Errorf("the default asked for %d calls", r.agent.Newest())
	}
	if got := r.run("slow", "-n", "1"); strings.Contains(got.stdout, "cat") || r.agent.Newest() != 1 {
		t.Errorf("-n 1: %+v", got)
	}
}

func TestStuckShowsALineForEachCall(t *testing.T) {
	r := newRig(t, os.Getuid())
	running := func(counters map[string]uint64) {
		r.agent.SetStatus(agent.Status{State: "running", Counters: counters})
	}
	running(map[string]uint64{"stuck": 0})
	if got := r.run("stuck"); got != (result{0, "No call is stuck.\n", ""}) {
		t.Errorf("%+v", got)
	}
	r.agent.SetStuck(
		`{"time":"2026-11-22T03:12:07Z","msg":"read by cat (7) has not returned for 90 s","event":"stuck","age_ns":90000000000}`,
		`{"time":"2026-11-22T03:12:07Z","msg":"fsync by dd (8) has not returned for 12.5 s","event":"stuck","age_ns":12500000000}`)
	lines := "SINCE                    FOR  CALL\n" +
		local(t, "2026-11-22T03:10:37Z") + "    90.0s  read by cat (7) has not returned for 90 s\n" +
		local(t, "2026-11-22T03:11:54.5Z") + "    12.5s  fsync by dd (8) has not returned for 12.5 s\n"
	// The counters are a little older than the list.
	for stuck, more := range map[uint64]string{
		0: "", 1: "", 2: "",
		497: "495 more without a record of their own: incidents count them, or [limits] held them back.\n",
	} {
		running(map[string]uint64{"stuck": stuck})
		if got := r.run("stuck"); got != (result{0, lines + more, ""}) {
			t.Errorf("%+v\nwant\n%s%s", got, lines, more)
		}
	}
}

// An empty list must not say that all is well when nobody has looked.
func TestStuckSaysWhenNobodyLooks(t *testing.T) {
	r := newRig(t, os.Getuid())
	r.agent.SetStatus(agent.Status{State: "running", Counters: map[string]uint64{"slow": 1}})
	want := "Nobody looks for stuck calls: the policy says after = \"never\" in [stuck].\n"
	if got := r.run("stuck"); got != (result{0, want, ""}) {
		t.Errorf("%+v", got)
	}
	r.agent.SetStatus(agent.Status{State: "stopped"})
	for _, line := range []string{"stuck", "stuck --json"} {
		if got := r.run(words(line)...); got != (result{3, "", "syscountctl: syscountd is stopped: nothing is observed\nTry: syscountctl start\n"}) {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

func TestStatusShowsWhatGoesOn(t *testing.T) {
	r := newRig(t, os.Getuid())
	st := runningStatus()
	st.Counters["stuck"], st.Counters["incidents"] = 2, 0
	r.agent.SetStatus(st)
	got := r.run("status").stdout
	for _, want := range []string{"      Stuck: 2 not returned; see syscountctl stuck\n", "  Incidents: none\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestRecordsThatCannotBeRead(t *testing.T) {
	r := newRig(t, os.Getuid())
	r.agent.SetStatus(agent.Status{State: "running"})
	r.agent.SetSlow(`{"time":5}`)
	r.agent.SetStuck(`{`)
	for _, line := range []string{"slow", "slow --json", "stuck", "stuck --json"} {
		if got := r.run(words(line)...); got.code != 1 || got.stdout != "" || !strings.HasPrefix(got.stderr, "syscountctl: read a record of the service: ") {
			t.Errorf("%s: %+v", line, got)
		}
	}
}
