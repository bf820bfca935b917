package bpf

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
)

// symbols are the names of kernel addresses, which the kernel itself tells, one
// at a time. They stay: a kernel has some thousands that sleep.
type symbols struct {
	mu    sync.Mutex
	names map[uint64]string
}

// maxSymbols bounds what modules that come and go could make of the cache.
const maxSymbols = 20_000

// Symbol is the name of a kernel address, such as "submit_bio_wait", or
// "fuse_simple_request [fuse]" in a module; the address in hexadecimal where the
// kernel has none.
func (t *Tracer) Symbol(address uint64) string {
	t.replaced.RLock()
	defer t.replaced.RUnlock()
	return t.symbol(address)
}

// symbol is Symbol where the lock of Replace is held.
func (t *Tracer) symbol(address uint64) string {
	t.symbols.mu.Lock()
	defer t.symbols.mu.Unlock()
	if name, ok := t.symbols.names[address]; ok {
		return name
	}
	name, err := t.symbolise(address)
	if err != nil {
		return fmt.Sprintf("%#x", address)
	}
	if t.symbols.names == nil || len(t.symbols.names) >= maxSymbols {
		t.symbols.names = map[uint64]string{}
	}
	t.symbols.names[address] = name
	return name
}

func (t *Tracer) symbolise(address uint64) (string, error) {
	if err := t.objs.SymbolAddress.Set(address); err != nil {
		return "", err
	}
	status, err := t.objs.Symbolise.Run(&ebpf.RunOptions{})
	if err != nil || status != 0 {
		return "", errors.Join(err, fmt.Errorf("status %d", status))
	}
	var name [128]uint8
	if err := t.objs.SymbolName.Get(&name); err != nil {
		return "", err
	}
	return cString(name[:]), nil
}

// Names of a stack's addresses, in its order.
func (t *Tracer) Symbols(addresses []uint64) []string {
	names := make([]string, len(addresses))
	for i, address := range addresses {
		names[i] = t.Symbol(address)
	}
	return names
}

// interrupts are functions below which nothing is on behalf of the task that
// happens to run: its waking somebody up is a coincidence.
var interrupts = []string{
	"asm_sysvec_", "asm_common_interrupt", "common_interrupt", "sysvec_", "irq_exit", "__irq_exit", "handle_softirqs", "__do_softirq",
	"el1_interrupt", "el1h_64_irq", "el0_interrupt", "el0_irq", "hrtimer_interrupt", "run_timer_softirq", "call_timer_fn",
}

// isInterrupt: the waker's stack was that of an interrupt. A stack that was not
// kept says nothing, and then the waker is not named either.
func (t *Tracer) isInterrupt(id int32) bool {
	var stack [16]uint64
	if id < 0 || t.objs.WakingStacks.Lookup(uint32(id), &stack) != nil {
		return true
	}
	for _, address := range stack {
		if address == 0 {
			break
		}
		name := t.symbol(address)
		for _, prefix := range interrupts {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
	}
	return false
}
