package procinfo

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
)

// ErrNoCgroup2 means that no cgroup v2 file system is mounted.
var ErrNoCgroup2 = errors.New("no cgroup v2 file system is mounted (systemd mounts it at /sys/fs/cgroup, or at /sys/fs/cgroup/unified beside cgroup v1)")

// cgroup2Mount finds where cgroup v2 is mounted, as seen from our own mount
// namespace.
func cgroup2Mount(procRoot string) (string, error) {
	text, err := os.ReadFile(path.Join(procRoot, "self/mountinfo"))
	if err != nil {
		return "", fmt.Errorf("find cgroup v2 mount: %w", err)
	}
	mount := findCgroup2(string(text))
	if mount == "" {
		return "", ErrNoCgroup2
	}
	return mount, nil
}

// findCgroup2 reads the text of /proc/self/mountinfo, see
// proc_pid_mountinfo(5). A mount of the whole tree is preferred to one of a part
// of it, such as containers are given.
func findCgroup2(mountinfo string) string {
	part := ""
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		fields, super := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(super) < 1 || super[0] != "cgroup2" {
			continue
		}
		root, mount := fields[3], unescapeMount(fields[4])
		if root == "/" {
			return mount
		}
		if part == "" {
			part = mount
		}
	}
	return part
}

// unescapeMount turns the octal escapes of mountinfo into what they stand for:
// space, tab, newline and backslash (fs/proc_namespace.c, mangle).
var unescapeMount = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`, `\043`, "#").Replace
