package record

import (
	"fmt"
	"strings"
)

// Scene is what is known around a call: who made it, where, on what, and where
// its time went.
type Scene struct {
	Process     Process    `json:"process"`
	Systemd     Systemd    `json:"systemd,omitzero"`
	Cgroup      string     `json:"cgroup,omitzero"` // cgroup v2 path, below the mount point
	Container   Container  `json:"container,omitzero"`
	Kubernetes  Kubernetes `json:"k8s,omitzero"`
	File        *File      `json:"file,omitzero"`          // what the descriptor of the call is
	To          *File      `json:"to,omitzero"`            // the second descriptor of copy_file_range, splice, sendfile
	Wait        *Wait      `json:"wait,omitzero"`          // nil when it is not known
	KernelStack []string   `json:"kernel_stack,omitempty"` // of the longest wait, innermost function first
	Pressure    *Pressure  `json:"pressure,omitzero"`      // on the cgroup, at the end of the call
}

// who names the process and the place where it runs.
func (s *Scene) who() string {
	name, inside := s.Process.Comm, []string{fmt.Sprint(s.Process.PID)}
	if name == "" {
		name, inside = fmt.Sprintf("process %d", s.Process.PID), nil
	}
	if place := place(s.Container, s.Systemd); place != "" {
		inside = append(inside, place)
	}
	if len(inside) == 0 {
		return name
	}
	return name + " (" + strings.Join(inside, ", ") + ")"
}

// on says what a call was on, with a space before it. What the kernel found
// behind the descriptor says more than the path that was asked for.
func (s *Scene) on(r *Request) string {
	switch {
	case s.File != nil && s.To != nil && strings.HasPrefix(r.Name, "sendfile"):
		return " from " + s.To.label() + " to " + s.File.label() // its first descriptor is the target
	case s.File != nil && s.To != nil:
		return " from " + s.File.label() + " to " + s.To.label()
	case s.File != nil:
		return " on " + s.File.label()
	case len(r.Paths) > 0:
		var labels []string
		for _, path := range r.Paths[:min(len(r.Paths), 2)] {
			labels = append(labels, pathLabel(path))
		}
		return " on " + strings.Join(labels, " and ")
	}
	return ""
}
