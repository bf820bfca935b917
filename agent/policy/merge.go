package policy

import "fmt"

// source is the text of one file.
type source struct {
	file   string
	text   []byte
	dropIn bool

	replaces string // the main file that is not read because this one is; "": none
}

// merge reads files one over the other: what a later one sets replaces what an earlier one
// did. Rules of a drop-in come before those of the files before it, or in the place of the one
// whose name they have.
func merge(sources []source) (*Policy, error) {
	p := defaults()
	p.origins = origins{}
	for _, s := range sources {
		if e := p.read(s); e != nil {
			return nil, e.from(sources)
		}
		if s.file != "" {
			p.Files = append(p.Files, s.file)
		}
		p.noteReplaced(s)
	}
	if e := p.check(); e != nil {
		return nil, e.from(sources)
	}
	p.compile(nil)
	return p, nil
}

// read puts one file over what is there.
func (p *Policy) read(from source) *Error {
	if len(from.text) > MaxBytes {
		return &Error{File: from.file, Reason: fmt.Sprintf("is longer than %d KiB, more than any policy needs", MaxBytes>>10)}
	}
	values, at, e := readDocument(from.file, string(from.text))
	if e != nil {
		return e
	}
	root := &section{first: &e, file: from.file, values: values, at: at, origins: p.origins}
	root.collect(&p.Collect)
	root.filter(&p.Filter)
	root.slow(&p.Slow)
	rules, given := root.rules()
	root.stuck(&p.Stuck)
	root.learn(&p.Learn)
	root.limits(&p.Limits)
	root.output(&p.Output)
	root.finish()
	switch {
	case !given:
	case from.dropIn && len(rules) > 0:
		p.Rules = overlay(p.Rules, rules)
	case from.dropIn:
		p.Rules = nil
		p.origins.forget("")
	default:
		p.Rules = rules
	}
	return e
}

// overlay puts rules over others: in the place of the one with the same name, or else before
// all, in their order.
func overlay(below, rules []Rule) []Rule {
	var front []Rule
	merged := append([]Rule(nil), below...)
	for _, r := range rules {
		if i := indexOf(merged, r.Name); i >= 0 {
			merged[i] = r
		} else {
			front = append(front, r)
		}
	}
	return append(front, merged...)
}

// RuleIndex is where the rule of that name stands, from 0; -1: there is none.
func (p *Policy) RuleIndex(name string) int { return indexOf(p.Rules, name) }

func indexOf(rules []Rule, name string) int {
	for i := range rules {
		if rules[i].Name == name {
			return i
		}
	}
	return -1
}

// check finds out what the keys of all files together cannot mean.
func (p *Policy) check() *Error {
	if n := len(p.Rules); n > MaxRules {
		return p.errorAt("rule."+p.Rules[0].Name+".name", "rule", fmt.Sprintf("there are %d in all files; at most %d are allowed", n, MaxRules))
	}
	for i := range p.Rules {
		if key := p.Rules[i].asksForTimes(); key != "" && !p.Collect.Waits {
			name := p.Rules[i].Name
			return p.errorAt("rule."+name+"."+key, fmt.Sprintf("rule %s: %s", shown(name), key), "can never match: it needs [collect] waits = true")
		}
	}
	for i := range p.Rules {
		if name := p.Rules[i].Name; p.Rules[i].Auto && p.Collect.GroupBy != "unit" {
			return p.errorAt("rule."+name+".threshold", fmt.Sprintf("rule %s: threshold", shown(name)), `cannot be learned by unit: "auto" needs [collect] group_by = "unit"`)
		}
	}
	return p.checkVolume()
}

// asksForTimes gives the first key that asks where the time of a call went.
func (r *Rule) asksForTimes() string {
	switch {
	case r.IOWait != Least{}:
		return "io_wait"
	case r.Runqueue != Least{}:
		return "runqueue"
	case r.CPU != Least{}:
		return "cpu"
	}
	return ""
}
