package bpf

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// errBucketTooBig is what a batch lookup says when a bucket does not fit.
var errBucketTooBig = unix.ENOSPC

// ProcessName is what is known about the process of a Group.
type ProcessName struct {
	Comm   string // of its leader
	UID    uint32
	Cgroup uint64 // id
	Exited bool   // its rows will not change any more
}

// EachProcess calls fn with every process that has rows.
func (t *Tracer) EachProcess(fn func(Group, ProcessName)) error {
	err := eachEntry(t.objs.ProcessNames, func(key *syscountProcessKey, name *syscountProcessName) {
		fn(Group{key.StartNs, key.Pid}, name.read())
	})
	if err != nil {
		return fmt.Errorf("read the processes: %w", err)
	}
	return nil
}

// Process is what EachProcess tells of one. False: it has no rows.
func (t *Tracer) Process(g Group) (ProcessName, bool) {
	key := syscountProcessKey{StartNs: g.ID, Pid: g.PID}
	var name syscountProcessName
	if err := t.objs.ProcessNames.Lookup(&key, &name); err != nil {
		return ProcessName{}, false
	}
	return name.read(), true
}

func (n *syscountProcessName) read() ProcessName {
	return ProcessName{cString(n.Comm[:]), n.Uid, n.Cgroup, n.Exited != 0}
}

// DeleteProcesses frees the names of processes whose rows are gone.
func (t *Tracer) DeleteProcesses(groups iter.Seq[Group]) error {
	keys := make([]syscountProcessKey, 0, deletedAtOnce)
	for g := range groups {
		keys = append(keys, syscountProcessKey{StartNs: g.ID, Pid: g.PID})
		if len(keys) < cap(keys) {
			continue
		}
		if err := t.deleteNames(keys); err != nil {
			return err
		}
		keys = keys[:0]
	}
	return t.deleteNames(keys)
}

func (t *Tracer) deleteNames(keys []syscountProcessKey) error {
	if err := deleteAll(t.objs.ProcessNames, keys); err != nil {
		return fmt.Errorf("free the names of processes: %w", err)
	}
	return nil
}

// CgroupPath is the path of a cgroup in our own cgroup namespace, as the kernel
// side saw it when a thread in it made its first call; it stays known after
// the cgroup is gone. One outside of the namespace begins with "/..". False: no
// such cgroup was seen, or its path is over 1 KB.
func (t *Tracer) CgroupPath(id uint64) (string, bool) {
	t.replaced.RLock()
	defer t.replaced.RUnlock()
	var path syscountCgroupPath
	if err := t.objs.CgroupPaths.Lookup(&id, &path); err != nil {
		return "", false
	}
	text := path.text()
	return text, text != ""
}

// text is "" for a path that was cut.
func (p *syscountCgroupPath) text() string {
	names := p.Names[:min(int(p.Bytes), len(p.Names))]
	switch syscountCgroupPathEnd(p.End) {
	case syscountCgroupPathEndPATH_INSIDE:
		return joinNames(names)
	case syscountCgroupPathEndPATH_OUTSIDE:
		return "/.." + joinNames(names)
	}
	return ""
}

// joinNames makes a path of the names from a cgroup upwards, each ended by NUL.
func joinNames(names []byte) string {
	list := strings.Split(strings.TrimSuffix(string(names), "\x00"), "\x00")
	if len(names) == 0 {
		return "/"
	}
	slices.Reverse(list)
	return "/" + strings.Join(list, "/")
}

// EachCgroup calls fn with every cgroup whose path is kept; the path is as that
// of CgroupPath, "" where it was cut.
func (t *Tracer) EachCgroup(fn func(id uint64, path string)) error {
	err := eachEntry(t.objs.CgroupPaths, func(id *uint64, path *syscountCgroupPath) { fn(*id, path.text()) })
	if err != nil {
		return fmt.Errorf("read the cgroups: %w", err)
	}
	return nil
}

// DeleteCgroup frees the path of a cgroup that is gone, and its set of floors.
func (t *Tracer) DeleteCgroup(id uint64) error {
	if err := t.unassign(id); err != nil {
		return err
	}
	if err := t.objs.CgroupPaths.Delete(&id); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("free a cgroup's path: %w", err)
	}
	return nil
}

func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
