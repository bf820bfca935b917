package ladder

import (
	"math"
	"math/rand/v2"
	"testing"
)

var nan = math.NaN()

// price is the share of all CPUs that each step takes per unit of load.
var price = []float64{1, 0.5, 0.27, 0.005}

// expected is what the steps cost under a load.
func expected(load float64) []float64 {
	e := make([]float64, len(price))
	for i := range price {
		e[i] = load * price[i]
	}
	return e
}

// host is a simulated one, at some step.
type host struct {
	Climber
	step       int
	downs, ups int
}

func newHost() *host {
	return &host{Climber: Climber{Budget: 0.02}}
}

// look lets the host have a load until the next look.
func (h *host) look(load float64) {
	e := expected(load)
	next := h.Next(Look{h.step, e[h.step], e})
	switch {
	case next > h.step:
		h.downs++
	case next < h.step:
		h.ups++
	}
	h.step = next
}

func TestStepsEndWithWhatTheKernelHas(t *testing.T) {
	for _, c := range []struct {
		sample int
		watch  bool
		want   string
	}{
		{1, true, "account, account with sample 16, count, watch"},
		{1, false, "account, account with sample 16, count"},
		{4, false, "account with sample 4, account with sample 16, count"},
		{16, true, "account with sample 16, count, watch"},
		{64, true, "account with sample 64, count, watch"},
	} {
		text := ""
		for i, s := range Steps(c.sample, c.watch) {
			if i > 0 {
				text += ", "
			}
			text += s.String()
		}
		if text != c.want {
			t.Errorf("sample %d, watch %v: %s; want %s", c.sample, c.watch, text, c.want)
		}
	}
}

func TestOneLook(t *testing.T) {
	for name, c := range map[string]struct {
		climber Climber
		look    Look
		want    int
	}{
		"within the budget at the top":      {Climber{Budget: 0.02}, Look{0, 0.01, expected(0.01)}, 0},
		"over it for the first time":        {Climber{Budget: 0.02}, Look{0, 0.03, expected(0.03)}, 0},
		"far over it for the first time":    {Climber{Budget: 0.02}, Look{0, 0.08, expected(0.08)}, 3},
		"over it again":                     {Climber{Budget: 0.02, over: 1}, Look{0, 0.03, expected(0.03)}, 1},
		"far over it: several steps":        {Climber{Budget: 0.02, over: 1}, Look{0, 0.3, expected(0.3)}, 3},
		"the next step is not known":        {Climber{Budget: 0.02, over: 1}, Look{0, 0.3, []float64{0.3, nan, nan, nan}}, 1},
		"over it at the bottom":             {Climber{Budget: 0.02, over: 1}, Look{3, 0.03, expected(6)}, 3},
		"no step is cheap enough":           {Climber{Budget: 0.02, over: 1}, Look{1, 5, expected(10)}, 3},
		"exactly the budget":                {Climber{Budget: 0.02, over: 1}, Look{0, 0.02, expected(0.02)}, 0},
		"affordable, but not for long":      {Climber{Budget: 0.02}, Look{3, 0, expected(0.001)}, 3},
		"affordable for long":               {Climber{Budget: 0.02, calm: Patience - 1}, Look{3, 0, expected(0.001)}, 0},
		"only the next is affordable":       {Climber{Budget: 0.02, calm: Patience - 1, up: 2}, Look{3, 0, expected(0.04)}, 2},
		"the worst of the looks counts":     {Climber{Budget: 0.02, calm: Patience - 1, up: 2}, Look{3, 0, expected(0.001)}, 2},
		"no headroom":                       {Climber{Budget: 0.02, calm: Patience - 1}, Look{1, 0.009, expected(0.018)}, 1},
		"a higher step that is not known":   {Climber{Budget: 0.02, calm: Patience - 1}, Look{1, 0, []float64{nan, 0, 0, 0}}, 0},
		"more patience after a wrong climb": {Climber{Budget: 0.02, calm: Patience - 1, patience: 2 * Patience}, Look{3, 0, expected(0.001)}, 3},
	} {
		if got := c.climber.Next(c.look); got != c.want {
			t.Errorf("%s: step %d; want %d", name, got, c.want)
		}
	}
}

