package decode

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestResult(t *testing.T) {
	tests := []struct {
		name string
		args [6]uint64
		ret  int64
		want string
	}{
		{"read", [6]uint64{3, 1, 4096}, 4096, ""},
		{"read", [6]uint64{3, 1, 4096}, 100, "short: 100 of 4096 bytes"},
		{"read", [6]uint64{3, 1, 4096}, 0, "end of file"},
		{"read", [6]uint64{3, 1, 0}, 0, ""},
		{"read", [6]uint64{3, 1, 4096}, -5, ""},
		{"pwrite64", [6]uint64{3, 1, 4096}, 0, "short: 0 of 4096 bytes"},
		{"copy_file_range", [6]uint64{3, 0, 4, 0, 100}, 50, "short: 50 of 100 bytes"},
		{"sendfile", [6]uint64{3, 4, 0, 100}, 0, "end of file"},
		{"mmap", [6]uint64{}, 0x7f0000000000, "0x7f0000000000"},
		{"mmap", [6]uint64{}, -12, ""},
		{"epoll_wait", [6]uint64{}, 0, "timed out"},
		{"epoll_wait", [6]uint64{}, 3, ""},
		{"poll", [6]uint64{}, -4, ""},
		{"fcntl", [6]uint64{3, unix.F_GETFL}, unix.O_RDWR | unix.O_APPEND, "O_RDWR|O_APPEND"},
		{"fcntl", [6]uint64{3, unix.F_GETFD}, 1, "FD_CLOEXEC"},
		{"fcntl", [6]uint64{3, unix.F_SETFL}, 0, ""},
		{"wait4", [6]uint64{}, 0, "no child has changed"},
		{"wait4", [6]uint64{}, 77, ""},
		{"close", [6]uint64{}, 0, ""},
	}
	for _, tt := range tests {
		if got := Result(Call{Name: tt.name, Args: tt.args}, tt.ret); got != tt.want {
			t.Errorf("%s(%#x) = %d: %q, want %q", tt.name, tt.args, tt.ret, got, tt.want)
		}
	}
}
