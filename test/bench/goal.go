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
}

// The words for how a goal stands.
const (
	verdictReached    = "reached"
	verdictNotReached = "not reached"
	verdictUnmeasured = "not measured"
)

// verdict holds the median of the rounds against the limit.
func (g goal) verdict() string {
	switch {
	case g.Got.Rounds == 0:
		return verdictUnmeasured
	case g.Got.Median <= g.Limit:
		return verdictReached
	}
	return verdictNotReached
}

// withinError tells whether another run may as well find the median on the other side of the limit.
func (g goal) withinError() bool {
	return g.Got.Rounds > 0 && g.Got.Low <= g.Limit && g.Limit < g.Got.High
}

// judgement is the verdict as the table has it.
func (g goal) judgement() string {
	if g.withinError() {
		return g.verdict() + ", within the error"
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
	if g.Unit == "" {
		return g.Got.fineRatio()
	}
	surely := g.Got
	surely.Min, surely.Max = surely.Low, surely.High
	return surely.format("%.1f")
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
	if pipe := r.against(keyProcess, []string{keyNoWaits}, pipeKey); pipe.Rounds > 0 {
		goals = append(goals, goal{Text: "pipe, whole time: account by process, of the same without waits", Limit: 1.06, Got: pipe})
	}
	for _, program := range r.Pieces {
		for _, g := range programGoals {
			goals = append(goals, goal{Text: fmt.Sprintf("%s, whole time: %s", program, g.text), Limit: 1, Got: r.against(g.own, g.peers, program)})
		}
	}
	return slices.Concat(goals, r.watchGoals(), r.slowGoals(), r.rowGoals())
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

// against is how long a piece of that program takes under own, divided by that under the peer that is hardest to
// beat, round by round.
func (r *result) against(own string, peers []string, program string) (worst spread) {
	for _, peer := range peers {
		got := r.subject(own).wholeOf(program).over(r.subject(peer).wholeOf(program)).spread()
		if got.Rounds > 0 && got.Median > worst.Median {
			worst = got
		}
	}
	return worst
}
