// Package guest is what the two ends of a kernel test have in common: the
// harness on the host, and init in the virtual machine. The host puts a plan
// into the initramfs; init carries it out and reports on the serial console,
// which the kernel's own messages share.
package guest

import (
	"strings"
	"unicode"
)

// PlanFile is where init finds its plan, a JSON array of Steps.
const PlanFile = "/plan.json"

// Step is one command for init to run.
type Step struct {
	Name string
	Args []string // the first is an absolute path
	Dir  string   // working directory; "" is the root
	Env  []string // on top of init's environment, as NAME=value
	// StopAt: the first line of standard output that contains it gets the
	// command a SIGTERM. "": it ends by itself.
	StopAt string
	// Again: it is a Go test binary, whose failed tests run once more in the same step. Its
	// status is that of the second time.
	Again bool
}

// Kind is what a line of the console says.
type Kind string

// The kinds of lines. A line that starts with none of them is the kernel's, or
// the firmware's.
const (
	Begin  Kind = "@begin"  // a step begins: its name
	Out    Kind = "@out"    // a line of its standard output
	Err    Kind = "@err"    // a line of its standard error
	Exit   Kind = "@exit"   // it has ended: its exit status, or 128 and the signal's number
	Taint  Kind = "@taint"  // the kernel has found fault with itself meanwhile: its new taint bits
	Kernel Kind = "@kernel" // a line of its log, after Taint
	Done   Kind = "@done"   // the plan is carried out: the number of steps
)

// kinds are all of them.
var kinds = []Kind{Begin, Out, Err, Exit, Taint, Kernel, Done}

// Format is one line for the console, without its end. Control characters other
// than the tab and what is not UTF-8 come out as U+FFFD: a command must not be
// able to end its line and forge another.
func Format(kind Kind, text string) string {
	return string(kind) + " " + strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// Parse takes a line of the console apart; false: it is none of ours.
func Parse(line string) (kind Kind, text string, ours bool) {
	word, text, found := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
	for _, kind := range kinds {
		if found && word == string(kind) {
			return kind, text, true
		}
	}
	return "", "", false
}
