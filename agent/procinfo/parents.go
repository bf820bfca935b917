package procinfo

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Parents gives the parent of each process below root, where a proc file system is
// mounted. Processes that end meanwhile are not in it.
func Parents(root string) (map[uint32]uint32, error) {
	dir, err := os.Open(root)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	parents := make(map[uint32]uint32, len(names))
	for _, name := range names {
		pid, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			continue // not a process
		}
		text, err := os.ReadFile(filepath.Join(root, name, "stat"))
		if err != nil {
			continue
		}
		if stat, err := ParseStat(text); err == nil {
			parents[uint32(pid)] = stat.ParentPID
		}
	}
	return parents, nil
}
