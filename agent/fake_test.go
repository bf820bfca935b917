package agent

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/histogram"
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/record/recordtest"
	"github.com/syscountd/syscountd/bpf"
)

// fakeKernel stands in for the kernel side, which has its own tests on the
// real kernel: here calls happen when a test says so.
type fakeKernel struct {
	symbols    []string // of the first addresses
	mu         sync.Mutex
	options    bpf.Options
	attached   bool
	closed     chan struct{}
	slow       chan slowOrError
	interval   uint32
	rows       map[bpf.RowKey]*fakeRow
	procs      map[bpf.Group]bpf.ProcessName
	cgroups    map[uint64]string
	settings   map[string]bpf.Setting // of a few syscalls, by number
	filter     bpf.Filter
	counters   bpf.Counters
	open       uint64
	duringLook uint64 // calls that begin while the open ones are counted
	refuse     error  // what SetFilter returns

	refuseAttach    error // what Attach returns
	refuseSwitch    error // what Switch returns
	switched        func(*fakeKernel) error
	calibrated      uint64 // calls
	refuseCalibrate error  // what Calibrate returns
	away            time.Duration
	reading         func() // what EachRow does besides; may be nil

	replaced      int    // times
	refuseReplace error  // what Replace returns, before it has changed anything
	failReplace   error  // what it returns once, when others are attached
	inFlight      uint64 // calls for which it is Draining
	draining      bool

	wakers       bool  // followed in mode watch
	refuseWakers error // what FollowWakers returns

	functions bool   // a few calls go by functions, so that a list of others needs another load
	why       string // what WhyTracepoints returns

	speed     bpf.Speed // what Calibrate finds while attached; a call takes 100 ns else
	disturbed int       // so many calibrations more find that it takes twice as long

	numbering uint32                      // of sets of floors
	sets      []map[bpf.Syscall]bpf.Floor // those in which it is another one than everywhere
	assigned  map[uint64]bpf.FloorSet     // of cgroups
	noRoom    bool                        // NewFloorSet and AssignCgroup refuse

	stuck       []*bpf.SlowCall // those that a sweep finds when they are old enough
	sweeps      int
	refuseSweep error // what Sweep returns
	clock       func() uint64
}

type fakeRow struct {
	bpf.Row
	histogram [bpf.HistogramSlots]uint32
}

func newFakeKernel() *fakeKernel {
	return &fakeKernel{
		closed: make(chan struct{}), slow: make(chan slowOrError, 1000), interval: 1, rows: map[bpf.RowKey]*fakeRow{},
		procs: map[bpf.Group]bpf.ProcessName{}, cgroups: map[uint64]string{}, settings: map[string]bpf.Setting{},
	}
}

var (
	getppid = bpf.Syscall{ABI: bpf.ABIx8664, Nr: 110}
	fsync   = bpf.Syscall{ABI: bpf.ABIx8664, Nr: 74}
	nanos   = bpf.Syscall{ABI: bpf.ABIx8664, Nr: 35}
)

func (k *fakeKernel) call(g bpf.Group, sc bpf.Syscall, ns uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := bpf.RowKey{Group: g, Syscall: sc}
	row := k.rows[key]
	if row == nil {
		row = &fakeRow{}
		k.rows[key] = row
	}
	row.Count++
	row.Timed++
	row.TotalNs += ns
	row.MinNs, row.MaxNs = ns, max(row.MaxNs, ns)
	row.histogram[histogram.Slot(ns)]++
	k.counters.Enter++
	k.counters.Exit++
	k.counters.Matched++
}

func (k *fakeKernel) Attach() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.attached = k.refuseAttach == nil
	return k.refuseAttach
}
func (k *fakeKernel) DetachCalls() error { return k.Detach() }

func (k *fakeKernel) Options() bpf.Options { return k.options }

func (k *fakeKernel) FollowWakers(follow bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuseWakers == nil {
		k.wakers = follow
	}
	return k.refuseWakers
}

