package policy

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/syscountd/syscountd/agent/decode"
	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// maxUID is the largest user id: the one above means "no id" (chown(2)).
const maxUID = math.MaxUint32 - 1

// autoWord is a threshold that is learned.
const autoWord = "auto"

// The words of a rule's action.
const (
	actionReport = "report"
	actionIgnore = "ignore"
)

// rule reads one rule; lines are those of the names so far.
func (s *section) rule(lines map[string]int) Rule {
	r := Rule{Severity: Warning}
	s.ruleName(&r.Name, lines)
	s.texts("syscalls", `syscall names and @groups such as ["@sync"]`, MaxList, &r.Syscalls, checkSyscall)
	s.texts("abis", `ABIs such as ["x86_64"]`, MaxList, &r.ABIs, checkABI)
	s.texts("units", `globs such as ["postgresql*.service"]`, MaxList, &r.Units, checkUnitGlob)
	s.texts("cgroups", `globs such as ["/system.slice/**"]`, MaxList, &r.Cgroups, checkCgroupGlob)
	s.texts("containers", `globs on the id or the runtime such as ["docker"]`, MaxList, &r.Containers, checkGlob)
	s.texts("comms", `globs such as ["postgres*"]`, MaxList, &r.Comms, checkCommGlob)
	s.texts("executables", `globs such as ["/usr/lib/postgresql/**"]`, MaxList, &r.Executables, checkPathGlob)
	s.numbers("uids", "user ids such as [1000]", "a user id", MaxList, 0, maxUID, &r.UIDs)
	s.texts("fd", `kinds such as ["file", "block"]`, MaxList, &r.FD, checkFD)
	s.texts("paths", `globs such as ["/srv/**"]`, MaxList, &r.Paths, checkPathGlob)
	s.result(&r)
	s.least("io_wait", &r.IOWait)
	s.least("runqueue", &r.Runqueue)
	s.least("cpu", &r.CPU)
	s.decision(&r)
	s.integer("rate", &r.Rate, MinRate, MaxRate)
	if word, at, ok := takeAs[string](s, "severity", severityReason()[len("must be "):]); ok {
		if r.Severity, ok = ParseSeverity(word); !ok {
			s.fail(at, "severity", shown(word), severityReason()+didYouMean(word, severityNames[:]))
		}
	}
	s.flag("stack", &r.Stack)
	s.finish()
	return r
}

// result reads how calls must have ended.
func (s *section) result(r *Rule) {
	s.word("result", &r.Result, anyWord, ResultOK, ResultFailed)
	if r.Result == anyWord {
		r.Result = ""
	}
	s.texts("errnos", `names of errors such as ["EIO"]`, MaxList, &r.Errnos, checkErrno)
	if r.Result == ResultOK && len(r.Errnos) > 0 {
		s.fail(s.at.key("errnos"), "errnos", "", `can never match: result = "ok" is for calls that return no error`)
	}
}

// decision reads what the rule does with a call: exactly one of three keys says so.
func (s *section) decision(r *Rule) {
	if r.Auto = s.values["threshold"] == autoWord; r.Auto {
		s.take("threshold")
	} else {
		s.duration("threshold", &r.Threshold, MinThreshold, MaxThreshold, true)
	}
	s.duration("overshoot", &r.Overshoot, MinThreshold, MaxThreshold, false)
	action := actionReport
	s.word("action", &action, actionReport, actionIgnore)
	wrongAction := s.values["action"] != nil && s.values["action"] != action // there is another error about it
	_, hasThreshold := s.values["threshold"]
	_, hasOvershoot := s.values["overshoot"]
	switch {
	case hasThreshold && hasOvershoot:
		s.fail(s.at.key("overshoot"), "overshoot", "", "cannot stand beside threshold: a rule judges by the one or by the other")
	case action == actionIgnore && hasOvershoot:
		s.fail(s.at.key("overshoot"), "overshoot", "", `means nothing beside action = "ignore": what matches is never slow`)
	case action == actionIgnore && hasThreshold && (r.Auto || r.Threshold != Never):
		s.fail(s.at.key("threshold"), "threshold", "", `means nothing beside action = "ignore": what matches is never slow`)
	case action == actionIgnore:
		r.Threshold = Never
	case !hasThreshold && !hasOvershoot && !wrongAction:
		s.miss(s.at, "threshold", "", `is missing; a rule needs one, such as "20ms", or an overshoot, or action = "ignore"`)
	}
	if o, set := s.origins[s.path+"threshold"]; set && r.Threshold == Never {
		s.origins[s.path+"action"] = o // which is how it is printed
	}
	s.checkOvershoot(r)
	s.checkAuto(r)
}

