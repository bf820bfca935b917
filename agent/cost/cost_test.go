package cost

import (
	"math"
	"testing"
	"time"

	"github.com/syscountd/syscountd/bpf"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b)) }

func TestThePriceOfACall(t *testing.T) {
	for name, c := range map[string]struct {
		without, with bpf.Speed
		want          Price
	}{
		"added":                   {bpf.Speed{CallNs: 85, LeftOutNs: 85, SpinNs: 1}, bpf.Speed{CallNs: 196, LeftOutNs: 140, SpinNs: 1}, Price{CallNs: 111, LeftOutNs: 55}},
		"the CPU is slower now":   {bpf.Speed{CallNs: 100, LeftOutNs: 100, SpinNs: 1}, bpf.Speed{CallNs: 250, LeftOutNs: 200, SpinNs: 1.5}, Price{CallNs: 100, LeftOutNs: 50}},
		"never measured without":  {bpf.Speed{}, bpf.Speed{CallNs: 196, LeftOutNs: 140, SpinNs: 1}, Price{CallNs: 196, LeftOutNs: 140}},
		"left out is less":        {bpf.Speed{CallNs: 90, LeftOutNs: 90, SpinNs: 1}, bpf.Speed{CallNs: 120, LeftOutNs: 150, SpinNs: 1}, Price{CallNs: 30, LeftOutNs: 30}},
		"noise is no gain":        {bpf.Speed{CallNs: 90, LeftOutNs: 90, SpinNs: 1}, bpf.Speed{CallNs: 85, LeftOutNs: 88, SpinNs: 1}, Price{}},
		"another tracer has gone": {bpf.Speed{CallNs: 700, LeftOutNs: 700, SpinNs: 1}, bpf.Speed{CallNs: 196, LeftOutNs: 140, SpinNs: 1}, Price{}},
	} {
		got := PriceOf(c.without, c.with)
		if !near(got.CallNs, c.want.CallNs) || !near(got.LeftOutNs, c.want.LeftOutNs) || got.SwitchNs != 0 {
			t.Errorf("%s: %+v; want %+v", name, got, c.want)
		}
	}
}

func TestWhatEventsCost(t *testing.T) {
	before := bpf.Counters{Exit: 100, Traffic: bpf.Traffic{LeftOut: 10, Switches: 1000, TimedSwitches: 5, SwitchNs: 700}}
	now := bpf.Counters{Exit: 1100, Traffic: bpf.Traffic{LeftOut: 30, Switches: 4000, TimedSwitches: 55, SwitchNs: 5700}}
	events := EventsSince(before, now)
	if events != (Events{1000, 20, 3000}) {
		t.Errorf("events %+v", events)
	}
	if ns, ok := SwitchNs(before, now); !ok || ns != 100 {
		t.Errorf("a switch costs %v, %v; want 100", ns, ok)
	}
	if ns := (Price{110, 50, 100}).Ns(events); ns != 110*1000+50*20+100*3000 {
		t.Errorf("in all %v", ns)
	}
	if _, ok := SwitchNs(now, bpf.Counters{Traffic: bpf.Traffic{TimedSwitches: 55 + fewestTimed - 1}}); ok {
		t.Error("too few switches tell a price")
	}
	if got := EventsSince(now, bpf.Counters{}); got != (Events{}) {
		t.Errorf("counters that could not be read give %+v", got)
	}
}

func TestTheShareOfAllCPUs(t *testing.T) {
	s := Spent{Events: Events{Calls: 1_000_000}, KernelNs: 111e6, OwnNs: 9e6}
	s = s.Plus(Spent{Events: Events{Calls: 1_000_000, Switches: 2}, Calibration: 7, KernelNs: 111e6, OwnNs: 9e6})
	if s.Calls != 2_000_000 || s.Switches != 2 || s.Calibration != 7 {
		t.Errorf("sum %+v", s)
	}
	if got := s.Share(2*time.Second, 2); !near(got, 0.06) { // 240 ms of 4 s
		t.Errorf("share %v; want 0.06", got)
	}
	dearer := s.At(Price{CallNs: 30, SwitchNs: 1e6}) // 60 + 2 + 18 ms
	if got := dearer.Share(2*time.Second, 2); !near(got, 0.02) {
		t.Errorf("at another price %v; want 0.02", got)
	}
	s.SummaryNs = 10e6
	if got := s.Shares(2*time.Second, 2); !near(got.Kernel, 0.0555) || !near(got.Rest, 0.002) || got.Summaries != 0 {
		t.Errorf("shares %+v; want 222 and 8 ms of 4 s", got)
	}
	if got := s.Share(0, 0); math.IsInf(got, 0) || math.IsNaN(got) {
		t.Errorf("no time gives %v", got)
	}
}
