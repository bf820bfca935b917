package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// targets are what a filter names, resolved. exits tells of each process that ends,
// once.
type targets struct {
	processes []*process
	children  bool       // their children too
	others    bpf.Filter // all but the processes
	exits     chan *process
	gone      chan struct{} // closed when nobody listens any more
	stale     bool          // the kernel side does not know all of them
}

// newTargets watches processes, which it owns from now on.
func newTargets(processes ...*process) *targets {
	t := &targets{exits: make(chan *process), gone: make(chan struct{})}
	for _, p := range processes {
		t.watch(p)
	}
	return t
}

// watch adds a process.
func (t *targets) watch(p *process) {
	t.processes = append(t.processes, p)
	go func() {
		if !p.waitExit() {
			return
		}
		select {
		case t.exits <- p:
		case <-t.gone:
		}
	}()
}

func (t *targets) close() {
	close(t.gone)
	closeAll(t.processes)
}

// drop forgets a process.
func (t *targets) drop(p *process) {
	t.processes = slices.DeleteFunc(t.processes, func(q *process) bool { return q == p })
	p.file.Close()
}

// living are the PIDs of the processes that have not ended, as far as we know.
func (t *targets) living() (pids []uint32) {
	for _, p := range t.processes {
		if !p.exited {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

// nobody is a name that no cgroup has: it is no name of a file.
const nobody = "/"

// kernelFilter is the filter as the kernel side takes it. Processes that have ended
// can be marked no more; without any other target they leave a filter that nothing
// passes, not one that everything passes.
func (t *targets) kernelFilter() bpf.Filter {
	f := t.others
	f.PIDFDs, f.Children = t.pidfds(), t.children
	if len(t.processes) > 0 && len(f.PIDFDs) == 0 && !t.haveOthers() {
		f.CgroupNames = []string{nobody}
	}
	return f
}

// haveOthers: something else than processes is named, and may get processes again.
func (t *targets) haveOthers() bool {
	return len(t.others.CgroupNames)+len(t.others.CgroupIDs)+len(t.others.Users)+len(t.others.Comms) > 0
}

// pidfds are those of the processes that can be marked.
func (t *targets) pidfds() (fds []int) {
	for _, p := range t.processes {
		if !hasExited(p.pidfd) {
			fds = append(fds, p.pidfd)
		}
	}
	return fds
}

// exited are the PIDs of the processes that were reported to have ended.
func (t *targets) exited() (pids []uint32) {
	for _, p := range t.processes {
		if p.exited {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

// haveEnded: nothing that the filter names can make a call any more.
func (t *targets) haveEnded() bool {
	return len(t.processes) > 0 && len(t.exited()) == len(t.processes) && !t.haveOthers()
}

// maxTargets bounds each list of a filter.
const maxTargets = 128

// resolve checks a filter and opens what it names.
func (a *Agent) resolve(f Filter) (_ *targets, err error) {
	if err := errors.Join(checkLengths(f), checkSyscalls(f.Syscalls), checkProcesses(f)); err != nil {
		return nil, err
	}
	others, err := a.resolveOthers(f)
	if err != nil {
		return nil, err
	}
	processes, err := holdAll(f.PIDs)
	if err != nil {
		return nil, ofKey("pids", err)
	}
	t := newTargets(processes...)
	t.others, t.children = others, f.Children
	if f.Children {
		a.holdOffspring(t)
	}
	return t, nil
}

func checkLengths(f Filter) error {
	for _, list := range []struct {
		name string
		n    int
	}{
		{"pids", len(f.PIDs)}, {"units", len(f.Units)}, {"cgroups", len(f.Cgroups)}, {"uids", len(f.UIDs)}, {"comms", len(f.Comms)},
		{"exclude_units", len(f.ExcludeUnits)}, {"exclude_comms", len(f.ExcludeComms)},
	} {
		if list.n > maxTargets {
			return refuse(ErrInvalid, "%s: %d entries; at most %d are allowed", list.name, list.n, maxTargets)
		}
	}
	return nil
}

// resolveOthers is all of the filter that the kernel side takes, but the processes.
func (a *Agent) resolveOthers(f Filter) (others bpf.Filter, err error) {
	others = bpf.Filter{Users: f.UIDs, Comms: f.Comms, ExcludedComms: f.ExcludeComms, Failed: f.Failed}
	if others.CgroupNames, err = unitCgroups(f.Units); err != nil {
		return bpf.Filter{}, err
	}
	if others.ExcludedCgroupNames, err = unitCgroups(f.ExcludeUnits); err != nil {
		return bpf.Filter{}, err
	}
	for _, path := range f.Cgroups {
		id, err := a.cgroupID(path)
		if err != nil {
			return bpf.Filter{}, ofKey("cgroups", err)
		}
		others.CgroupIDs = append(others.CgroupIDs, id)
	}
	for _, comm := range slices.Concat(f.Comms, f.ExcludeComms) {
		if err := policy.CheckComm(comm); err != nil {
			return bpf.Filter{}, refuse(ErrInvalid, "%v", err)
		}
	}
	for _, uid := range f.UIDs {
		if uid == noUser {
			return bpf.Filter{}, refuse(ErrInvalid, "uid %d is no user; give one from 0 to %d", uid, uint32(noUser-1))
		}
	}
	for _, name := range f.Errnos {
		errno, err := policy.ParseErrno(name)
		if err != nil {
			return bpf.Filter{}, refuse(ErrInvalid, "%v", err)
		}
		others.Errnos = append(others.Errnos, errno)
	}
	return others, nil
}

// noUser is the kernel's invalid user id (user_namespaces(7)).
const noUser = ^uint32(0)

// unitCgroups are the names that a unit's cgroup may have: systemd puts "_" before those
// that a file of a cgroup could have (CGROUP_DELEGATION.md).
func unitCgroups(units []string) (names []string, err error) {
	for _, unit := range units {
		if err := checkUnit(unit); err != nil {
			return nil, err
		}
		names = append(names, unit, "_"+unit)
	}
	return names, nil
}

// maxCalls bounds the names of a filter; the kernel has fewer calls.
const maxCalls = 1024

func checkSyscalls(names []string) error {
	if len(names) > maxCalls {
		return refuse(ErrInvalid, "syscalls: %d entries; at most %d are allowed", len(names), maxCalls)
	}
	if _, err := syscalls.Expand(names); err != nil {
		return refuse(ErrInvalid, "%v", err)
	}
	return nil
}

// checkProcesses: what is about processes needs some.
func checkProcesses(f Filter) error {
	if f.Children && len(f.PIDs) == 0 {
		return refuse(ErrInvalid, "children without pids: units and cgroups have them in any case")
	}
	switch f.OnExit {
	case "":
		return nil
	case OnExitKeep, OnExitClear, OnExitStop:
		if len(f.PIDs) > 0 {
			return nil
		}
		return refuse(ErrInvalid, "on_exit %q without pids: units and cgroups do not end", f.OnExit)
	}
	return refuse(ErrInvalid, "on_exit %.40q is unknown; give %q, %q or %q", f.OnExit, OnExitStop, OnExitClear, OnExitKeep)
}

// unitName is systemd's rule (systemd.unit(5)): at most 255 bytes, and the type as suffix.
var unitName = regexp.MustCompile(`^[A-Za-z0-9:_.\\@-]+\.(service|scope|slice|socket|mount|swap)$`)

func checkUnit(unit string) error {
	if len(unit) > 255 || !unitName.MatchString(unit) {
		return refuse(ErrInvalid, "%.60q is no name of a unit with processes; give one such as \"nginx.service\", "+
			"ending in .service, .scope, .slice, .socket, .mount or .swap", unit)
	}
	return nil
}

func (a *Agent) cgroupID(path string) (uint64, error) {
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "\x00") || len(path) > 4096 {
		return 0, refuse(ErrInvalid, "%.60q is no cgroup; give a path below the cgroup v2 mount such as \"/system.slice\"", path)
	}
	if a.env.Groups == nil {
		return 0, refuse(ErrNoSuchUnit, "there is no cgroup %.200q: no cgroup v2 hierarchy is mounted", path)
	}
	id, err := a.env.Groups.ID(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, refuse(ErrNoSuchUnit, "there is no cgroup %.200q", path)
	case err != nil:
		return 0, refuse(ErrNoSuchUnit, "%v", err)
	}
	return id, nil
}

// targetExited reports a target that has ended, and does what the filter wants then.
func (a *Agent) targetExited(p *process) {
	p.exited = true
	if p.offspring {
		a.targets.drop(p)
		if !a.targets.haveEnded() {
			return
		}
	}
	onExit := a.filter.OnExit
	if onExit == "" {
		onExit = OnExitKeep
	}
	detail := fmt.Sprintf("process %d", p.pid)
	if a.targets.haveEnded() {
		detail += fmt.Sprintf(", the last one: on_exit %s", onExit)
	}
	a.state(record.ChangeTargetExited, nil, detail)
	if !a.targets.haveEnded() {
		return
	}
	var err error
	switch onExit {
	case OnExitClear:
		err = a.setFilter(nil, Filter{})
	case OnExitStop:
		err = a.halt(nil)
	}
	if err != nil {
		a.env.Log.Error("do what on_exit says", "on_exit", string(onExit), "error", err)
	}
}

func recordFilter(f Filter) *record.Filter {
	if f.IsZero() {
		return nil
	}
	return &record.Filter{
		PIDs: f.PIDs, Units: f.Units, Cgroups: f.Cgroups, UIDs: f.UIDs, Comms: f.Comms, Syscalls: f.Syscalls,
		Children: f.Children, OnExit: string(f.OnExit),
		ExcludeUnits: f.ExcludeUnits, ExcludeComms: f.ExcludeComms, Failed: f.Failed, Errnos: f.Errnos,
	}
}
