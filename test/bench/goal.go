package main

import (
	"fmt"
	"slices"
)

// goal is something that syscountd promises: a ratio, or a number with a unit, that
// is at most so much.
type goal struct {
	Text  string  `json:"text"`
	Unit  string  `json:"unit,omitempty"`
	Limit float64 `json:"limit"`
	Got   spread  `json:"got"`
	// Fastest is the ratio of the fastest runs of all rounds, of a real program: what
	// disturbs one only makes it slower. But one lucky run is not what users have, so
	// that the median has to hold as well. 0: not measured, or no program.
	Fastest float64 `json:"fastest,omitempty"`
}

// The words for how a goal stands.
const (
	verdictReached    = "reached"
	verdictNotReached = "not reached"
	verdictNotShown   = "not shown"
	verdictUnmeasured = "not measured"
)

// verdict holds the numbers against the limit: the median of the rounds and, of programs,
// the fastest runs as well. Where one holds and the other does not, it names the one that
// does not: neither "reached" nor its contrary has been shown.
func (g goal) verdict() string {
	median, fastest := g.Got.Median <= g.Limit, g.Fastest <= g.Limit
	switch {
	case g.Got.Rounds == 0:
		return verdictUnmeasured
	case g.Fastest == 0 && median, median && fastest:
		return verdictReached
	case g.Fastest == 0, !median && !fastest:
		return verdictNotReached
	case median:
		return fmt.Sprintf("%s: fastest %.3f", verdictNotShown, g.Fastest)
	}
	return fmt.Sprintf("%s: median %.3f", verdictNotShown, g.Got.Median)
}

// disagree tells whether the median and the fastest runs are on two sides of the limit.
func (g goal) disagree() bool {
	return g.Got.Rounds > 0 && g.Fastest > 0 && (g.Got.Median <= g.Limit) != (g.Fastest <= g.Limit)
}

// straddles tells whether the numbers are on both sides of the limit: the rounds, or
// their median and the fastest runs.
func (g goal) straddles() bool {
	return g.disagree() || g.Got.Rounds > 0 && g.Got.Min <= g.Limit && g.Limit < g.Got.Max
}

// judgement is the verdict as the table has it. That the median and the fastest runs
// disagree is in it already.
func (g goal) judgement() string {
	if g.straddles() && !g.disagree() {
		return g.verdict() + " (rounds on both sides)"
	}
	return g.verdict()
}

// limit and got are the cells of the table.
func (g goal) limit() string {
	if g.Unit == "" {
		return fmt.Sprintf("%.3f", g.Limit)
	}
	return fmt.Sprintf("%.0f %s", g.Limit, g.Unit)
}

func (g goal) got() string {
	switch {
	case g.Fastest > 0:
		return fmt.Sprintf("%.3f; rounds %s", g.Fastest, g.Got.fineRatio())
	case g.Unit == "":
		return g.Got.fineRatio()
	}
	return g.Got.format("%.1f")
}

// callGoals are about the added cost of a getppid.
var callGoals = []struct {
	own, peer string
	limit     float64
	text      string
}{
	{keyProcess, keyLatency, 0.66, "account by process, all of it, of `syscount -L`"},
	{keySample16, keyLatency, 0.36, "account with sample 16, of `syscount -L`"},
	{keyCount, keyPlain, 0.65, "count by process, of `syscount`"},
	{keyFiltered, keyLatency1, 0.75, "account filtered to another PID, of `syscount -L -p`"},
}

// watchGoals are about mode watch, against nothing attached: only a switch from one
// thread to another costs something. A database or a server is
// promised, so that one of the two is enough; both are shown.
var watchGoals = []struct {
	call, note string
	limit      float64
}{
	{"getppid", "", 1.01}, {"read", "", 1.01}, {pipeKey, "", 1.06},
	{databaseKey, " (this or the server)", 1.01}, {serverKey, " (this or the database)", 1.01},
}

