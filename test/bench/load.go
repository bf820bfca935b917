package main

import (
	"bufio"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The load is a process of its own, so that a tracer can be pointed at it. It
// is told "CALL BATCHES" in a line and answers with a line of that many
// pairs: nanoseconds per call, and of the probe. "getppid 3" may give "85.1:8310 84.9:8310 85.3:8320".

// batchTime is how long one batch lasts, about. Long against the clock's own
// cost, short against what disturbs: another process's time slice (3 ms and more), a
// neighbour on the same core. Many batches are then undisturbed even on a busy machine.
const batchTime = 200 * time.Microsecond

// maxBatches bounds what one line may ask for.
const maxBatches = 10_000

// callNames are the calls that the load can make, in the order of the tables.
// getppid does next to nothing: its cost is that of a call itself. A read of a
// byte has arguments, an fd and a result that tracers look at.
var callNames = [...]string{"getppid", "read"}

// slowCall is a call that takes a few microseconds, long enough to be slow by a
// policy. They come some hundred at a time, with a pause after each batch, so that user space
// keeps up.
const (
	slowCall      = "pread64"
	slowBytes     = 64 << 10
	slowBatchTime = 500 * time.Microsecond
	slowPause     = 10 * time.Millisecond
)

// worstCall is getppid too, but the answer is the longest time of one in each batch. These
// are longer: some seconds of them have to fit into a line.
const (
	worstCall      = "worst-getppid"
	worstBatchTime = time.Millisecond
)

// serveLoad answers until in ends. It stays on the given CPU.
func serveLoad(in io.Reader, out io.Writer, cpu int) error {
	runtime.LockOSThread()
	if err := pinThread(0, []int{cpu}); err != nil {
		return err
	}
	calls, err := openCalls(cpu)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		name, batches, err := parseRequest(lines.Text())
		if err != nil {
			return err
		}
		results, err := calls.answer(name, batches)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, err := fmt.Fprintln(out, formatBatches(results)); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
	return lines.Err()
}

// calls are what the load can do: calls of the kernel, and pieces of programs, of which the
// first one starts the program.
type calls struct {
	cpu    int
	single map[string]func()
	pieces map[string]piece
	err    error // the first one of a piece
}

func (c *calls) answer(name string, batches int) ([]batch, error) {
	if name == worstCall {
		return worstOfBatches(c.single["getppid"], batches), nil
	}
	call := c.single[name]
	if call == nil {
		p, err := c.open(name)
		if err != nil {
			return nil, err
		}
		call = func() {
			if c.err == nil {
				c.err = p()
			}
		}
	}
	if name == slowCall {
		return runBatches(call, batches, slowBatchTime, slowPause), nil
	}
	return runBatches(call, batches, batchTime, 0), c.err
}

func (c *calls) open(name string) (piece, error) {
	if p := c.pieces[name]; p != nil {
		return p, nil
	}
	p, err := pieceMakers[name](c.cpu)
	if err != nil {
		return nil, err
	}
	c.pieces[name] = p
	return p, nil
}

// worstOfBatches is the longest time from one call's end to the next one's in each batch,
// in nanoseconds: whatever keeps the loop from going on is in it, but another thread that
// got the CPU meanwhile, which the scheduler gives to anyone.
func worstOfBatches(call func(), batches int) []batch {
	results := make([]batch, batches)
	last, switches := time.Now(), ownSwitches()
	for i := range results {
		results[i].ns = 1 // where the batch was all another thread's
		for end := last.Add(worstBatchTime); last.Before(end); {
			call()
			now := time.Now()
			took := float64(now.Sub(last))
			last = now
			if took <= results[i].ns {
				continue
			}
			// Asked only of one that would count: it is a system call, too.
			if n := ownSwitches(); n != switches {
				switches = n
			} else {
				results[i].ns = took
			}
			last = time.Now()
		}
	}
	return results
}

// ownSwitches is how often another thread got the CPU of this one.
func ownSwitches() int64 {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
		return 0 // it cannot fail: the address is good
	}
	return usage.Nivcsw
}

