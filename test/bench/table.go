package main

import (
	"strings"
	"unicode/utf8"
)

// table is rows of cells under a head. It is written as text for a terminal or
// as Markdown.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// text aligns the columns with blanks. A last cell may be longer than its column.
func (t *table) text() string {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			if i < len(row)-1 || len(row) == len(t.head) {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
	}
	var out strings.Builder
	for _, row := range append([][]string{t.head}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", max(widths[i]-utf8.RuneCountInString(cell), 0)+2))
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return out.String()
}

// markdown writes a table of GitHub's Markdown. Short rows are filled up.
func (t *table) markdown() string {
	var out strings.Builder
	writeRow := func(cells []string) {
		for i := range t.head {
			cell := ""
			if i < len(cells) {
				cell = strings.ReplaceAll(cells[i], "|", `\|`)
			}
			out.WriteString("| " + cell + " ")
		}
		out.WriteString("|\n")
	}
	writeRow(t.head)
	out.WriteString(strings.Repeat("|---", len(t.head)) + "|\n")
	for _, row := range t.rows {
		writeRow(row)
	}
	return out.String()
}

// table has a line for each subject, with what cells gives of it under the heads, or why there is nothing.
func (r *result) table(heads []string, cells func(*subjectResult) []string) *table {
	t := &table{head: append([]string{"attached"}, heads...)}
	for _, s := range r.Subjects {
		if s.Failure != "" {
			t.add(s.Name, "did not run: "+s.Failure)
			continue
		}
		t.add(append([]string{s.Name}, cells(s)...)...)
	}
	return t
}

// callTable is the added cost of a call: median (smallest..largest) of the
// rounds, and how much of that of syscount -L it is.
func (r *result) callTable() *table {
	var heads []string
	for _, call := range callNames {
		heads = append(heads, call+", ns", "of syscount -L")
	}
	return r.table(heads, func(s *subjectResult) (cells []string) {
		for _, call := range callNames {
			cells = append(cells, s.AddedNs[call].spread().nanoseconds(), r.relative(s, call).ratio())
		}
		return cells
	})
}

// pieceTable is how much longer the pieces of programs take.
func (r *result) pieceTable() *table {
	return r.table(r.Pieces, func(s *subjectResult) (cells []string) {
		for _, name := range r.Pieces {
			cells = append(cells, s.wholeOf(name).spread().slowdown())
		}
		return cells
	})
}

// programTable is how much slower the real programs are.
func (r *result) programTable() *table {
	var heads []string
	for _, program := range r.Programs {
		heads = append(heads, program.Key)
	}
	return r.table(heads, func(s *subjectResult) (cells []string) {
		for _, program := range r.Programs {
			cells = append(cells, s.Slowdown[program.Key].spread().slowdown())
		}
		return cells
	})
}

// goalTable is how the goals stand.
func (r *result) goalTable() *table {
	t := &table{head: []string{"goal", "at most", "measured", "verdict"}}
	for _, g := range r.Goals {
		t.add(g.Text, g.limit(), g.got(), g.judgement())
	}
	return t
}
