package policy

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/syscountd/syscountd/bpf"
)

// of is the floor of a call that ended so.
func (f Floors) of(c *Call) time.Duration {
	return map[ending]time.Duration{endedOK: f.OK, endedFailed: f.Failed, endedNot: f.Open}[endingOf(c)]
}

// kernelSide is what bpf/floor.h does with the tables that a policy makes, and with a cgroup that was assigned to the set
// of an area; nil: it was not.
type kernelSide struct {
	*Policy
	assigned *Area
}

// handsOver says whether user space is to judge the call.
func (k kernelSide) handsOver(c *Call, sc bpf.Syscall) bool {
	floors := k.Floors(sc, nil)
	if c.Duration < floors.Lowest() {
		return false
	}
	if k.assigned != nil {
		if here, differs := k.FloorsIn(k.assigned, sc); differs {
			floors = here
		}
	}
	return floors.Exempt&kindBit(c.FDKind) == 0 && c.Duration >= floors.of(c)
}

// Whatever the policy and the call: no slow one is held back in the kernel, assigned or not. What
// an assignment changes is that more are.
func TestTheKernelHoldsBackNoSlowCall(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 16))
	slows, ruledOut, byPlace, byResult := 0, 0, 0, 0
	for range 600 {
		p := randomPolicy(random)
		for range 100 {
			sc := bpf.Syscall{ABI: bpf.ABI(random.IntN(5)), Nr: int32(random.IntN(480)) - 1}
			c := randomCall(random, sc)
			anywhere, there := kernelSide{p, nil}, kernelSide{p, p.AreaOf(c)}
			v, slow := p.Judge(c)
			if slow && (!anywhere.handsOver(&c, sc) || !there.handsOver(&c, sc)) {
				t.Fatalf("%+v is slow by %+v, its floors are %+v and %+v:\n%s", c, v, p.Floors(sc, nil), p.Floors(sc, there.assigned), p.TOML())
			}
			if there.handsOver(&c, sc) && !anywhere.handsOver(&c, sc) {
				t.Fatalf("%+v: handed over only where its place is known:\n%s", c, p.TOML())
			}
			floors := p.Floors(sc, nil)
			slows += count(slow)
			byResult += count(c.Duration >= floors.Lowest() && c.Duration < floors.of(&c))
			byPlace += count(anywhere.handsOver(&c, sc) && !there.handsOver(&c, sc))
			ruledOut += count(!slow && c.Duration >= floors.Lowest() && !there.handsOver(&c, sc))
		}
	}
	t.Logf("%d slow, %d ruled out: %d of them by result, %d by place", slows, ruledOut, byResult, byPlace)
	if slows < 1000 || byPlace < 500 || byResult < 50 {
		t.Errorf("only %d calls were slow, %d held back by place, %d by result", slows, byPlace, byResult)
	}
}

// What a rule costs the others: nothing, if it names a place or a result.
func TestARuleLowersTheFloorOfItsOwnCallsOnly(t *testing.T) {
	fsync, db, web := bpf.Syscall{ABI: bpf.ABIx8664, Nr: 74}, &Call{Units: "db.service", Cgroup: "/db.service"}, &Call{Units: "web.service", Cgroup: "/web.service"}
	docker := &Call{Cgroup: "/docker/3f", ContainerID: "3f", Runtime: "docker"}
	s := time.Second
	for condition, want := range map[string]map[*Call]Floors{
		`units = ["db*"]`:                        {nil: {OK: ms, Failed: ms, Open: ms}, db: {OK: ms, Failed: ms, Open: ms}, web: {OK: s, Failed: s, Open: s}},
		`cgroups = ["/db.service"]`:              {db: {OK: ms, Failed: ms, Open: ms}, web: {OK: s, Failed: s, Open: s}},
		`containers = ["docker"]`:                {docker: {OK: ms, Failed: ms, Open: ms}, web: {OK: s, Failed: s, Open: s}},
		`result = "failed"`:                      {nil: {OK: s, Failed: ms, Open: s}, web: {OK: s, Failed: ms, Open: s}},
		`result = "ok"`:                          {nil: {OK: ms, Failed: s, Open: s}},
		`errnos = ["EIO"]`:                       {nil: {OK: s, Failed: ms, Open: s}},
		"errnos = [\"EIO\"]\nunits = [\"db*\"]":  {nil: {OK: s, Failed: ms, Open: s}, db: {OK: s, Failed: ms, Open: s}, web: {OK: s, Failed: s, Open: s}},
		"result = \"ok\"\ncomms = [\"x\"]":       {nil: {OK: ms, Failed: s, Open: s}},
		"result = \"failed\"\nabis = [\"i386\"]": {nil: {OK: s, Failed: s, Open: s}},
	} {
		p := mustParse(t, "[slow]\nthreshold = \"1s\"\n[[rule]]\nname = \"it\"\nsyscalls = [\"fsync\"]\nthreshold = \"1ms\"\n"+condition+"\n")
		for at, floors := range want {
			var in *Area
			if at != nil {
				in = p.AreaOf(*at)
			}
			got := p.Floors(fsync, in)
			if got.Exempt = 0; got != floors {
				t.Errorf("%s, %+v: %+v; want %+v", condition, at, got, floors)
			}
		}
	}
}

