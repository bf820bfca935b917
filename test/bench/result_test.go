package main

import (
	"errors"
	"maps"
	"strings"
	"testing"
)

func TestAddedIsOverTheFasterOneOfBeforeAndAfter(t *testing.T) {
	r := newSubjectResult(subject{key: "x", name: "X"})
	r.putCalls(3, map[string]float64{"getppid": 200}, map[string]float64{"getppid": 80}, map[string]float64{"getppid": 100})
	r.putCalls(5, map[string]float64{"getppid": 90}, map[string]float64{"getppid": 100}, map[string]float64{"getppid": 100})
	if got, want := r.AddedNs["getppid"], (series{3: 120, 5: -10}); !maps.Equal(got, want) {
		t.Errorf("added %v, want %v", got, want)
	}
	if got, want := r.CallNs["getppid"], (series{3: 200, 5: 90}); !maps.Equal(got, want) {
		t.Errorf("a call takes %v, want %v", got, want)
	}
	r.putPrograms(1, map[string]float64{"build": 3}, map[string]float64{"build": 1, "server": 9}, map[string]float64{"build": 2, "server": 9})
	if got, want := r.Slowdown["build"], (series{1: 2}); !maps.Equal(got, want) {
		t.Errorf("slowdown %v, want %v", got, want)
	}
	if len(r.Slowdown) != 1 || len(r.Seconds) != 1 {
		t.Errorf("programs that did not run have numbers: %v", r.Seconds)
	}
}

func TestWatchIsHeldAgainstNothing(t *testing.T) {
	s := newSubjectResult(subject{key: keyWatch})
	bare := map[string]float64{"getppid": 100, "read": 100, pipeKey: 200, databaseKey: 200, serverKey: 200}
	s.putCalls(1, map[string]float64{"getppid": 102, "read": 100, pipeKey: 210, databaseKey: 201, serverKey: 210}, bare, bare)
	verdicts := map[string]string{}
	for _, g := range (&result{Subjects: []*subjectResult{s}}).watchGoals() {
		verdicts[g.Text] = g.verdict()
	}
	want := map[string]string{
		"getppid, whole time: watch, of nothing attached": verdictNotReached,
		"read, whole time: watch, of nothing attached":    verdictReached,
		"pipe, whole time: watch, of nothing attached":    verdictReached,

		"database, whole time: watch, of nothing attached (this or the server)": verdictReached,
		"server, whole time: watch, of nothing attached (this or the database)": verdictNotReached,
	}
	if !maps.Equal(verdicts, want) {
		t.Errorf("%v; want %v", verdicts, want)
	}
}

func TestModeWatchHasRoundsOfItsOwn(t *testing.T) {
	s := settings{Rounds: 9, WatchRounds: 15}
	l := &lab{subjects: []subject{{key: keyNothing}, {key: keyWatch}}, result: &result{Settings: s}}
	if s.roundsOf(keyWatch) != 15 || s.roundsOf(keyCount) != 9 || l.callRounds() != 15 {
		t.Errorf("watch %d, count %d, all %d", s.roundsOf(keyWatch), s.roundsOf(keyCount), l.callRounds())
	}
	if l.subjects = l.subjects[:1]; l.callRounds() != 9 {
		t.Errorf("without watch %d rounds, want 9", l.callRounds())
	}
}

func TestSubjectIsGivenUpAfterSomeFailures(t *testing.T) {
	never := newSubjectResult(subject{key: "never"})
	for attempt := 1; attempt <= mostWithout; attempt++ {
		if never.retired() {
			t.Errorf("given up after %d failures", attempt-1)
		}
		never.fail(errors.New("no\x1b[2J BTF"))
	}
	if !never.retired() || never.Failure != "no [2J BTF" {
		t.Errorf("retired %v, failure %q", never.retired(), never.Failure)
	}

	once := newSubjectResult(subject{key: "once"})
	once.fail(errors.New("busy"))
	once.putCalls(1, map[string]float64{"read": 2}, map[string]float64{"read": 1}, map[string]float64{"read": 1})
	if once.Failure != "" || once.retired() {
		t.Errorf("one that runs after all: %q, retired %v", once.Failure, once.retired())
	}
	for range mostWith {
		once.fail(errors.New("busy"))
	}
	if !once.retired() || once.Failure != "" {
		t.Errorf("one that ran once: retired %v, failure %q", once.retired(), once.Failure)
	}
}

func TestResultOfWhatWasNotMeasuredIsEmpty(t *testing.T) {
	r := &result{}
	if got := r.subject("x"); got == nil || got.measured() {
		t.Errorf("subject that is not there: %+v", got)
	}
	if got := r.relative(r.subject("x"), "getppid"); got.Rounds != 0 {
		t.Errorf("its ratio: %+v", got)
	}
}

func TestAgainstTakesThePeerThatIsHardestToBeat(t *testing.T) {
	r := sampleResult()
	for _, test := range []struct {
		peers []string
		want  float64
	}{
		{[]string{keyLatency}, 0.935}, // mean of 1.1/1.2 and 1.1/1.15
		{[]string{keyStrace, keyLatency}, 0.935},
		{[]string{keyPerfTrace}, 0},
		{nil, 0},
	} {
		got := r.against(keyProcess, test.peers, buildKey)
		if diff := got.Median - test.want; diff < -0.01 || diff > 0.01 {
			t.Errorf("against %q: %+v, want about %v", test.peers, got, test.want)
		}
	}
}

// A program is judged by its pieces: by what they take under both, and not by whole runs of it.
func TestPiecesDecideOfTheirPrograms(t *testing.T) {
	bare := map[string]float64{pipeKey: 100}
	whole := map[string]float64{pipeKey: 1, "build": 1}
	own, peer := newSubjectResult(subject{key: keyCountOnly, name: "own"}), newSubjectResult(subject{key: keyPlain, name: "peer"})
	own.putCalls(0, map[string]float64{pipeKey: 110}, bare, bare)
	own.putPrograms(0, map[string]float64{pipeKey: 1.5, "build": 1.1}, whole, whole)
	peer.putCalls(0, map[string]float64{pipeKey: 120}, bare, bare)
	peer.putPrograms(0, map[string]float64{pipeKey: 1.2, "build": 1}, whole, whole)
	r := &result{
		Subjects: []*subjectResult{own, peer}, Pieces: []string{pipeKey},
		Programs: []programName{{"build", "a build"}, {pipeKey, "a pipe"}},
	}
	verdicts := map[string]string{}
	for _, g := range r.goals() {
		if g.Got.Rounds > 0 {
			verdicts[g.Text] = g.verdict()
		}
	}
	want := map[string]string{"pipe, whole time: count by process, no slow calls, of `syscount`": verdictReached}
	if !maps.Equal(verdicts, want) {
		t.Errorf("%v; want %v", verdicts, want)
	}
	if rows := r.pieceTable().rows; len(rows) != 2 || rows[0][1] != "+10.0 % (+10.0..+10.0)" {
		t.Errorf("%q", rows)
	}
	if text := r.pieceList(); !strings.Contains(text, "pipe: "+pieceTexts[pipeKey]) {
		t.Errorf("%q", text)
	}
}
