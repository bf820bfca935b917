package agent

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/syscountd/syscountd/agent/ledger"
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// session is the time between a start and a stop: the loaded programs, their
// rows, and the goroutine that waits for slow calls.
type session struct {
	kernel Kernel
	ledger *ledger.Ledger
	names  *naming

	floors floorSets

	balance *record.Balance // of the last interval; nil: it had none

	calibrationCalls uint64 // of the kernel side, up to the last interval

	slow   chan slowOrError
	quit   chan struct{}
	reader sync.WaitGroup
}

// openSession loads the programs and tells them what to do; attach begins it.
func openSession(env Env, p *policy.Policy, f bpf.Filter, only []string) (_ *session, err error) {
	kernel, err := env.Load(OptionsOf(p, only))
	if err != nil {
		return nil, err
	}
	if err := configure(kernel, p, f, only); err != nil {
		return nil, errors.Join(err, kernel.Close())
	}
	return newSession(env, kernel, p, ledger.New()), nil
}

// newSession has the kernel side from now on.
func newSession(env Env, kernel Kernel, p *policy.Policy, rows *ledger.Ledger) *session {
	s := &session{
		kernel: kernel, ledger: rows, names: newNaming(kernel, env, p.Collect.GroupBy),
		slow: make(chan slowOrError, 64), quit: make(chan struct{}),
	}
	s.reader.Go(s.read)
	return s
}

// configure puts a policy and a filter in force, also while attached. What may
// be refused comes first: then nothing has changed.
func configure(kernel Kernel, p *policy.Policy, f bpf.Filter, only []string) error {
	if err := kernel.SetFilter(f); err != nil {
		return fmt.Errorf("set the filter: %w", err)
	}
	return setSyscalls(kernel, p, only)
}

func setSyscalls(kernel Kernel, p *policy.Policy, only []string) error {
	if err := kernel.SetSyscalls(settingsOf(p, only)); err != nil {
		return fmt.Errorf("set the thresholds: %w", err)
	}
	return nil
}

// read passes slow calls on. While the loop is busy they wait in the ring,
// where a loss is counted.
func (s *session) read() {
	for {
		call, err := s.kernel.NextSlow()
		if errors.Is(err, bpf.ErrClosed) {
			return
		}
		select {
		case s.slow <- slowOrError{call, err}:
		case <-s.quit:
			return
		}
	}
}

// pending hands on the slow calls that have come until now. After an error of the
// reader it is of no use any more.
func (s *session) pending(each func(*bpf.SlowCall)) error {
	if err := s.kernel.FlushSlow(); err != nil {
		return err
	}
	for got := range s.slow {
		switch {
		case errors.Is(got.err, bpf.ErrFlushed):
			return nil
		case got.err != nil:
			return got.err
		}
		each(got.call)
	}
	return nil
}

func (s *session) close() error {
	close(s.quit)
	err := s.kernel.Close()
	s.reader.Wait()
	return err
}

// OptionsOf is what the programs are loaded with; only are the calls that the filter
// names.
func OptionsOf(p *policy.Policy, only []string) bpf.Options {
	groupBy := map[string]bpf.GroupBy{
		"none": bpf.GroupByNone, "process": bpf.GroupByProcess, "unit": bpf.GroupByCgroup, "cgroup": bpf.GroupByCgroup,
		"comm": bpf.GroupByComm,
	}
	return bpf.Options{
		Mode: modes[p.Collect.Mode], Sample: p.Collect.Sample,
		GroupBy: groupBy[p.Collect.GroupBy], Rows: p.Limits.Groups * rowsPerGroup, NoWaits: !p.Collect.Waits,
		Only: strings.Join(expand(only), " "),
	}
}

// expand are the names of a checked list, each once and in order.
func expand(only []string) []string {
	names, _ := syscalls.Expand(only) // checked when it came in
	slices.Sort(names)
	return slices.Compact(names)
}

// rowsPerGroup: a process uses 5 to 40 syscalls, each on one or two CPUs, in an
// interval. 16 rows of 1 KB are 16 KB per group, 134 MB for 8,192 groups
// when all are in use.
const rowsPerGroup = 16

// settingsOf tells the kernel side what the policy says of each syscall.
func settingsOf(p *policy.Policy, only []string) func(bpf.Syscall) bpf.Setting {
	observed := nameSet(expand(only))
	return func(sc bpf.Syscall) bpf.Setting {
		name := syscalls.Name(sc)
		traits := traitsOf(name)
		if len(observed) == 0 || observed[name] {
			traits |= bpf.TraitObserved
		}
		look, floors := lookOf(sc), p.Floors(sc, nil)
		look.Exempt = floors.Exempt
		look.UserStack = p.UserStack(sc)
		return bpf.Setting{ThresholdNs: kernelNs(floors.Lowest()), Floor: kernelFloor(floors), Traits: traits, Look: look}
	}
}

func nameSet(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