func (k *fakeKernel) FollowsWakers() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.wakers
}

func (k *fakeKernel) Switch(next bpf.Options) (uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuseSwitch != nil {
		return 0, k.refuseSwitch
	}
	before := k.options
	k.options = next
	if k.switched != nil {
		if err := k.switched(k); err != nil {
			k.options = before
			return 0, err
		}
	}
	return k.clock(), nil
}

// Replace forgets the rows if others would be counted in, and drains what a test has put
// in flight.
func (k *fakeKernel) Replace(next bpf.Options, ended func(uint64)) error {
	k.mu.Lock()
	if k.refuseReplace != nil {
		defer k.mu.Unlock()
		return k.refuseReplace
	}
	same := k.options.SameRows(next)
	k.options, k.replaced = next, k.replaced+1
	k.mu.Unlock()
	ended(k.clock())
	k.mu.Lock()
	defer k.mu.Unlock()
	k.draining = k.functions && next.Only != ""
	if !same {
		k.rows = map[bpf.RowKey]*fakeRow{}
	}
	err := k.failReplace
	k.failReplace = nil
	return err
}

func (k *fakeKernel) Draining() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.draining
}

func (k *fakeKernel) Undrained() (uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.inFlight, nil
}

func (k *fakeKernel) EndDrain() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.counters.Undrained += k.inFlight
	k.inFlight, k.draining = 0, false
	return nil
}

// hang makes these the calls that have not returned.
func (k *fakeKernel) hang(calls ...*bpf.SlowCall) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stuck = calls
}

func (k *fakeKernel) swept() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sweeps
}

func (k *fakeKernel) Sweep(age time.Duration) (bpf.Swept, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sweeps++
	if k.refuseSweep != nil {
		return bpf.Swept{}, k.refuseSweep
	}
	now, swept := k.clock(), bpf.Swept{Quiet: age}
	for _, call := range k.stuck {
		if open := time.Duration(now - call.StartNs); open < age {
			swept.Quiet = min(swept.Quiet, age-open)
			continue
		}
		swept.Found++
		seen := *call
		seen.EndNs, seen.Stuck, seen.Ret = now, true, 0
		k.slow <- slowOrError{call: &seen}
	}
	return swept, nil
}

func (k *fakeKernel) Symbols(addresses []uint64) []string {
	names := make([]string, len(addresses))
	for i, address := range addresses {
		names[i] = fmt.Sprintf("symbol_%d", address)
		if int(address) < len(k.symbols) {
			names[i] = k.symbols[address]
		}
	}
	return names
}
func (k *fakeKernel) Detach() error { k.mu.Lock(); defer k.mu.Unlock(); k.attached = false; return nil }
func (k *fakeKernel) Close() error  { close(k.closed); return nil }
func (k *fakeKernel) Attachment() string {
	if k.options.Mode == bpf.ModeWatch && k.FollowsWakers() {
		return "fake, wakers too"
	}
	return "fake"
}

func (k *fakeKernel) Parts() ([]bpf.Part, error)   { return nil, nil }
func (k *fakeKernel) Layout() string               { return "fake" }
func (k *fakeKernel) Away() (time.Duration, error) { return k.away, nil }
func (k *fakeKernel) WhyTracepoints() string       { return k.why }
func (k *fakeKernel) Fits(o bpf.Options) bool {
	return k.options.SwitchesTo(o) && (!k.functions || o.Only == k.options.Only)
}

// FlushSlow does not wait for a reader, as the real one.
func (k *fakeKernel) FlushSlow() error {
	flushed := slowOrError{err: bpf.ErrFlushed}
	select {
	case k.slow <- flushed:
	default:
		go func() { k.slow <- flushed }()
	}
	return nil
}