func TestSettleGoesOnDownOnly(t *testing.T) {
	c := Climber{Budget: 0.02}
	for name, look := range map[string]struct {
		Look
		want int
	}{
		"dear":    {Look{1, 0, []float64{0.3, 0.15, nan, nan}}, 2},
		"cheap":   {Look{1, 0, []float64{0.03, 0.015, nan, nan}}, 1},
		"unknown": {Look{1, 0, []float64{0.03, nan, nan, nan}}, 1},
		"bottom":  {Look{3, 0, []float64{9, 9, 9, 9}}, 3},
	} {
		if got := c.Settle(look.Look); got != look.want {
			t.Errorf("%s: step %d; want %d", name, got, look.want)
		}
	}
}

// Four looks make an interval: down within two of them, up within five.
func TestALoadThatComesAndGoes(t *testing.T) {
	const looksOfInterval = 4
	h := newHost()
	n := 0
	for ; n < 20; n++ {
		h.look(0.001)
	}
	if h.step != 0 {
		t.Fatalf("step %d without a load", h.step)
	}
	for began := n; h.step == 0; n++ {
		if h.look(0.5); n-began >= 2*looksOfInterval {
			t.Fatal("not down within two intervals")
		}
	}
	for began := n; n-began < 40; n++ {
		if h.look(0.5); h.step != 3 {
			t.Fatalf("step %d under a load that only watch is cheap enough for", h.step)
		}
	}
	for began := n; h.step != 0; n++ {
		if h.look(0.001); n-began >= 5*looksOfInterval {
			t.Fatal("not up within five intervals")
		}
	}
	if h.downs != 1 || h.ups != 1 {
		t.Errorf("%d steps down and %d up; want one of each", h.downs, h.ups)
	}
}

// tenMinutes is as many looks as the shortest interval but one (of 10 s) has in that time.
const tenMinutes = 240

// A load that hovers around what a step may cost does not make it go up and down.
func TestNoFlappingUnderALoadThatVaries(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 5))
	for range 300 {
		h := newHost()
		base := 0.02 * math.Exp(8*random.Float64()-2) // from far below the budget to far beyond
		noise := random.Float64()
		for range tenMinutes {
			h.look(base * (1 + noise*(2*random.Float64()-1)))
		}
		if h.downs+h.ups > 8 {
			t.Errorf("base %.3f, noise %.2f: %d steps down and %d up", base, noise, h.downs, h.ups)
		}
	}
}

// Whatever the load does, each wrong step up makes the next one wait twice as long.
func TestNoFlappingUnderALoadThatLiesInWait(t *testing.T) {
	h := newHost()
	for range tenMinutes {
		load := 0.001
		if h.step == 0 {
			load = 0.1 // as soon as it has gone up
		}
		h.look(load)
	}
	if h.ups > 5 || h.ups == 0 {
		t.Errorf("%d steps up in %d looks; want a few", h.ups, tenMinutes)
	}
}

// Under a load that stays, it stays where it went.
func TestAConstantLoadIsSettledOnce(t *testing.T) {
	for load := 0.0001; load < 10; load *= 1.1 {
		h := newHost()
		for range tenMinutes {
			h.look(load)
		}
		if h.ups > 0 || h.downs > 1 {
			t.Errorf("load %.4f: %d steps down and %d up", load, h.downs, h.ups)
		}
		if last := len(price) - 1; h.step < last && load*price[h.step] > h.Budget {
			t.Errorf("load %.4f: step %d costs %.4f", load, h.step, load*price[h.step])
		}
		if h.step > 0 && load*price[h.step-1] <= h.Budget {
			t.Errorf("load %.4f: step %d, and the one above costs %.4f", load, h.step, load*price[h.step-1])
		}
	}
}

// A minute of load, a minute of none: it follows, once for each.
func TestALoadThatAlternatesIsFollowedOrLeftAlone(t *testing.T) {
	for _, period := range []int{1, 2, 3, 5, 8, 13, 24, 40, 60} {
		h := newHost()
		for n := range tenMinutes {
			load := 0.001
			if n/period%2 == 0 {
				load = 0.5
			}
			h.look(load)
		}
		if most := tenMinutes/(2*period) + 1; h.downs > most {
			t.Errorf("period %d: %d steps down; the load came %d times", period, h.downs, most)
		}
		if h.ups > 6 {
			t.Errorf("period %d: %d steps up", period, h.ups)
		}
	}
}
