package agent

import (
	"github.com/syscountd/syscountd/agent/procinfo"
	"github.com/syscountd/syscountd/agent/record"
)

// pressure is that of a cgroup now, and of the host beside it: whether the unit
// has its own limits to blame, or suffers with all others. Nil where the kernel
// does not tell.
func (a *Agent) pressure(cgroup string) *record.Pressure {
	if a.env.Groups == nil {
		return nil
	}
	own := stall(a.env.Groups.Mount(), cgroup)
	if own == nil {
		return nil
	}
	p := &record.Pressure{Stall: *own}
	if cgroup != "/" {
		p.Host = stall(a.env.Groups.Mount(), "/")
	}
	return p
}

func stall(mount, cgroup string) *record.Stall {
	p, ok := procinfo.ReadPressure(mount, cgroup)
	if !ok {
		return nil
	}
	return &record.Stall{CPU: record.Percent(p.CPU), IO: record.Percent(p.IO), Memory: record.Percent(p.Memory)}
}