// What a rule ignores the kernel does not hand over, although another rule asks for as short ones.
func TestWhatIsIgnoredIsHeldBack(t *testing.T) {
	fsync := bpf.Syscall{ABI: bpf.ABIx8664, Nr: 74}
	const strict = "[[rule]]\nname = \"strict\"\nsyscalls = [\"fsync\"]\nthreshold = \"1ms\"\n"
	for _, tt := range []struct {
		ignored  string
		call     Call
		want     bool // handed over where the place is known
		anywhere bool
	}{
		{`units = ["web*"]`, Call{Unit: "web.service"}, false, true},
		{`units = ["web*"]`, Call{Unit: "db.service"}, true, true},
		{`result = "failed"`, Call{Errno: 5}, false, false},
		{`result = "failed"`, Call{}, true, true},
		{`result = "failed"`, Call{Open: true}, true, true},
		{`errnos = ["EIO"]`, Call{Errno: 5}, true, true}, // which error it is the kernel side does not look at
		{"units = [\"web*\"]\ncomms = [\"x\"]", Call{Unit: "web.service"}, true, true},
	} {
		p := mustParse(t, "[[rule]]\nname = \"it\"\nsyscalls = [\"fsync\"]\naction = \"ignore\"\n"+tt.ignored+"\n"+strict)
		c := tt.call
		c.Syscall, c.ABI, c.FDKind, c.Duration = "fsync", bpf.ABIx8664, FDFile, 5*ms
		if got := (kernelSide{p, p.AreaOf(c)}).handsOver(&c, fsync); got != tt.want {
			t.Errorf("%s, %+v: handed over %v, where its place is known", tt.ignored, c, got)
		}
		if got := (kernelSide{p, nil}).handsOver(&c, fsync); got != tt.anywhere {
			t.Errorf("%s, %+v: handed over %v, where its place is not known", tt.ignored, c, got)
		}
	}
}

// Rules on results that leave no call of either to the default leave the open ones to it.
func TestAnOpenCallHasNoResult(t *testing.T) {
	p := mustParse(t, "[slow]\nthreshold = \"1s\"\n[[rule]]\nname = \"a\"\nsyscalls = [\"fsync\"]\nresult = \"ok\"\naction = \"ignore\"\n"+
		"[[rule]]\nname = \"b\"\nsyscalls = [\"fsync\"]\nresult = \"failed\"\naction = \"ignore\"\n")
	got := p.Floors(bpf.Syscall{ABI: bpf.ABIx8664, Nr: 74}, nil)
	if got.OK != Never || got.Failed != Never || got.Open != time.Second || got.Lowest() != time.Second {
		t.Errorf("%+v; want an open call to be slow from 1 s on", got)
	}
}

// To open a FIFO waits without a descriptor: only user space sees from the stack what it is.
func TestWhatOpensWithoutADescriptorMayBeOnAPipe(t *testing.T) {
	openat := bpf.Syscall{ABI: bpf.ABIx8664, Nr: 257}
	for fd, exempt := range map[string]bool{FDPipe: false, FDTTY: false, FDSocket: true} {
		p := mustParse(t, "[slow]\nthreshold = \"never\"\n[[rule]]\nname = \"it\"\nsyscalls = [\"openat\"]\nfd = [\""+fd+"\"]\nthreshold = \"1ms\"\n")
		if got := p.Exempt(openat)&kindBit(FDNone) != 0; got != exempt {
			t.Errorf("%s: exempt without a descriptor: %v", fd, got)
		}
	}
}

func TestAreas(t *testing.T) {
	p := mustParse(t, "[[rule]]\nname = \"a\"\nunits = [\"db*\"]\nthreshold = \"1ms\"\n[[rule]]\nname = \"b\"\nunits = [\"web*\"]\nthreshold = \"1ms\"\n")
	db, web := p.AreaOf(Call{Units: "system.slice db1.service"}), p.AreaOf(Call{Unit: "web.service"})
	if db.Key() == web.Key() || db.Key() != p.AreaOf(Call{Unit: "db2.service"}).Key() {
		t.Error("areas are not told apart by their rules")
	}
	if !p.Placed() || Default().Placed() {
		t.Error("only the first of the two policies asks for places")
	}
	fsync := bpf.Syscall{ABI: bpf.ABIx8664, Nr: 74}
	q := p.WithThreshold([]string{"fsync"}, 5*ms)
	if f := q.Floors(fsync, q.AreaOf(Call{Unit: "db.service"})); f != (Floors{OK: 5 * ms, Failed: 5 * ms, Open: 5 * ms}) {
		t.Errorf("an override gives %+v", f)
	}
	if _, differs := q.FloorsIn(q.AreaOf(Call{Unit: "x.service"}), fsync); differs {
		t.Error("where a threshold is set for all, a place makes a difference")
	}
}