// programGoals are about real programs: under a mode of ours they take no longer
// than under any peer that gives the same: times of all calls, counts alone,
// times of another process.
var programGoals = []struct {
	own, text string
	peers     []string
}{
	{keyProcess, "account by process, of the fastest that times all calls", []string{keyLatency, keyLatencyP, keyBpftrace, keyPerfTrace, keyStrace}},
	{keyCountOnly, "count by process, no slow calls, of `syscount`", []string{keyPlain}},
	{keyCount, "count by process, which finds slow calls too, of `syscount`", []string{keyPlain}},
	{keyFiltered, "account filtered to another PID, of `syscount -L -p`", []string{keyLatency1}},
}

// goals holds the numbers against the promises.
func (r *result) goals() []goal {
	var goals []goal
	for _, g := range callGoals {
		own, peer := r.subject(g.own).AddedNs["getppid"], r.subject(g.peer).AddedNs["getppid"]
		goals = append(goals, goal{Text: "getppid, added: " + g.text, Limit: g.limit, Got: own.over(peer).spread()})
	}
	if waits := r.subject(keyProcess).AddedNs["getppid"].minus(r.subject(keyNoWaits).AddedNs["getppid"]).spread(); waits.Rounds > 0 {
		goals = append(goals, goal{Text: "getppid, added: account by process, more than the same without waits", Unit: "ns", Limit: 5, Got: waits})
	}
	if rules := r.subject(keyRules).AddedNs["getppid"].minus(r.subject(keyProcess).AddedNs["getppid"]).spread(); rules.Rounds > 0 {
		goals = append(goals, goal{Text: "getppid, added: account by process, under 500 rules for 200 units more than under the shipped ones", Unit: "ns", Limit: 5, Got: rules})
	}
	if pipe, fastest := r.against(keyProcess, []string{keyNoWaits}, pipeKey); pipe.Rounds > 0 {
		goals = append(goals, goal{Text: "pipe, whole time: account by process, of the same without waits", Limit: 1.06, Got: pipe, Fastest: fastest})
	}
	for _, program := range r.programKeys() {
		for _, g := range programGoals {
			got, fastest := r.against(g.own, g.peers, program)
			goals = append(goals, goal{
				Text: fmt.Sprintf("%s, whole time: %s", program, g.text), Limit: 1, Got: got, Fastest: fastest,
			})
		}
	}
	return slices.Concat(goals, r.watchGoals(), r.slowGoals(), r.rowGoals())
}

// programKeys are the real programs that were measured, whole or in pieces.
func (r *result) programKeys() []string {
	keys := slices.Clone(r.Pieces)
	for _, program := range r.Programs {
		if !slices.Contains(keys, program.Key) {
			keys = append(keys, program.Key)
		}
	}
	return keys
}

// watchGoals are those of a run in which the mode was measured.
func (r *result) watchGoals() []goal {
	var goals []goal
	own := r.subject(keyWatch)
	for _, g := range watchGoals {
		if got := own.wholeOf(g.call).spread(); got.Rounds > 0 {
			goals = append(goals, goal{Text: g.call + ", whole time: watch, of nothing attached" + g.note, Limit: g.limit, Got: got})
		}
	}
	return goals
}

// against is the program's slowdown under own, divided by that under the peer that is
// hardest to beat, round by round; and the same of the fastest runs. These may be of
// another peer: own is to be no slower than any of them, by either number. What is
// measured in pieces decides where there is such a thing; the fastest of these are not asked for.
func (r *result) against(own string, peers []string, program string) (worst spread, fastest float64) {
	inPieces := slices.Contains(r.Pieces, program)
	for _, peer := range peers {
		mine, others := r.subject(own).Slowdown[program], r.subject(peer).Slowdown[program]
		if inPieces {
			mine, others = r.subject(own).wholeOf(program), r.subject(peer).wholeOf(program)
		}
		got := mine.over(others).spread()
		if got.Rounds == 0 {
			continue
		}
		if got.Median > worst.Median {
			worst = got
		}
		if !inPieces {
			fastest = max(fastest, r.subject(own).fastestOver(r.subject(peer), program))
		}
	}
	return worst, fastest
}