// openCalls gives the calls by name. The calls are raw: package os would ask
// the kernel for more than was said.
func openCalls(cpu int) (*calls, error) {
	zero, err := unix.Open("/dev/zero", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/zero: %w", err)
	}
	buffer, large := new([1]byte), new([slowBytes]byte)
	return &calls{cpu: cpu, pieces: map[string]piece{}, single: map[string]func(){
		slowCall: func() {
			unix.RawSyscall6(unix.SYS_PREAD64, uintptr(zero), uintptr(unsafe.Pointer(large)), slowBytes, 0, 0, 0)
		},
		"getppid": func() { unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0) },
		"read":    func() { unix.RawSyscall(unix.SYS_READ, uintptr(zero), uintptr(unsafe.Pointer(buffer)), 1) },
	}}, nil
}

// runBatches times each batch, between two probes. A first, short batch
// warms the caches and says how many calls make a batch.
func runBatches(call func(), batches int, length, pause time.Duration) []batch {
	var units [64]uint64
	warmUpCalls(call)
	n := callsPerBatch(warmUpCalls(call), length)
	results := make([]batch, batches)
	for i := range results {
		before := probe(&units)
		results[i].ns = float64(timeCalls(call, n)) / float64(n)
		results[i].probe = max(before, probe(&units))
		time.Sleep(pause)
	}
	return results
}

// warmUpCalls makes a few calls, or as many as there is time for, and gives what one took.
func warmUpCalls(call func()) time.Duration {
	const few, limit = 64, 20 * time.Millisecond
	start := time.Now()
	for n := 1; ; n++ {
		call()
		if took := time.Since(start); n == few || took > limit {
			return took / time.Duration(n)
		}
	}
}

func timeCalls(call func(), n int) time.Duration {
	start := time.Now()
	for range n {
		call()
	}
	return time.Since(start)
}

// callsPerBatch is how many calls of the given cost fill the time, and at least one.
func callsPerBatch(perCall, batch time.Duration) int {
	const fewest, most = 1, 1_000_000
	return min(max(int(batch/max(perCall, 1)), fewest), most)
}

// parseRequest reads "CALL BATCHES".
func parseRequest(line string) (name string, batches int, err error) {
	name, number, _ := strings.Cut(line, " ")
	known := slices.Concat(callNames[:], pieceNames[:], []string{slowCall, worstCall})
	if !slices.Contains(known, name) {
		return "", 0, fmt.Errorf("no call %q: must be one of %s", name, strings.Join(known, ", "))
	}
	batches, err = strconv.Atoi(number)
	if err != nil || batches < 1 || batches > maxBatches {
		return "", 0, fmt.Errorf("batches %q: must be a number from 1 to %d", number, maxBatches)
	}
	return name, batches, nil
}

func formatBatches(results []batch) string {
	var line strings.Builder
	for i, b := range results {
		if i > 0 {
			line.WriteByte(' ')
		}
		fmt.Fprintf(&line, "%.2f:%.0f", b.ns, b.probe)
	}
	return line.String()
}

// parseBatches reads an answer of n batches.
func parseBatches(line string, n int) ([]batch, error) {
	fields := strings.Fields(line)
	if len(fields) != n {
		return nil, fmt.Errorf("%d batches in the load's answer instead of %d", len(fields), n)
	}
	results := make([]batch, n)
	for i, field := range fields {
		ns, probe, found := strings.Cut(field, ":")
		var err, probeErr error
		results[i].ns, err = strconv.ParseFloat(ns, 64)
		results[i].probe, probeErr = strconv.ParseFloat(probe, 64)
		b := results[i]
		if !found || err != nil || probeErr != nil || !(b.ns > 0 && b.ns < 1e12) || !(b.probe >= 0 && b.probe < 1e12) {
			return nil, fmt.Errorf("%q in the load's answer: must be the nanoseconds of a call, a colon, and those of the probe", field)
		}
	}
	return results, nil
}
