package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/syscalls"
)

// maxErrno is the largest number that a system call can return as an error
// (MAX_ERRNO of include/linux/err.h).
const maxErrno = 4095

// secondNames are the errors with two names; unix.ErrnoName gives the other one
// (errno(3)).
var secondNames = map[string]syscall.Errno{"EWOULDBLOCK": unix.EWOULDBLOCK, "EDEADLOCK": unix.EDEADLOCK, "ENOTSUP": unix.ENOTSUP}

// errnos are the numbers of all names.
var errnos = sync.OnceValue(func() map[string]int {
	numbers := map[string]int{}
	for n := 1; n <= maxErrno; n++ {
		if name := unix.ErrnoName(syscall.Errno(n)); name != "" {
			numbers[name] = n
		}
	}
	for name, n := range secondNames {
		numbers[name] = int(n)
	}
	return numbers
})

// ParseErrno gives the number of an error by its name. The error is a sentence that repeats
// the name.
func ParseErrno(name string) (int, error) {
	if reason := checkErrno(name); reason != "" {
		return 0, errors.New(reason)
	}
	return errnos()[name], nil
}

// checkErrno finds out what is wrong with the name of an error; "" is nothing.
func checkErrno(name string) string {
	if _, known := errnos()[name]; known {
		return ""
	}
	var lower []string // Suggest compares in lower case
	for known := range errnos() {
		lower = append(lower, strings.ToLower(known))
	}
	slices.Sort(lower) // the same suggestion each time
	if near := syscalls.Suggest(name, lower); near != "" {
		return fmt.Sprintf("unknown error %s; did you mean %q?", shown(name), strings.ToUpper(near))
	}
	return fmt.Sprintf(`unknown error %s; errors are named as in errno(3), such as "EIO"`, shown(name))
}
