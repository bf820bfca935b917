package main

import (
	"regexp"
	"strings"

	"github.com/syscountd/syscountd/test/kernels/guest"
)

// failure is the end of a test that failed; those of its parts are indented.
var failure = regexp.MustCompile(`^--- FAIL: (Test\w+) `)

// failures collects the tests that fail, from what "go test -v" prints.
type failures []string

func (f *failures) look(line string) {
	if m := failure.FindStringSubmatch(line); m != nil {
		*f = append(*f, m[1])
	}
}

// again is the step for these alone.
func (f failures) again(step guest.Step) guest.Step {
	step.Args = append(append([]string{}, step.Args...), "-test.run=^("+strings.Join(f, "|")+")$")
	return step
}
