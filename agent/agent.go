// Package agent is the heart of syscountd: one loop that owns the kernel side,
// the policy in force and the rows, and turns what the kernel saw into records.
//
// Data goes one way, kernel -> bpf -> agent -> sink. Commands come in by one
// door, Do, and are applied by the loop; readers take a Status.
package agent

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/syscountd/syscountd/agent/cost"
	"github.com/syscountd/syscountd/agent/handover"
	"github.com/syscountd/syscountd/agent/ladder"
	"github.com/syscountd/syscountd/agent/limit"
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/procinfo"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// Env is what an agent needs of the world: every side effect goes through it.
type Env struct {
	Load   func(bpf.Options) (Kernel, error)
	Policy func() (*policy.Policy, error) // reads the files again
	Sink   Sink
	Stamp  *record.Stamper
	Proc   string               // where the proc file system is mounted
	Groups *procinfo.CgroupTree // nil: no cgroup v2 is mounted
	Log    *slog.Logger
	Now    func() time.Time // wall clock
	Boot   func() time.Time // wall clock's time of the boot, where CLOCK_BOOTTIME began; a clock step moves it
	MonoNs func() uint64    // CLOCK_MONOTONIC
	Beat   time.Duration    // how often the loop shows that it lives; 0: never
	OnBeat func()           // sends the watchdog's ping

	CPUNs    func() uint64 // CPU time that our own process has used, user and system
	RSSBytes func() uint64 // its resident memory

	Keeper   Keeper                    // nil: the kernel side ends with us
	Memory   *handover.Memory          // for the next process; nil as Keeper is
	CPUs     int                       // of the host
	CanWatch bool                      // whether the kernel has mode watch
	Meter    func() (CallMeter, error) // for mode auto

	StateFile string // where what was learned is kept; "": nowhere

	OnStatus func(*Status) // gets each new status; may be nil
}

// Sink is where records go: *sink.Journal and *sink.Stdout have it. Write never
// blocks; what it has to drop is in Counters. After calls a function, in another
// goroutine, when each record from before is out or dropped.
type Sink interface {
	Write(record.Record)
	After(func())
	Counters() map[string]uint64
}

// Agent is the running service without its bus and its command line.
type Agent struct {
	env     Env
	doors   chan func()
	done    chan struct{} // the loop has ended
	ready   chan struct{}
	changed chan struct{}
	status  atomic.Pointer[Status]

	// All below belongs to the loop.
	policy        *policy.Policy // as read
	effective     *policy.Policy // with the overrides, and the mode that is measured in
	overrides     []Threshold
	mode          string // of SetMode, maybe auto; "": the policy's
	filter        Filter
	targets       *targets
	procs         *procinfo.Procfs
	session       *session // nil: stopped
	limit         *limit.Limiter
	totals        *totals
	accounts      accounts
	stuck         stuckCalls
	wakers        wakers
	incidents     incidents
	learning      learning
	budget        budget
	drain         drain // of the running session
	recent        recent
	nextSweep     time.Duration // on CLOCK_MONOTONIC
	nextOffspring time.Duration // on CLOCK_MONOTONIC
	nextEnd       time.Time     // of the running interval
	starts        time.Time     // of the running interval
}

// New makes an agent that has the policy but does nothing before Run.
func New(env Env, p *policy.Policy) *Agent {
	a := &Agent{
		env: env, doors: make(chan func()), done: make(chan struct{}), ready: make(chan struct{}),
		changed: make(chan struct{}, 1), accounts: newAccounts(), policy: p, effective: p, targets: newTargets(), totals: newTotals(),
	}
	a.limit = newLimiter(p.Limits)
	a.procs = procinfo.NewProcfs(env.Proc, p.Output.CommandLine)
	a.filter = policyFilter(p)
	a.learning = openLearning(env, p)
	a.budget.prices = map[ladder.Step]cost.Price{}
	a.budget.climb = a.climbOf(p, "")
	a.effective = a.resolved(p, "", a.budget.climb)
	return a
}

// Ready is closed when the programs are attached for the first time.
func (a *Agent) Ready() <-chan struct{} { return a.ready }

// String names the agent in a list of tasks.
func (a *Agent) String() string { return "agent" }

// Status is the newest picture; nil before the agent runs.
func (a *Agent) Status() *Status { return a.status.Load() }

// Changed gets a token after each change of the status; several may make one.
func (a *Agent) Changed() <-chan struct{} { return a.changed }

// Do applies a command and returns when it is in force. What it refuses has an
// error of errors.go, and has changed nothing.
func (a *Agent) Do(ctx context.Context, who Caller, cmd Command) error {
	var err error
	if e := a.inLoop(ctx, func() { err = a.apply(who, cmd) }); e != nil {
		return e
	}
	return err
}

// Summary is the running interval so far: at most top rows, all when top is 0.
func (a *Agent) Summary(ctx context.Context, top int) ([]Row, error) {
	var rows []Row
	var err error
	if e := a.inLoop(ctx, func() { rows, err = a.peek(top) }); e != nil {
		return nil, e
	}
	return rows, err
}

// inLoop runs fn in the loop's goroutine and waits for its end.
func (a *Agent) inLoop(ctx context.Context, fn func()) error {
	finished := make(chan struct{})
	select {
	case a.doors <- func() { defer close(finished); fn() }:
	case <-a.done:
		return refuse(ErrStopping, "syscountd is stopping")
	case <-ctx.Done():
		return fmt.Errorf("wait for the agent: %w", ctx.Err())
	}
	<-finished
	return nil
}
