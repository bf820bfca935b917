package agent

import (
	"github.com/syscountd/syscountd/agent/procinfo"
	"github.com/syscountd/syscountd/agent/record"
)

// pressure is that of a cgroup now; nil where the kernel does not tell.
func (a *Agent) pressure(cgroup string) *record.Pressure {
	if a.env.Groups == nil {
		return nil
	}
	p, ok := procinfo.ReadPressure(a.env.Groups.Mount(), cgroup)
	if !ok {
		return nil
	}
	return &record.Pressure{CPU: record.Percent(p.CPU), IO: record.Percent(p.IO), Memory: record.Percent(p.Memory)}
}