func (k *fakeKernel) SetSyscalls(setting func(bpf.Syscall) bpf.Setting) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.numbering, k.sets, k.assigned = k.numbering+1, nil, map[uint64]bpf.FloorSet{}
	k.settings = map[string]bpf.Setting{
		"getppid": setting(getppid), "fsync": setting(fsync), "nanosleep": setting(nanos),
		"execve": setting(bpf.Syscall{ABI: bpf.ABIx8664, Nr: 59}),
	}
	return nil
}

func (k *fakeKernel) NewFloorSet(of func(bpf.Syscall) (bpf.Floor, uint16, bool)) (bpf.FloorSet, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.noRoom {
		return bpf.FloorSet{}, bpf.ErrNoRoom
	}
	set := map[bpf.Syscall]bpf.Floor{}
	for _, sc := range []bpf.Syscall{getppid, fsync, nanos} {
		if f, _, differs := of(sc); differs {
			set[sc] = f
		}
	}
	k.sets = append(k.sets, set)
	return bpf.FloorSet{Numbering: k.numbering, Set: uint16(len(k.sets) - 1)}, nil
}

func (k *fakeKernel) AssignCgroup(id uint64, to bpf.FloorSet) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.noRoom {
		return bpf.ErrNoRoom
	}
	k.assigned[id] = to
	return nil
}

// handsOver is what the kernel side does with a fsync that has ended (bpf/floor.h).
func (k *fakeKernel) handsOver(call *bpf.SlowCall) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	setting := k.settings["fsync"]
	floor := setting.Floor
	if set, ok := k.assigned[call.Cgroup]; ok && set.Numbering == k.numbering {
		if there, differs := k.sets[set.Set][fsync]; differs {
			floor = there
		}
	}
	of := floor.OKNs
	if call.Stuck {
		of = floor.OpenNs
	} else if call.Ret < 0 {
		of = floor.FailedNs
	}
	return call.DurationNs() >= setting.ThresholdNs && call.DurationNs() >= of
}

func (k *fakeKernel) SetFilter(f bpf.Filter) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuse != nil {
		return k.refuse
	}
	k.filter = f
	return nil
}

func (k *fakeKernel) ExtendFilter(pidfds []int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.filter.PIDFDs = pidfds
	return nil
}

func (k *fakeKernel) EndInterval() (uint32, error) { k.interval++; return k.interval - 1, nil }
func (k *fakeKernel) Interval() uint32             { return k.interval }

func (k *fakeKernel) EachRow(_ uint32, fn func(bpf.RowKey, bpf.Row)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.reading != nil {
		k.reading()
	}
	for key, r := range k.rows {
		row := r.Row
		row.Histogram = &r.histogram
		fn(key, row)
	}
	return nil
}

func (k *fakeKernel) DeleteRows(keys []bpf.RowKey) error {
	for _, key := range keys {
		delete(k.rows, key)
	}
	return nil
}

func (k *fakeKernel) EachProcess(fn func(bpf.Group, bpf.ProcessName)) error {
	for g, name := range k.procs {
		fn(g, name)
	}
	return nil
}
func (k *fakeKernel) Process(g bpf.Group) (bpf.ProcessName, bool) {
	name, ok := k.procs[g]
	return name, ok
}
func (k *fakeKernel) DeleteProcesses(groups iter.Seq[bpf.Group]) error {
	for g := range groups {
		delete(k.procs, g)
	}
	return nil
}

func (k *fakeKernel) CgroupPath(id uint64) (string, bool) { path, ok := k.cgroups[id]; return path, ok }
func (k *fakeKernel) EachCgroup(fn func(uint64, string)) error {
	for id, path := range k.cgroups {
		fn(id, path)
	}
	return nil
}
func (k *fakeKernel) DeleteCgroup(id uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.cgroups, id)
	delete(k.assigned, id)
	return nil
}

func (k *fakeKernel) Misses() (map[string]uint64, error) {
	return map[string]uint64{"sys_enter": 0}, nil
}
func (k *fakeKernel) Counters() (bpf.Counters, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.counters, nil
}

