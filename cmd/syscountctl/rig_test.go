package main

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent"
	"github.com/syscountd/syscountd/dbusapi"
	"github.com/syscountd/syscountd/dbusapi/dbustest"
)

func TestMain(m *testing.M) { os.Exit(dbustest.Main(m)) }

// rig is the real client, on a private bus, against the real service with a fake
// agent.
type rig struct {
	t     *testing.T
	bus   *dbustest.Bus
	agent *dbustest.Agent
}

// newRig starts the service; owner may call it besides root.
func newRig(t *testing.T, owner int) *rig {
	t.Helper()
	r := &rig{t, dbustest.Start(t), &dbustest.Agent{}}
	s := dbusapi.New(dbusapi.Config{Agent: r.agent, Version: "1.2.3", Address: r.bus.Address, Owner: uint32(owner)})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the service ended: %v", err)
		}
	})
	select {
	case <-s.Ready():
	case <-time.After(20 * time.Second):
		t.Fatal("the service does not get its name")
	}
	return r
}

// result is what a command line did.
type result struct {
	code           int
	stdout, stderr string
}

// run runs one command line.
func (r *rig) run(args ...string) result {
	r.t.Helper()
	return runWith(r.t.Context(), func(ctx context.Context) (*dbusapi.Client, error) {
		return dbusapi.DialAddress(ctx, r.bus.Address)
	}, args...)
}

func runWith(ctx context.Context, dial func(context.Context) (*dbusapi.Client, error), args ...string) result {
	var stdout, stderr bytes.Buffer
	code := run(ctx, env{&stdout, &stderr, dial, false}, args)
	return result{code, ownCPU.ReplaceAllString(stdout.String(), "${1}0"), stderr.String()}
}

// ownCPU finds what no test can know: the processor time of the service.
var ownCPU = regexp.MustCompile(`("own_cpu_ns":|Own CPU: )[0-9][0-9a-zµ.]*`)

// words splits a command line; none in the tests needs quotes.
func words(line string) []string { return strings.Fields(line) }

func runningStatus() agent.Status {
	return agent.Status{
		State: "running", Mode: "account", Sample: 16, Auto: true, Attachment: "tp_btf/sys_enter tp_btf/sys_exit",
		Filter:     agent.Filter{PIDs: []uint32{7, 8}, Units: []string{"nginx.service"}},
		Thresholds: []agent.Threshold{{Syscall: "fsync", Threshold: 20 * time.Millisecond}},
		Policy:     []string{"/etc/syscountd/syscountd.toml"}, Interval: time.Minute,
		Counters: map[string]uint64{"slow": 3, "ring_full": 0, "died": 12}, Sentence: "watching 2 processes",
		Cost: agent.Cost{Kernel: 3 * time.Second, SharePPM: 31200, OwnPPM: 4100, BudgetPPM: 20000, CallPS: 111300, SwitchPS: 78000},
	}
}
