package kernels

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// shownLines are as much of a log as a fault shows.
const shownLines = 100

// shownComplaints are as many lines of a failed test as its fault shows: the last.
const shownComplaints = 4

// statusUnavailable is EX_UNAVAILABLE of sysexits.h: this kernel lacks something.
const statusUnavailable = 69

// faults are what is wrong with a machine that has this kernel, each in words.
func (k kernel) faults(t transcript) (faults []string) {
	if !t.done {
		faults = append(faults, "the plan was not carried out to its end; the console's last lines:\n"+tail(t.others, shownLines))
	}
	if t.taint != "" {
		faults = append(faults, fmt.Sprintf("the kernel got the taint bits %s; its log:\n%s", t.taint, tail(t.kernel, shownLines)))
	}
	for i, step := range k.plan() {
		if i >= len(t.steps) || t.steps[i].name != step.Name {
			return append(faults, fmt.Sprintf("step %q was not begun", step.Name))
		}
		result := t.steps[i]
		switch {
		case !result.ended:
			faults = append(faults, fmt.Sprintf("step %q did not end; its last lines:\n%s", step.Name, tail(result.all(), shownLines)))
		case step.Name == stepTests:
			faults = append(faults, k.faultsOfTests(result)...)
		case k.refusal != "":
			faults = append(faults, faultsOfRefusal(result, k.refusal)...)
		case k.noTaskWork && step.Name == stepWatch:
			faults = append(faults, faultsOfRefusal(result, watchRefusal)...)
		default:
			faults = append(faults, k.faultsOfRun(result)...)
		}
	}
	return faults
}

// all are the lines of both streams.
func (r stepResult) all() []string { return slices.Concat(r.out, r.err) }

// faultsOfTests: every test has to pass, but those whose skip is explained.
func (k kernel) faultsOfTests(r stepResult) (faults []string) {
	passed := 0
	skipped := map[string]bool{}
	for _, test := range lastResults(r.out) {
		switch test.result {
		case "PASS":
			passed++
		case "FAIL":
			fault := "test failed: " + test.name
			if said := complaints(r.out, test.name); len(said) > 0 {
				fault += ": " + tail(said, shownComplaints)
			}
			faults = append(faults, fault)
		case "SKIP":
			skipped[test.name] = true
			if k.skips[test.name] == "" {
				faults = append(faults, "test skipped, though this kernel is not known to be too old for it: "+test.name)
			}
		}
	}
	for name, reason := range k.skips {
		if !skipped[name] {
			faults = append(faults, fmt.Sprintf("test not skipped, though it should be (%s): %s", reason, name))
		}
	}
	slices.Sort(faults)
	if passed == 0 {
		faults = append(faults, "no test passed")
	}
	if r.status != 0 {
		faults = append(faults, fmt.Sprintf("the tests ended with status %d:\n%s", r.status, strings.Join(r.all(), "\n")))
	}
	return faults
}

// watchRefusal is all that syscountd says of mode watch where the kernel has no task work.
const watchRefusal = `^syscountd: not supported by this kernel: mode watch needs BPF task work \(bpf_task_work_schedule_resume\), ` +
	`which came with Linux 6\.18; Linux \d+\.\d+\.\S+ has none: use mode account or count$`

// lowestStep is what the record of the start says of mode auto there.
const lowestStep = "the lowest step on this kernel is count, since mode watch needs Linux 6.18"

// faultsOfRefusal: one sentence, the right one, and the status that says why.
func faultsOfRefusal(r stepResult, refusal string) (faults []string) {
	if r.status != statusUnavailable {
		faults = append(faults, fmt.Sprintf("syscountd ended with status %d; want %d", r.status, statusUnavailable))
	}
	if len(r.out) != 0 {
		faults = append(faults, "syscountd refused, but printed records:\n"+tail(r.out, shownLines))
	}
	if said := strings.Join(r.err, "\n"); !regexp.MustCompile(refusal).MatchString(said) {
		faults = append(faults, fmt.Sprintf("syscountd said %q; want %s", said, refusal))
	}
	return faults
}

// faultsOfRun: it starts, is told to end, and ends in order; in between, records.
func (k kernel) faultsOfRun(r stepResult) (faults []string) {
	if r.status != 0 {
		faults = append(faults, fmt.Sprintf("syscountd ended with status %d; want 0", r.status))
	}
	if len(r.err) != 0 {
		faults = append(faults, "syscountd complained:\n"+tail(r.err, shownLines))
	}
	var changes []string
	for _, line := range r.out {
		var record struct{ Change, Detail string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			faults = append(faults, fmt.Sprintf("syscountd printed %q, which is not a record: %v", line, err))
		}
		if record.Change != "" && !isLoss(record.Detail) {
			changes = append(changes, record.Change)
		}
		if record.Change == "started" {
			faults = append(faults, k.faultsOfStart(r.name, record.Detail)...)
		}
	}
	if !slices.Equal(changes, []string{"started", "stopped"}) {
		faults = append(faults, fmt.Sprintf("syscountd's states were %q; want started, stopped", changes))
	}
	return faults
}

// isLoss: Linux 7.2 and later may skip our programs, and all may leave out a switch, which
// mode watch misses. That is said in a record of its own.
func isLoss(detail string) bool {
	return strings.HasPrefix(detail, "recursion_misses") || strings.HasPrefix(detail, "switches_missed")
}

// faultsOfStart: mode auto, which is the default, says where its ladder ends; mode watch has none.
func (k kernel) faultsOfStart(step, detail string) (faults []string) {
	want := ""
	if k.noTaskWork && step == stepDaemon {
		want = lowestStep
	}
	if detail != want {
		faults = append(faults, fmt.Sprintf("%s started with the words %q; want %q", step, detail, want))
	}
	return faults
}

// promised is how long all machines may take together.
const promised = 10 * time.Minute

// tookAll says how long they took, and whether that is what was promised. It is no fault:
// how fast a machine is emulated depends on the one that emulates it.
func tookAll(took time.Duration) string {
	text := fmt.Sprintf("all machines together took %v", took.Round(time.Second))
	if took > promised {
		text += fmt.Sprintf(", which is longer than the %v that they are to take", promised)
	}
	return text
}

// faultList is what is wrong with each machine.
type faultList struct {
	mu    sync.Mutex
	lines []string
}

// shownFaults are as many faults of a machine as the list has: the first.
const shownFaults = 5

// faultLines are as many lines of a fault as the list has.
const faultLines = 1 + shownComplaints

func (l *faultList) add(machine string, faults []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, fault := range faults {
		if i == shownFaults {
			l.lines = append(l.lines, fmt.Sprintf("%s: and %d faults more", machine, len(faults)-i))
			break
		}
		lines := strings.Split(fault, "\n")
		if len(lines) > faultLines {
			lines = append(lines[:1:1], lines[len(lines)-faultLines+1:]...)
		}
		l.lines = append(l.lines, machine+": "+strings.Join(lines, "\n\t"))
	}
}

func (l *faultList) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == 0 {
		return "nothing is wrong with any machine"
	}
	return strings.Join(l.lines, "\n")
}