// Calibrate makes no calls: they would be in the counters.
func (k *fakeKernel) Calibrate() (bpf.Speed, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.attached {
		return bpf.Speed{CallNs: 100, LeftOutNs: 100, SpinNs: 1}, k.refuseCalibrate
	}
	k.calibrated += k.speed.Calls
	found := k.speed
	if k.disturbed > 0 {
		k.disturbed--
		found.CallNs *= 2
	}
	return found, k.refuseCalibrate
}

func (k *fakeKernel) CalibrationCalls() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.calibrated
}

// OpenCalls counts while calls begin.
func (k *fakeKernel) OpenCalls() (uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.counters.Enter += k.duringLook
	return k.open, nil
}

func (k *fakeKernel) NextSlow() (*bpf.SlowCall, error) {
	select {
	case got := <-k.slow:
		return got.call, got.err
	case <-k.closed:
		return nil, bpf.ErrClosed
	}
}

// memory is a sink that keeps the records.
type memory struct {
	mu      sync.Mutex
	records []record.Record
	arrived chan struct{}
	hangs   atomic.Bool // no record is ever out
}

func (m *memory) Write(r record.Record) {
	m.mu.Lock()
	m.records = append(m.records, r)
	m.mu.Unlock()
	select {
	case m.arrived <- struct{}{}:
	default:
	}
}
func (m *memory) Counters() map[string]uint64 { return map[string]uint64{"output_dropped_queue": 0} }

func (m *memory) After(then func()) {
	if !m.hangs.Load() {
		then()
	}
}
func (m *memory) Close(context.Context) error { return nil }

// take returns the records so far and forgets them.
func (m *memory) take() []record.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	records := m.records
	m.records = nil
	return records
}

// only keeps the records of one type.
func only[R record.Record](records []record.Record) (kept []R) {
	for _, r := range records {
		if k, ok := r.(R); ok {
			kept = append(kept, k)
		}
	}
	return kept
}

// rig is a running agent on fake kernels.
type rig struct {
	*Agent
	t       *testing.T
	out     *memory
	kernels []*fakeKernel     // one per session
	prepare func(*fakeKernel) // what a test does to each new one; may be nil
	policy  string            // what a reload reads
	skew    atomic.Int64      // by which the agent's clocks are before the real ones
	ownNs   atomic.Uint64     // CPU time of the process
	watch   bool              // the kernel has mode watch
	meter   *fakeMeter        // of mode auto
	stopped atomic.Uint64     // what CLOCK_MONOTONIC would be without it; 0: it goes
	stop    func() error
	breaks  bool // Run is expected to fail
}

func (r *rig) kernel() *fakeKernel { return r.kernels[len(r.kernels)-1] }

var root = Caller{UID: 0, PID: 4711, Via: "dbus"}

func (r *rig) do(cmd Command) {
	r.t.Helper()
	if err := r.Do(r.t.Context(), root, cmd); err != nil {
		r.t.Fatalf("%T: %v", cmd, err)
	}
}

// refused wants a command to be refused with this kind, and the picture to stay.
func (r *rig) refused(cmd Command, kind error, sentence string) {
	r.t.Helper()
	before := *r.Status()
	err := r.Do(r.t.Context(), root, cmd)
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), sentence) {
		r.t.Errorf("%+v: error %v; want %v with %q", cmd, err, kind, sentence)
	}
	after := *r.Status()
	if after.State != before.State || !after.Filter.equal(before.Filter) || len(after.Thresholds) != len(before.Thresholds) {
		r.t.Errorf("%+v was refused, but changed %+v to %+v", cmd, before, after)
	}
}

// runAgent runs an agent under a policy until the test's end.
func runAgent(t *testing.T, text string) *rig {
	t.Helper()
	return runAgentWith(t, text, "")
}

// runAgentWith is runAgent with a file for what is learned.
func runAgentWith(t *testing.T, text, stateFile string) *rig {
	t.Helper()
	return runAgentIn(t, text, func(env *Env) { env.StateFile = stateFile })
}

