package policy

import (
	"fmt"
	"path/filepath"
)

// replaced is a main file that is not read because another one stands before it, and what
// is lost with it.
type replaced struct {
	file, by string
	rules    []string // shipped ones that the other file does not have
}

// noteReplaced looks at the rules when the main file has been read, and no drop-in yet: what
// a drop-in drops it drops on purpose.
func (p *Policy) noteReplaced(s source) {
	if s.replaces == "" {
		return
	}
	p.replaced = replaced{file: s.replaces, by: s.file}
	for _, r := range defaultRules() {
		if indexOf(p.Rules, r.Name) < 0 {
			p.replaced.rules = append(p.replaced.rules, r.Name)
		}
	}
}

// Replaced says in a sentence that the main file stands in the place of the shipped one
// and has not all of its rules; "" if nothing is lost.
func (p *Policy) Replaced() string {
	r := p.replaced
	if len(r.rules) == 0 {
		return ""
	}
	dropIn := filepath.Join(filepath.Dir(r.by), filepath.Base(dropInDir), "10-local.toml")
	return printable(fmt.Sprintf("%s is read instead of %s, so that shipped rules are not in force: %s; what is only to be changed belongs into a drop-in such as %s",
		r.by, r.file, plainList(r.rules), dropIn))
}
