package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/test/kernels/guest"
)

// taint is the kernel's taint mask; Documentation/admin-guide/tainted-kernels.rst
// has its bits: 9 is a warning, 7 an oops, 14 a soft lockup.
func taint() (uint64, error) {
	const path = "/proc/sys/kernel/tainted"
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read taint: %w", err)
	}
	mask, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read taint from %s: %w", path, err)
	}
	return mask, nil
}

// reportTaint shows what the kernel has had to say if it is tainted anew.
func (c *console) reportTaint(before, now uint64) error {
	if now&^before == 0 {
		return nil
	}
	c.line(guest.Taint, strconv.FormatUint(now&^before, 10))
	log := make([]byte, 1<<20)
	n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, log)
	if err != nil {
		return fmt.Errorf("read the kernel's log: %w", err)
	}
	for line := range strings.Lines(string(log[:n])) {
		c.line(guest.Kernel, strings.TrimSuffix(line, "\n"))
	}
	return nil
}