// runAgentIn is runAgent in another environment.
func runAgentIn(t *testing.T, text string, change func(*Env)) *rig {
	t.Helper()
	r := newRig(t, text)
	r.startIn(change)
	return r
}

// newRig is a rig that has not started.
func newRig(t *testing.T, text string) *rig {
	return &rig{t: t, out: &memory{arrived: make(chan struct{}, 1)}, policy: text, meter: &fakeMeter{}}
}

// start runs the agent until the test's end.
func (r *rig) start(stateFile string) {
	r.t.Helper()
	r.startIn(func(env *Env) { env.StateFile = stateFile })
}

// startIn is start in another environment.
func (r *rig) startIn(change func(*Env)) {
	t := r.t
	t.Helper()
	p, err := policy.Parse("test.toml", []byte(r.policy))
	if err != nil {
		t.Fatal(err)
	}
	env := Env{
		Load: func(o bpf.Options) (Kernel, error) {
			k := newFakeKernel()
			k.options, k.clock = o, r.mono
			r.kernels = append(r.kernels, k)
			if r.prepare != nil {
				r.prepare(k)
			}
			return k, nil
		},
		Policy: func() (*policy.Policy, error) { return policy.Parse("test.toml", []byte(r.policy)) },
		Sink:   r.out, Stamp: record.NewStamper("0123456789abcdef0123456789abcdef"),
		Proc: "/proc", Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Now: func() time.Time { return time.Now().Add(time.Duration(r.skew.Load())) }, Boot: time.Now, MonoNs: r.mono, CPUNs: r.ownNs.Load, RSSBytes: func() uint64 { return 0 },
		CPUs: 2, CanWatch: r.watch, Meter: func() (CallMeter, error) { return r.meter, r.meter.refuse },
	}
	change(&env)
	r.Agent = New(env, p)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		defer close(ended) // after kill
		ended <- r.Run(ctx)
	}()
	r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() {
		if err := r.stop(); err != nil && !r.breaks {
			t.Errorf("run: %v", err)
		}
	})
	select {
	case <-r.Ready():
	case err := <-ended:
		t.Fatalf("run: %v", err)
	}
}

// fakeMeter tells what it is told.
type fakeMeter struct {
	perSecond atomic.Uint64
	refuse    error
	closed    atomic.Bool
}

func (m *fakeMeter) PerSecond(time.Duration) (float64, error) {
	return float64(m.perSecond.Load()), m.refuse
}
func (m *fakeMeter) Close() error { m.closed.Store(true); return nil }

// mono is CLOCK_MONOTONIC as the agent has it.
func (r *rig) mono() uint64 {
	now := r.stopped.Load()
	if now == 0 {
		now = monoNs()
	}
	return now + uint64(r.skew.Load())
}

// stopClock lets time pass with pass only.
func (r *rig) stopClock() { r.stopped.Store(monoNs()) }

// pass lets time pass, and the agent look at its clock again.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	r.skew.Add(int64(d))
	r.inside(func() {})
}

// inside runs fn in the agent's loop.
func (r *rig) inside(fn func()) {
	r.t.Helper()
	if err := r.inLoop(r.t.Context(), fn); err != nil {
		r.t.Fatal(err)
	}
}

// returns lets calls return, and the agent judge them.
func (r *rig) returns(calls ...*bpf.SlowCall) {
	r.t.Helper()
	for _, call := range calls {
		r.kernel().slow <- slowOrError{call: call}
	}
	r.inside(func() { must(r.t, r.drainSlow()) })
}

// sweepNow makes a sweep that is not due.
func (r *rig) sweepNow() {
	r.t.Helper()
	r.inside(func() { must(r.t, r.sweep()) })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// written returns the records so far, all of them right, and forgets them.
func (r *rig) written() []record.Record {
	r.t.Helper()
	records := r.out.take()
	for _, rec := range records {
		recordtest.Validate(r.t, record.Marshal(rec))
	}
	return records
}

func monoNs() uint64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err)
	}
	return uint64(ts.Nano())
}
