package kernels

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/syscountd/syscountd/test/kernels/guest"
)

// transcript is what a machine has printed on its console.
type transcript struct {
	steps  []stepResult
	done   bool     // the plan was carried out to its end
	taint  string   // the kernel's new taint bits, if it got any
	kernel []string // then its log
	others []string // lines of the kernel or the firmware
}

// stepResult is what one step has come to.
type stepResult struct {
	name     string
	out, err []string // lines of its standard output and error
	ended    bool
	status   int // its exit status, if it has ended
}

// parseConsole reads a console, complete or not.
func parseConsole(text string) (t transcript) {
	step := &stepResult{} // before the first one, lines are nobody's
	for line := range strings.Lines(text) {
		kind, text, ours := guest.Parse(line)
		if !ours {
			t.others = append(t.others, strings.TrimRight(line, "\r\n"))
			continue
		}
		switch kind {
		case guest.Begin:
			t.steps = append(t.steps, stepResult{name: text})
			step = &t.steps[len(t.steps)-1]
		case guest.Out:
			step.out = append(step.out, text)
		case guest.Err:
			step.err = append(step.err, text)
		case guest.Exit:
			status, err := strconv.Atoi(text)
			step.ended, step.status = err == nil, status
		case guest.Taint:
			t.taint = text
		case guest.Kernel:
			t.kernel = append(t.kernel, text)
		case guest.Done:
			t.done = text == strconv.Itoa(len(t.steps))
		}
	}
	return t
}

// testResult is what "go test -v" says of a test.
type testResult struct {
	name, result string // result: PASS, FAIL or SKIP
	took         time.Duration
}

// resultLine is the end of a test; that of a subtest is indented.
var resultLine = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): (\S+) \((\d+\.\d+s)\)`)

func testResults(lines []string) (results []testResult) {
	for _, line := range lines {
		if m := resultLine.FindStringSubmatch(line); m != nil {
			took, _ := time.ParseDuration(m[3]) // a number, says the pattern
			results = append(results, testResult{name: m[2], result: m[1], took: took})
		}
	}
	return results
}

// lastResults are those that count: of a test that ran again, what came of it then.
func lastResults(lines []string) (last []testResult) {
	all := testResults(lines)
	for i, r := range all {
		if !slices.ContainsFunc(all[i+1:], func(later testResult) bool { return later.name == r.name }) {
			last = append(last, r)
		}
	}
	return last
}

// passedAgain are the tests, without their parts, that failed at first.
func passedAgain(lines []string) (names []string) {
	failed := map[string]bool{}
	for _, r := range testResults(lines) {
		if r.result == "PASS" && failed[r.name] && !strings.Contains(r.name, "/") {
			names = append(names, r.name)
		}
		failed[r.name] = r.result == "FAIL"
	}
	return names
}

// complaints are what a failed test has said, without its parts.
func complaints(lines []string, test string) (said []string) {
	running := ""
	for _, line := range lines {
		if m := runningLine.FindStringSubmatch(line); m != nil {
			running = m[1]
			continue
		}
		if running == test && !resultLine.MatchString(line) {
			said = append(said, strings.TrimSpace(line))
		}
	}
	return said
}

// runningLine says whose the next lines are.
var runningLine = regexp.MustCompile(`^=== (?:RUN|NAME|CONT|PAUSE) +(\S*)`)

// slowest are those tests, without their parts, in which most of the time went.
func slowest(results []testResult, n int) string {
	results = slices.DeleteFunc(slices.Clone(results), func(r testResult) bool { return strings.Contains(r.name, "/") })
	slices.SortFunc(results, func(a, b testResult) int { return cmp.Compare(b.took, a.took) })
	var all, shown time.Duration
	var said []string
	for i, r := range results {
		if all += r.took; i < n {
			shown += r.took
			said = append(said, fmt.Sprintf("%s %.0f s", r.name, r.took.Seconds()))
		}
	}
	return fmt.Sprintf("%.0f s in %d tests, %.0f of them in %s", all.Seconds(), len(results), shown.Seconds(), strings.Join(said, ", "))
}

// tail is the last lines, as text to show.
func tail(lines []string, n int) string {
	cut := ""
	if left := len(lines) - n; left > 0 {
		cut, lines = fmt.Sprintf("(%d lines left out)\n", left), lines[left:]
	}
	return cut + strings.Join(lines, "\n")
}
