package procinfo

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// maxCgroups bounds the cache and the walk. A host with a thousand
	// containers has some 10,000 cgroups.
	maxCgroups = 1 << 16
	// walkEvery is the shortest time between two walks: an id that is not known
	// makes us walk the whole tree.
	walkEvery = time.Second
)

// CgroupTree knows the cgroups of the host by their ids. The id of a cgroup is
// the inode number of its directory, which is what bpf_get_current_cgroup_id
// gives (kernfs_node.id, on 64-bit machines); it is never used again. A cgroup
// keeps its name after it is gone. Safe for concurrent use.
type CgroupTree struct {
	mount string

	mu     sync.Mutex
	paths  map[uint64]string // "" for an id that is not in the tree
	walked bool
	last   time.Duration // time of the last walk
}

// NewCgroupTree finds the cgroup v2 file system through a mounted proc file
// system, "/proc" but for tests. ErrNoCgroup2 when there is none.
func NewCgroupTree(procRoot string) (*CgroupTree, error) {
	mount, err := cgroup2Mount(procRoot)
	if err != nil {
		return nil, err
	}
	return &CgroupTree{mount: mount, paths: map[uint64]string{}}, nil
}

// Mount is the directory where the tree is mounted.
func (t *CgroupTree) Mount() string { return t.mount }

// ID gives the id of the cgroup at a path below the mount point, "/" being the
// root. An error that is fs.ErrNotExist means that there is no such cgroup.
func (t *CgroupTree) ID(cgroup string) (uint64, error) {
	if !strings.HasPrefix(cgroup, "/") || path.Clean(cgroup) != cgroup {
		return 0, fmt.Errorf("find cgroup %q: the path must be absolute, without //, . or ..", cgroup)
	}
	id, err := inode(path.Join(t.mount, cgroup))
	if err != nil {
		return 0, fmt.Errorf("find cgroup %q: %w", cgroup, err)
	}
	return id, nil
}

// Path gives the path of a cgroup below the mount point, and false when it is
// not known: it was gone before we looked, or is outside of our cgroup
// namespace. now is on a monotonic clock of any origin.
func (t *CgroupTree) Path(id uint64, now time.Duration) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p, ok := t.paths[id]; ok {
		return p, p != ""
	}
	if t.walked && now-t.last < walkEvery {
		return "", false
	}
	t.walked, t.last = true, now
	complete := t.walk()
	if _, ok := t.paths[id]; !ok && complete {
		// It will never be there: ids are not used again, and a cgroup is in the
		// tree before anything can run in it.
		t.paths[id] = ""
	}
	return t.paths[id], t.paths[id] != ""
}

// walk takes in all cgroups that there are now, and says whether it saw them
// all. When the cache is full of those that are gone, it begins anew.
func (t *CgroupTree) walk() bool {
	found := map[uint64]string{}
	complete := t.visit("/", found)
	if len(t.paths)+len(found) > maxCgroups {
		t.paths = found
		return complete
	}
	maps.Copy(t.paths, found)
	return complete
}

// visit adds a cgroup and all below it, and says whether it saw them all. Those
// that vanish meanwhile do not count.
func (t *CgroupTree) visit(cgroup string, found map[uint64]string) bool {
	directory := path.Join(t.mount, cgroup)
	id, err := inode(directory)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	if len(found) >= maxCgroups {
		return false
	}
	found[id] = cgroup
	entries, err := list(directory)
	complete := err == nil || errors.Is(err, fs.ErrNotExist)
	for _, e := range entries {
		if e.IsDir() && !t.visit(path.Join(cgroup, e.Name()), found) {
			complete = false
		}
	}
	return complete
}

// list is os.ReadDir without the sorting: a cgroup has some 60 files.
func list(directory string) ([]fs.DirEntry, error) {
	f, err := os.Open(directory)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}

func inode(directory string) (uint64, error) {
	info, err := os.Lstat(directory)
	if err != nil {
		return 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() {
		return 0, syscall.ENOTDIR
	}
	return stat.Ino, nil
}
