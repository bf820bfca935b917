package decode

import (
	"slices"
	"testing"
)

func TestFDArgs(t *testing.T) {
	tests := map[string][]int{
		"read": {0}, "fsync": {0}, "dup2": {0}, "dup3": {0}, "copy_file_range": {0, 2}, "splice": {0, 2}, "tee": {0, 1},
		"sendfile": {0, 1}, "epoll_ctl": {0, 2}, "mmap": {4}, "openat": nil, "renameat": nil, "getpid": nil, "": nil,
	}
	for name, want := range tests {
		if got := FDArgs(name); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestNoCallIsInBothLists(t *testing.T) {
	for _, name := range firstOnly {
		if fdArgs[name] != nil {
			t.Error(name)
		}
	}
}
