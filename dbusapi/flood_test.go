package dbusapi

import (
	"encoding/binary"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/dbusapi/dbustest"
)

// The flood goes straight into the service's connection: the test is the bus. So the
// service gets as many calls as it can take, which a dbus-daemon would have to share its time for.
const (
	floodTime    = time.Second // each of two
	floodSenders = 12          // with 16 calls each they have more than are let in
	floodStuck   = 1000        // calls whose answers the bus does not read at first
	silentSerial = 1 << 31     // of calls that want no answer, and above
	// floodGoroutines bounds those of the service: one for each call, and for those
	// that are served what waits for the bus to say who called.
	floodGoroutines = maxUnanswered + 2*maxInside + 16
)

// TestFlood: whatever comes and however fast, and if nobody reads the answers, what the
// service holds is bounded, and every call is answered.
func TestFlood(t *testing.T) {
	bus := listenAsBus(t)
	r := startRig(t, &dbustest.Bus{Address: bus.address}, func(cfg *Config) { cfg.Agent = &checkingAgent{} })
	wait(t, "the name", r.service.Ready())
	start := runtime.NumGoroutine()
	f := &flood{bus: bus, kinds: floodKinds(t)}
	introspect := fromSender(t, 0, "Introspect", introspectableInterface, 0)
	f.send(introspect, floodStuck)
	eventually(t, "the service is stuck", func() bool { return runtime.NumGoroutine() >= start+maxInside })
	close(bus.read)
	f.wait(t, floodStuck)
	f.run(t, floodTime) // what is allocated once is, by now
	before := r.usage(t)
	f.run(t, floodTime)
	eventually(t, "the flood leaves nothing", func() bool { return runtime.NumGoroutine() <= start })
	after := r.usage(t)
	t.Logf("before %+v, after %+v, at most %d goroutines more than at the start", before, after, bus.goroutines.Load()-int64(start))
	if after.ours > before.ours+stormGrowth || after.files > before.files {
		t.Error("the flood left something")
	}
	if most := bus.goroutines.Load(); most > int64(start+floodGoroutines) {
		t.Errorf("there were %d goroutines, %d at the start", most, start)
	}
}

// flood sends calls over a bus.
type flood struct {
	bus            *wireBus
	kinds          [][]byte
	serial, silent uint32 // so many were sent with and without a wish for an answer
}

// send sends a call so many times.
func (f *flood) send(call []byte, times int) {
	var batch []byte
	for range times {
		serial := &f.serial
		first := uint32(0)
		if dbus.Flags(call[2])&dbus.FlagNoReplyExpected != 0 {
			serial, first = &f.silent, silentSerial
		}
		*serial++
		at := len(batch)
		batch = append(batch, call...)
		binary.LittleEndian.PutUint32(batch[at+8:], first+*serial)
	}
	f.bus.call(batch)
}

// run floods for so long, and waits for the answers.
func (f *flood) run(t *testing.T, length time.Duration) {
	t.Helper()
	begin, cpu, sent := time.Now(), ownCPU(), f.serial+f.silent
	for n := 0; time.Since(begin) < length; n++ {
		times := 20
		call := f.kinds[n%len(f.kinds)]
		if len(call) > maxRequest {
			times = 1
		}
		f.send(call, times)
	}
	f.wait(t, f.serial)
	calls := float64(f.serial + f.silent - sent)
	t.Logf("%.0f calls, %.0f a second, each %.0f µs of CPU time, with the bus", calls, calls/time.Since(begin).Seconds(), float64(ownCPU()-cpu)/1e3/calls)
}

// wait waits for all answers since the start.
func (f *flood) wait(t *testing.T, sent uint32) {
	t.Helper()
	eventually(t, "every call has an answer", func() bool { return f.bus.answers.Load() == sent })
}

// floodKinds are calls of many senders: most for a property, some that the bus is asked about,
// that want no answer, that are wrong, and one that is too long.
func floodKinds(t *testing.T) (kinds [][]byte) {
	t.Helper()
	get := []any{Interface, "State"}
	for sender := range floodSenders {
		for range 8 {
			kinds = append(kinds, fromSender(t, sender, "Get", propertiesInterface, 0, get...))
		}
		kinds = append(kinds, fromSender(t, sender, "Flush", Interface, 0),
			fromSender(t, sender, "Ping", peerInterface, dbus.FlagNoReplyExpected),
			fromSender(t, sender, "Nothing", Interface, 0),
			fromSender(t, sender, "Flush", Interface, 0, uint32(1)))
	}
	return append(kinds, fromSender(t, 0, "FilterUnit", Interface, 0, strings.Repeat("x", maxRequest)))
}
