package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/syscountd/syscountd/agent/procinfo"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// naming gives the kernel's groups their names. Rows whose groups have the same
// name share a summary: the cgroups of a unit do.
type naming struct {
	kernel  Kernel
	tree    *procinfo.CgroupTree // nil: no cgroup v2 is mounted
	boot    func() time.Time
	monoNs  func() uint64
	groupBy string
	memo    map[bpf.Group]string // of the running harvest
	who     map[string]identity  // by name
	places  map[uint64]place     // of cgroups that slow calls came from
}

// identity is what a summary says of its group.
type identity struct {
	process record.Process
	systemd record.Systemd
	cgroup  string
}

func newNaming(kernel Kernel, env Env, groupBy string) *naming {
	return &naming{
		kernel: kernel, tree: env.Groups, boot: env.Boot, monoNs: env.MonoNs, groupBy: groupBy,
		memo: map[bpf.Group]string{}, who: map[string]identity{}, places: map[uint64]place{},
	}
}

// refresh forgets the last harvest's names, and learns of the processes that
// have rows. It returns those that have exited.
func (n *naming) refresh() (exited []bpf.Group, err error) {
	n.memo, n.who = map[bpf.Group]string{}, map[string]identity{}
	clear(n.places)
	if !n.byName() {
		return nil, nil
	}
	err = n.kernel.EachProcess(func(g bpf.Group, p bpf.ProcessName) {
		n.learnProcess(g, p)
		if p.Exited {
			exited = append(exited, g)
		}
	})
	return exited, err
}

// byName: the kernel side keeps these groups' names with their rows.
func (n *naming) byName() bool { return n.groupBy == "process" || n.groupBy == "comm" }

func (n *naming) learnProcess(g bpf.Group, p bpf.ProcessName) {
	if n.groupBy == "comm" {
		n.memo[g] = p.Comm
		n.who[p.Comm] = identity{process: record.Process{Comm: p.Comm}}
		return
	}
	name := fmt.Sprintf("%s[%d] %d", p.Comm, g.PID, g.ID)
	n.memo[g] = name
	n.who[name] = identity{process: record.Process{
		PID: g.PID, Comm: p.Comm, User: &record.User{ID: p.UID}, StartTime: record.FormatTime(n.boot().Add(time.Duration(g.ID))),
	}}
}

// name is the group's; "" for what has no row of its own.
func (n *naming) name(g bpf.Group) string {
	if g == (bpf.Group{}) {
		return ""
	}
	name, ok := n.memo[g]
	if !ok {
		name = n.learn(g)
		n.memo[g] = name
	}
	return name
}

func (n *naming) learn(g bpf.Group) string {
	if n.byName() {
		name := fmt.Sprintf("[%d] %d", g.PID, g.ID)
		n.who[name] = identity{process: record.Process{PID: g.PID}}
		return name
	}
	path := n.cgroup(g.ID)
	where := procinfo.Unit(path)
	who := identity{systemd: record.Systemd{Unit: where.Unit, UserUnit: where.UserUnit, Slice: where.Slice}}
	name := where.Unit + "/" + where.UserUnit
	if where.Unit == "" || n.groupBy == "cgroup" {
		who.cgroup, name = path, path
	}
	n.who[name] = who
	return name
}

// maxPlaces bounds what is kept between two harvests: some 300 bytes each.
const maxPlaces = 1024

// place says what the path of a cgroup tells. It stays the same as long as the cgroup
// lives (cgroup v2 has no rename), and a look at the kernel's map is a system call.
func (n *naming) place(id uint64) place {
	if at, ok := n.places[id]; ok {
		return at
	}
	path, known := n.kernel.CgroupPath(id)
	if !known {
		path = n.cgroup(id)
	}
	at := place{procinfo.Unit(path), procinfo.Units(path), path, known}
	if known {
		if len(n.places) >= maxPlaces {
			clear(n.places)
		}
		n.places[id] = at
	}
	return at
}

// cgroup is the path of a cgroup, also of one that is gone.
func (n *naming) cgroup(id uint64) string {
	if path, ok := n.kernel.CgroupPath(id); ok {
		return path
	}
	if n.tree != nil {
		if path, ok := n.tree.Path(id, time.Duration(n.monoNs())); ok {
			return path
		}
	}
	return fmt.Sprintf("cgroup-id:%d", id)
}

// free forgets a group that is gone.
func (n *naming) free(g bpf.Group) error {
	if n.byName() {
		return n.kernel.DeleteProcess(g)
	}
	return n.kernel.DeleteCgroup(g.ID)
}

// label is how people call a group.
func (n *naming) label(name string) string {
	who := n.who[name]
	switch {
	case who.cgroup != "":
		return who.cgroup
	case who.process.PID == 0 && who.process.Comm != "":
		return who.process.Comm
	case who.process.PID != 0:
		return fmt.Sprintf("%s[%d]", who.process.Comm, who.process.PID)
	case who.systemd.UserUnit != "":
		return who.systemd.UserUnit
	case who.systemd.Unit != "":
		return who.systemd.Unit
	}
	return ""
}

// removedCgroups are those whose path is kept, and which are gone. A cgroup can
// only be removed when it has no process.
func (n *naming) removedCgroups() (ids []uint64, err error) {
	err = n.kernel.EachCgroup(func(id uint64, path string) {
		if path != "" && !strings.HasPrefix(path, "/..") && n.removed(path, id) {
			ids = append(ids, id)
		}
	})
	return ids, err
}

// removed says whether a cgroup is gone, also when another one has its path now.
func (n *naming) removed(path string, id uint64) bool {
	if n.tree == nil {
		return false
	}
	now, err := n.tree.ID(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && now != id
}
