package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// slowResult is what a call pays for being slow: its record is put together in the
// kernel and handed over, which user space does not make it wait for.
type slowResult struct {
	BareNs  series            `json:"bare_ns"`  // a call with nothing attached
	QuietNs series            `json:"quiet_ns"` // what is added to it while no call is slow
	SlowNs  series            `json:"slow_ns"`  // and what is added to that when each is
	JudgeNs series            `json:"judge_ns"` // CPU time of the service for each slow call
	Calls   uint64            `json:"calls"`    // slow ones, in all
	Lost    map[string]uint64 `json:"lost"`     // of these, those that were not handed over, by counter
}

// slowPolicy makes every call of the load slow, or none. A slow call is judged, by the
// last of many rules, and then folded into an incident: what the service makes of it
// happens elsewhere.
const slowPolicy = `[collect]
mode = "account"
group_by = "process"

[slow]
threshold = "24h"

%s
[[rule]]
name = "load"
syscalls = ["pread64"]
comms = [%q]
threshold = %q
`

// slowCalls measures what it costs to be slow. That it cannot be done is for the notes.
func (l *lab) slowCalls(ctx context.Context) error {
	if err := pinSelf(l.rest); err != nil {
		return err
	}
	r := &slowResult{BareNs: make(series), QuietNs: make(series), SlowNs: make(series), JudgeNs: make(series), Lost: make(map[string]uint64)}
	for round := range l.result.Settings.Rounds {
		l.say("slow calls: round %d of %d", round+1, l.result.Settings.Rounds)
		err := l.slowRound(ctx, round, r)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			l.note("the slow calls were not measured: " + printable(err.Error()))
			return nil
		}
	}
	l.result.Slow = r
	return nil
}

// slowRound measures the call with nothing attached, with no call slow, and with each.
func (l *lab) slowRound(ctx context.Context, round int, r *slowResult) error {
	m, err := l.startMeter(ctx)
	if err != nil {
		return err
	}
	defer func() { m.discard() }()
	bare, err := m.cost(slowCall)
	if err != nil {
		return err
	}
	quiet, _, err := l.slowUnder(ctx, m, "24h")
	if err != nil {
		return err
	}
	slow, record, err := l.slowUnder(ctx, m, "1us")
	if err != nil {
		return err
	}
	r.put(round, bare, quiet, slow, record)
	if n := record.Incidents.Calls; n > 0 {
		r.JudgeNs[round] = float64(record.cpu.Nanoseconds()) / float64(n)
	}
	return nil
}

func (r *slowResult) put(round int, bare, quiet, slow float64, record slowRecord) {
	r.BareNs[round], r.QuietNs[round], r.SlowNs[round] = bare, quiet-bare, slow-quiet
	r.Calls += record.Incidents.Calls
	for _, counter := range []string{"ring_full", "storage_failed"} {
		if n := record.Drops[counter]; n != 0 {
			r.Lost[counter] += n
		}
	}
}

// slowRecord is what we read of the service's records when it ends.
type slowRecord struct {
	Event     string            `json:"event"`
	Calls     uint64            `json:"calls"` // of an incident
	Drops     map[string]uint64 `json:"drops"`
	Incidents struct{ Calls uint64 }
	cpu       time.Duration // of the service, from when it was attached
}

// slowBacklog is what the service gets to judge what waits in the ring.
const slowBacklog = 300 * time.Millisecond

// slowUnder is the cost of a call under syscountd with that threshold.
func (l *lab) slowUnder(ctx context.Context, m *meter, threshold string) (ns float64, last slowRecord, err error) {
	dir, err := os.MkdirTemp(memory(), "syscountd-bench-slow-")
	if err != nil {
		return 0, last, fmt.Errorf("make temporary directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	policy := filepath.Join(dir, "policy.toml")
	if err := os.WriteFile(policy, fmt.Appendf(nil, slowPolicy, manyRules(), ownComm(), threshold), 0o644); err != nil {
		return 0, last, fmt.Errorf("write policy: %w", err)
	}
	var calls uint64
	t := tool{
		argv:      []string{l.syscountd, "--no-dbus", "--output", "stdout", "--config", policy},
		readyLine: `"change":"started"`,
		each: func(line []byte) {
			var r slowRecord
			if json.Unmarshal(line, &r) != nil {
				return
			}
			switch r.Event {
			case "incident":
				calls = max(calls, r.Calls) // each record of it tells of all so far
			case "interval":
				last = r
			}
		},
	}
	attached, err := t.attach(ctx, site{pid: m.pid(), meter: m})
	if err != nil {
		return 0, last, err
	}
	began, err := cpuTime(attached.pid)
	if err != nil {
		return 0, last, errors.Join(err, attached.detach())
	}
	ns, err = m.cost(slowCall)
	time.Sleep(slowBacklog)
	ended, cpuErr := cpuTime(attached.pid)
	if err := errors.Join(err, cpuErr, attached.detach()); err != nil {
		return 0, last, err
	}
	last.Incidents.Calls, last.cpu = calls, ended-began
	return ns, last, nil
}

// holds tells whether every slow call was handed over: one for which there is no room
// is cheaper.
func (r *slowResult) holds() bool { return r.Calls > 0 && len(r.Lost) == 0 }

func (r *result) slowGoals() []goal {
	if r.Slow == nil {
		return nil
	}
	call := goal{Text: "a slow call, added to what a call costs", Unit: "ns", Limit: 5000}
	judge := goal{Text: "a slow call, CPU time of the service under 500 rules for 200 units", Unit: "ns", Limit: 20000}
	if r.Slow.holds() {
		call.Got, judge.Got = r.Slow.SlowNs.spread(), r.Slow.JudgeNs.spread()
	}
	return []goal{call, judge}
}

func (r *result) slowTable() *table {
	s, t := r.Slow, &table{head: []string{"measured", "median (smallest..largest)"}}
	t.add("a pread64 of 64 KiB of /dev/zero, ns", s.BareNs.spread().format("%.0f"))
	t.add("added by syscountd account, by process, when it is not slow, ns", s.QuietNs.spread().format("%+.0f"))
	t.add("added to that when it is slow: its record is made and handed over, ns", s.SlowNs.spread().format("%+.0f"))
	t.add("CPU time of the service for each of these, under 500 rules for 200 units, ns", s.JudgeNs.spread().format("%.0f"))
	t.add("slow calls of which records tell", fmt.Sprint(s.Calls))
	t.add("lost", losses(s.Lost))
	return t
}
