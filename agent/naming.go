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

// naming says which groups of the kernel share a summary, as the cgroups of a unit do, and what
// it says of them. Of processes nothing is kept here: there may be tens of thousands in an
// interval, and the kernel side has their names, of which a few are asked for.
type naming struct {
	kernel  Kernel
	tree    *procinfo.CgroupTree // nil: no cgroup v2 is mounted
	boot    func() time.Time
	monoNs  func() uint64
	groupBy string
	as      map[bpf.Group]bpf.Group // of the running harvest: the one that stands for a group
	first   map[string]bpf.Group    // that was met under a name: the one that stands for all with it
	whose   map[bpf.Group]identity  // of those in first
	places  map[uint64]place        // of cgroups that slow calls came from
}

// identity is what a summary says of its group.
type identity struct {
	process record.Process
	systemd record.Systemd
	cgroup  string
}

func newNaming(kernel Kernel, env Env, groupBy string) *naming {
	n := &naming{kernel: kernel, tree: env.Groups, boot: env.Boot, monoNs: env.MonoNs, groupBy: groupBy, places: map[uint64]place{}}
	n.forget()
	return n
}

// forget forgets the last harvest's names.
func (n *naming) forget() {
	n.as, n.first, n.whose = map[bpf.Group]bpf.Group{}, map[string]bpf.Group{}, map[bpf.Group]identity{}
	clear(n.places)
}

// exited are the groups of which the kernel side says that they will make no call any more.
func (n *naming) exited() (map[bpf.Group]bool, error) {
	gone := map[bpf.Group]bool{}
	if !n.byName() {
		return gone, nil
	}
	return gone, n.kernel.EachProcess(func(g bpf.Group, p bpf.ProcessName) {
		if p.Exited {
			gone[g] = true
		}
	})
}

// byName: the kernel side keeps these groups' names with their rows.
func (n *naming) byName() bool { return n.groupBy == "process" || n.groupBy == "comm" }

// line is the group whose summaries have the rows of g; the zero group is that of all that have no row of their own.
func (n *naming) line(g bpf.Group) bpf.Group {
	if n.groupBy == "process" || g == (bpf.Group{}) {
		return g
	}
	as, ok := n.as[g]
	if !ok {
		as = n.learn(g)
		n.as[g] = as
	}
	return as
}

// learn finds the group that stands for g.
func (n *naming) learn(g bpf.Group) bpf.Group {
	name, who := n.identify(g)
	first, ok := n.first[name]
	if !ok {
		first = g
		n.first[name], n.whose[first] = first, who
	}
	return first
}

// identify is a name that groups share, and what it says.
func (n *naming) identify(g bpf.Group) (name string, who identity) {
	if n.groupBy == "comm" {
		p, ok := n.kernel.Process(g)
		if !ok {
			return fmt.Sprintf("\x00%d", g.ID), who // it shares with none
		}
		return p.Comm, identity{process: record.Process{Comm: p.Comm}}
	}
	path := n.cgroup(g.ID)
	where := procinfo.Unit(path)
	who = identity{systemd: record.Systemd{Unit: where.Unit, UserUnit: where.UserUnit, Slice: where.Slice}}
	if where.Unit == "" || n.groupBy == "cgroup" {
		who.cgroup = path
		return path, who
	}
	return where.Unit + "/" + where.UserUnit, who
}

// who is what there is to say of a line's group.
func (n *naming) who(line bpf.Group) identity {
	if n.groupBy != "process" || line == (bpf.Group{}) {
		return n.whose[line]
	}
	p, ok := n.kernel.Process(line)
	if !ok {
		return identity{process: record.Process{PID: line.PID}}
	}
	return identity{process: record.Process{
		PID: line.PID, Comm: p.Comm, User: &record.User{ID: p.UID}, StartTime: record.FormatTime(n.boot().Add(time.Duration(line.ID))),
	}}
}

// unit is the systemd unit of a line's group; "" when groups are of another kind.
func (n *naming) unit(line bpf.Group) string { return n.whose[line].systemd.Unit }

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

// label is how people call a line's group.
func (n *naming) label(line bpf.Group) string {
	who := n.who(line)
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
