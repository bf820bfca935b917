package policy

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/syscountd/syscountd/agent/syscalls"
)

func readConfig(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../configs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The reference file and the built-in default say the same.
func TestTheReferenceFileIsTheDefault(t *testing.T) {
	got, want := mustParse(t, readConfig(t, "syscountd.toml")), Default()
	got.Files = nil // it is in the first line
	if got.TOML() != want.TOML() {
		t.Errorf("configs/syscountd.toml is\n%s\nthe default is\n%s", got.TOML(), want.TOML())
	}
	if !equal(got, want) {
		t.Error("configs/syscountd.toml is not the default")
	}
}

// Every key that the parser knows is in the reference file.
func TestTheReferenceFileHasEveryKey(t *testing.T) {
	meta, err := toml.Decode(readConfig(t, "syscountd.toml"), &map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, key := range meta.Keys() {
		have[key.String()] = true
	}
	for _, section := range []string{"collect", "filter", "slow", "stuck", "learn", "limits", "output"} {
		for _, key := range allowedKeys(t, "["+section+"]\n") {
			if !have[section+"."+key] {
				t.Errorf("configs/syscountd.toml lacks %s.%s", section, key)
			}
		}
	}
	for _, key := range allowedKeys(t, "[[rule]]\nname = \"a\"\nthreshold = \"1s\"\n") {
		if !strings.Contains(readConfig(t, "syscountd.toml"), "\n#   "+key+" ") {
			t.Errorf("configs/syscountd.toml does not say what the key %s of a rule means", key)
		}
	}
}

// allowedKeys asks the parser itself, by giving it a key that it does not know.
func allowedKeys(t *testing.T, table string) []string {
	t.Helper()
	e := parseError(t, table+"q9 = 1")
	_, keys, ok := strings.Cut(e.Reason, "allowed are ")
	if !ok {
		t.Fatalf("no list of keys in %v", e)
	}
	return strings.Split(keys, ", ")
}

func TestTheQuickStartFileShowsSomething(t *testing.T) {
	p := mustParse(t, readConfig(t, "quickstart.toml"))
	if p.Collect.Interval > 2*time.Second || p.Output.Journal != "off" || p.Collect.GroupBy != "process" {
		t.Errorf("quickstart.toml: %+v %+v", p.Collect, p.Output)
	}
	if p.Slow.Threshold >= Default().Slow.Threshold {
		t.Errorf("quickstart.toml waits for %v", p.Slow.Threshold)
	}
	for _, s := range []sample{
		{under("", "fdatasync", FDFile, 25*ms), "sync", true},
		{under("", "fdatasync", FDFile, 5*ms), "sync", false},
		{under("", "read", FDFile, 60*ms), "storage", true},
		{under("", "read", FDSocket, hours), "default", false},
		{under("", "vfork", FDNone, 60*ms), "process", true},
		{under("", "getpid", FDNone, 150*ms), "default", true},
	} {
		if v, slow := p.Judge(s.call); v.Rule != s.rule || slow != s.slow {
			t.Errorf("quickstart.toml: %+v: slow %v by %s", s.call, slow, v.Rule)
		}
	}
}

func TestTheDefaultRulesNameOnlyWhatExists(t *testing.T) {
	for _, r := range Default().Rules {
		if _, err := syscalls.Expand(r.Syscalls); err != nil {
			t.Errorf("rule %s: %v", r.Name, err)
		}
	}
	if dead := Default().judge.unreachable(); dead != nil {
		t.Errorf("default rules %v can never decide", dead)
	}
}

func TestDefaultsAreNotShared(t *testing.T) {
	Default().Rules[0].Name = "changed"
	if Default().Rules[0].Name == "changed" {
		t.Error("two defaults share their rules")
	}
}

// randomPolicy makes any policy that Parse could have made.
func randomPolicy(random *rand.Rand) *Policy {
	pick := func(words []string, n int) []string {
		var list []string
		for range n {
			list = append(list, words[random.IntN(len(words))])
		}
		return list
	}
	duration := func(min, max time.Duration) time.Duration {
		if random.IntN(8) == 0 && max == MaxThreshold {
			return Never
		}
		return min + time.Duration(random.Int64N(int64(max-min)+1))>>random.IntN(40)<<random.IntN(3)%(max-min+1)
	}
	between := func(min, max int) int { return min + random.IntN(max-min+1) }
	word := func(words ...string) string { return words[random.IntN(len(words))] }
	known, _ := syscalls.Expand([]string{"@known"})
	names := append(known, syscalls.Groups()...)
	p := &Policy{
		Collect: Collect{word("auto", "account", "count", "watch"), between(MinSample, MaxSample), duration(MinInterval, MaxInterval), word("none", "process", "unit", "cgroup", "comm"), between(MinTop, MaxTop), random.IntN(2) == 0},
		Filter: Filter{
			Children: random.IntN(2) == 0,
			OnExit:   word("keep", "clear", "stop"),
			Units:    pick([]string{"a.service", `b\x2d.scope`, "c@d:e.socket", "-.mount"}, random.IntN(4)),
			Cgroups:  pick([]string{"/", "/a\"b", "/ü\u202e\x1b[31m\n", `/a\b`}, random.IntN(4)),
			Syscalls: pick(names, random.IntN(4)),
			UIDs:     append([]uint32(nil), []uint32{0, 1000, maxUID}[:random.IntN(4)]...),
			Comms:    pick([]string{"postgres", "a b", "\"", "日本"}, random.IntN(4)),

			ExcludeUnits: pick([]string{"a.service", "-.slice"}, random.IntN(3)),
			ExcludeComms: pick([]string{"rsync", "'"}, random.IntN(3)),
			Failed:       random.IntN(2) == 0,
			Errnos:       pick([]string{"EIO", "EAGAIN"}, random.IntN(3)),
		},
		Slow:   Slow{duration(MinThreshold, MaxThreshold)},
		Stuck:  Stuck{duration(MinAfter, MaxThreshold), duration(MinSweep, MaxSweep)},
		Learn:  Learn{duration(MinThreshold, MaxThreshold-1), between(MinMultiple, MaxMultiple), []float64{MinQuantile, 99.9, MaxQuantile}[random.IntN(3)], duration(MinWindow, MaxWindow)},
		Limits: Limits{between(MinRate, MaxRate), between(MinBurst, MaxBurst), between(MinGroups, MaxGroups), []Percent{MinCPUBudget, 2, 33.3, MaxCPUBudget}[random.IntN(4)]},
		Output: Output{word("auto", "on", "off"), random.IntN(2) == 0},
		Files:  []string{"p.toml"},
	}
	for range random.IntN(4) {
		p.Filter.PIDs = append(p.Filter.PIDs, uint32(between(1, MaxPID)))
	}
	for i := range random.IntN(6) {
		r := Rule{
			Name:      fmt.Sprintf("r-%d", i),
			Syscalls:  pick(names, random.IntN(5)),
			Units:     pick([]string{"*", "a*.service", "[a-c]?.scope", `x\x2d*`, "b.service"}, random.IntN(3)),
			Comms:     pick([]string{"kworker/*", "a\nb", "\"", "日本*"}, random.IntN(3)),
			FD:        pick(FDKinds(), random.IntN(4)),
			Threshold: duration(MinThreshold, MaxThreshold),
			Severity:  Severity(random.IntN(8)),
		}
		randomConditions(random, &r)
		p.Rules = append(p.Rules, r)
	}
	for i := range p.Rules {
		p.Collect.Waits = p.Collect.Waits || p.Rules[i].asksForTimes() != ""
		if p.Rules[i].Auto {
			p.Collect.GroupBy = "unit"
		}
	}
	p.Limits.Burst = min(p.Limits.Burst, 600) // all numbers at their largest are too much for journald
	p.Limits.RecordsPerSecond = min(p.Limits.RecordsPerSecond, 100)
	p.Collect.Interval = max(p.Collect.Interval, 10*time.Second)
	p.compile(nil)
	return p
}

// Whatever policy is in force, printing it and reading it gives the same again.
func TestTOMLParsesBackToAnEqualPolicy(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	for range 200 {
		p := randomPolicy(random)
		text := p.TOML()
		if !equal(mustParse(t, text), p) {
			t.Fatalf("not equal after:\n%s", text)
		}
	}
}

func TestTOMLOfTheDefaultSaysSo(t *testing.T) {
	text := Default().TOML()
	if !strings.HasPrefix(text, "# The built-in default") {
		t.Errorf("begins %.60q", text)
	}
	p := mustParse(t, text)
	if !strings.HasPrefix(p.TOML(), "# In force, read from p.toml.\n") {
		t.Errorf("begins %.60q", p.TOML())
	}
}

func TestTOMLKeepsTerminalsSafe(t *testing.T) {
	p := mustParse(t, "[[rule]]\nname='a'\nthreshold='1s'\ncomms=[\"\\u001b]31m\\u202e\\n\"]")
	p.Files = []string{"/tmp/\x1b[31m\n"}
	for _, text := range []string{p.TOML(), p.Describe()} {
		if strings.ContainsAny(text, "\x1b\u202e") {
			t.Errorf("%q has control characters", text)
		}
	}
	if !strings.Contains(p.TOML(), `comms = ["\U0000001B]31m\U0000202E\U0000000A"]`) {
		t.Errorf("%s", p.TOML())
	}
}
