package procinfo

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// OnlineCPUs is how many CPUs the host has online, whichever of them we may use.
func OnlineCPUs() (int, error) {
	const path = "/sys/devices/system/cpu/online" // Documentation/admin-guide/cputopology.rst
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("count the CPUs: %w", err)
	}
	n, err := countCPUs(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("count the CPUs of %s: %w", path, err)
	}
	return n, nil
}

// countCPUs counts a list such as "0-3,8".
func countCPUs(list string) (n int, err error) {
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := strconv.ParseUint(from, 10, 16)
		if err != nil {
			return 0, err
		}
		last := first
		if isRange {
			if last, err = strconv.ParseUint(to, 10, 16); err != nil {
				return 0, err
			}
		}
		if last < first {
			return 0, fmt.Errorf("%q is no range", part)
		}
		n += int(last-first) + 1
	}
	return n, nil
}
