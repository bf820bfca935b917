package decode

import (
	"slices"
	"testing"
)

func TestPathArgs(t *testing.T) {
	tests := []struct {
		name   string
		compat bool
		want   []int
	}{
		{"open", false, []int{0}}, {"openat", false, []int{1}}, {"renameat2", false, []int{1, 3}}, {"symlinkat", false, []int{0, 2}},
		{"mount", false, []int{0, 1}}, {"fanotify_mark", false, []int{4}}, {"fanotify_mark", true, []int{5}}, {"open", true, []int{0}},
		{"read", false, nil}, {"", false, nil},
	}
	for _, tt := range tests {
		if got := PathArgs(tt.name, tt.compat); !slices.Equal(got, tt.want) {
			t.Errorf("%s, compat %v: %v", tt.name, tt.compat, got)
		}
	}
}

// Two paths are the most: the kernel side has room for no more. In order, and
// within the registers.
func TestPathArgsFit(t *testing.T) {
	for _, table := range []map[string][]int{pathArgs, compatPathArgs} {
		for name, at := range table {
			if len(at) < 1 || len(at) > 2 || !slices.IsSorted(at) || at[0] < 0 || at[len(at)-1] > 5 {
				t.Errorf("%s: %v", name, at)
			}
		}
	}
}

func TestTablesCannotBeChanged(t *testing.T) {
	PathArgs("open", false)[0] = 5
	if PathArgs("open", false)[0] != 0 {
		t.Error("a caller changed the table")
	}
}
