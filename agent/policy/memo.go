package policy

import "sync"

// maxMemo bounds the values that a memo keeps: hosts have some hundred units and
// commands. A full one begins anew, which costs a look at all rules for each value.
const maxMemo = 1024

// pattern is a glob or a pathGlob.
type pattern interface{ match(value string) bool }

// patterns are those of one key of a rule.
type patterns []pattern

// memo knows, for one key of all rules, which of them a value fits: globs are slow, and
// the same units, commands and programs come again and again.
type memo struct {
	rules []patterns // of each rule; none: any value fits
	used  bool       // some rule has one

	mu    sync.Mutex // policies may be shared
	known map[string]bitset
}

// add appends a rule.
func (m *memo) add(p patterns) {
	m.rules = append(m.rules, p)
	m.used = m.used || len(p) > 0
}

// fits gives the rules that a value fits; nil is all.
func (m *memo) fits(value string) bitset {
	if !m.used {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if set, ok := m.known[value]; ok {
		return set
	}
	set := newBitset(len(m.rules))
	for i, p := range m.rules {
		if p.fit(value) {
			set.add(i)
		}
	}
	if len(m.known) >= maxMemo || m.known == nil {
		m.known = map[string]bitset{}
	}
	m.known[value] = set
	return set
}

// fit says whether any pattern does; no patterns fit everything.
func (p patterns) fit(value string) bool {
	for _, one := range p {
		if one.match(value) {
			return true
		}
	}
	return len(p) == 0
}
