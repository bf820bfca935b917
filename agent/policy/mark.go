package policy

// mark is the place of one key or array element of a TOML document, and of
// what is inside it. The TOML library gives positions for syntax errors only.
type mark struct {
	line, column int              // of the key's or the element's first byte, from 1
	keys         map[string]*mark // of a table
	items        []*mark          // of an array
	isTable      bool             // it has a header of its own
}

// key finds the mark of a table's key, or the table's own where there is none.
func (m *mark) key(name string) *mark {
	if child, ok := m.keys[name]; ok {
		return child
	}
	return m
}

// item finds the mark of an array's element, or the array's own.
func (m *mark) item(i int) *mark {
	if i < len(m.items) {
		return m.items[i]
	}
	return m
}

// enter gives the mark of a table's key and makes it where it is new.
func (m *mark) enter(part keyPart) *mark {
	child, ok := m.keys[part.name]
	if !ok {
		child = &mark{line: part.line, column: part.column}
		if m.keys == nil {
			m.keys = map[string]*mark{}
		}
		m.keys[part.name] = child
	}
	return child
}

// last is the table that a header such as [rule.x] is about: in an array of
// tables, the last one.
func (m *mark) last() *mark {
	if n := len(m.items); n > 0 {
		return m.items[n-1]
	}
	return m
}