// checkAuto wants calls of which one can say what is usual. A @group may hold others: for them
// the threshold of [slow] counts.
func (s *section) checkAuto(r *Rule) {
	if !r.Auto {
		return
	}
	if len(r.Syscalls) == 0 {
		s.miss(s.at.key("threshold"), "threshold", shown(autoWord), `needs syscalls of which it can be learned, such as syscalls = ["@sync"]`)
		return
	}
	for i, name := range r.Syscalls {
		if syscalls.Known(name) && !learnable(name) {
			s.fail(s.at.key("syscalls").item(i), "syscalls", "", shown(name)+` waits, on sockets and pipes if not always: what it usually takes says nothing, so that threshold = "auto" is not for it`)
		}
	}
}

// checkOvershoot wants calls that ask for a time. A @group may hold others too: they are
// never late.
func (s *section) checkOvershoot(r *Rule) {
	if r.Overshoot == 0 {
		return
	}
	if len(r.Syscalls) == 0 {
		s.miss(s.at.key("overshoot"), "overshoot", "", `needs syscalls that take a time-out, such as syscalls = ["nanosleep", "epoll_wait"]`)
		return
	}
	checked := map[string]bool{} // a long list may name @known again and again
	for i, name := range r.Syscalls {
		if checked[name] {
			continue
		}
		if checked[name] = true; !takesTimeout(name) {
			s.fail(s.at.key("syscalls").item(i), "syscalls", "", shown(name)+" has no time-out that can be read when it ends; overshoot is for calls that do, such as nanosleep, poll, epoll_wait and futex")
		}
	}
}

// takesTimeout is true for a name that nobody knows: there is another error about it.
func takesTimeout(name string) bool {
	members, err := syscalls.Expand([]string{name})
	for _, member := range members {
		if decode.TakesTimeout(member) {
			return true
		}
	}
	return err != nil
}

var ruleName = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// ruleName reads a rule's name, which is its identity in records.
func (s *section) ruleName(to *string, lines map[string]int) {
	name, at, ok := takeAs[string](s, "name", "a string")
	if _, given := s.values["name"]; !given {
		s.miss(s.at, "name", "", "is missing; a rule needs one of its own, of lower case letters, digits and -")
	}
	if !ok {
		return
	}
	first, taken := lines[name]
	switch {
	case !ruleName.MatchString(name):
		s.fail(at, "name", "", "must be 1 to 64 lower case letters, digits and -")
	case name == defaultVerdict || name == overrideVerdict:
		s.fail(at, "name", "", "is reserved: records use it for calls that no rule of the policy decided")
	case taken:
		s.fail(at, "name", "", fmt.Sprintf("is taken by the rule on line %d; each rule needs a name of its own", first))
	}
	lines[name] = at.line
	*to = name
}

func checkSyscall(name string) string {
	if err := syscalls.Check(name); err != nil {
		return err.Error()
	}
	return ""
}

// abiNames are the words that a rule's abis may hold.
var abiNames = []string{bpf.ABIx8664.String(), bpf.ABIi386.String(), bpf.ABIx32.String(), bpf.ABIaarch64.String(), bpf.ABIarm.String()}

func checkABI(word string) string { return checkWord("ABI", word, abiNames) }

// checkWord finds out what is wrong with a word of a list.
func checkWord(what, word string, allowed []string) string {
	if contains(allowed, word) {
		return ""
	}
	if near := syscalls.Suggest(word, allowed); near != "" {
		return fmt.Sprintf("unknown %s %s; did you mean %q? allowed are %s", what, shown(word), near, plainList(allowed))
	}
	return fmt.Sprintf("unknown %s %s; must be %s", what, shown(word), oneOf(allowed))
}

// checkCgroupGlob finds out what is wrong with a rule's pattern on cgroups.
func checkCgroupGlob(pattern string) string {
	if !isGlob(pattern) || strings.HasPrefix(pattern, "/sys/fs/cgroup") {
		return checkCgroup(pattern)
	}
	return checkPathGlob(pattern)
}
