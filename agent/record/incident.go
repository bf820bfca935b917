package record

import "fmt"

// What became of an incident.
const (
	IncidentOpened  = "opened"
	IncidentUpdated = "updated" // more victims
	IncidentClosed  = "closed"  // no new ones for a while
)

// How many samples an Incident names. The slow records have the others.
const (
	IncidentPIDs  = 5
	IncidentFiles = 3
)

// Incident sums up many threads of one unit that are slow in the same system
// call at the same place. All its numbers are since its
// first call, the few with records of their own included.
type Incident struct {
	Header
	Severity       int        `json:"-"`  // syslog priority 0..7, of the worst call's rule
	ID             string     `json:"id"` // the same in all records of an incident, unique in a boot
	Change         string     `json:"change"`
	DurationNs     uint64     `json:"duration_ns"`               // from the begin of its first call to the end of its last
	Victims        uint64     `json:"victims"`                   // threads
	VictimsAtLeast bool       `json:"victims_at_least,omitzero"` // there are more than were kept in mind
	Stuck          uint64     `json:"stuck,omitzero"`            // of them, those whose call has not returned
	Calls          uint64     `json:"calls"`                     // that returned
	Folded         uint64     `json:"folded"`                    // calls and stuck calls that have no record of their own
	WorstNs        uint64     `json:"worst_ns"`                  // the longest call
	TotalNs        uint64     `json:"total_ns"`                  // of all calls together
	Syscall        Syscall    `json:"syscall"`
	Site           string     `json:"site,omitzero"`
	Class          string     `json:"class,omitzero"`         // as Wait.Class
	KernelStack    []string   `json:"kernel_stack,omitempty"` // of one of them
	Systemd        Systemd    `json:"systemd,omitzero"`
	Cgroup         string     `json:"cgroup,omitzero"`
	Container      Container  `json:"container,omitzero"`
	Kubernetes     Kubernetes `json:"k8s,omitzero"`
	PIDs           []uint32   `json:"pids,omitempty"`  // at most IncidentPIDs
	Files          []string   `json:"files,omitempty"` // distinct paths, at most IncidentFiles
}

// Event is EventIncident.
func (*Incident) Event() string { return EventIncident }

// Priority is that of the calls; that it is over is good news.
func (i *Incident) Priority() int {
	if i.Change == IncidentClosed {
		return max(i.Severity, 5)
	}
	return i.Severity
}

// Sentence reads like "incident: 500 threads of a.service slow in fsync in
// blkdev_issue_flush, worst 4.1 s".
func (i *Incident) Sentence() string {
	switch i.Change {
	case IncidentUpdated:
		return fmt.Sprintf("incident goes on for %s: %s", Human(i.DurationNs, 3), i.label())
	case IncidentClosed:
		return fmt.Sprintf("incident over after %s: %s, %d calls, %s in all",
			Human(i.DurationNs, 3), i.label(), i.Calls, Human(i.TotalNs, 3))
	}
	return "incident: " + i.label()
}

func (i *Incident) label() string {
	msg := counted(i.Victims, "thread")
	if place := i.place(); place != "" {
		msg += " of " + place
	}
	msg += " slow in " + i.Syscall.label()
	switch {
	case i.Site != "":
		msg += siteLabel(i.Site, i.Class)
	case i.Class == "CPU":
		msg += ", most of the time waiting for a CPU"
	}
	return msg + ", worst " + Human(i.WorstNs, 3)
}

func (i *Incident) place() string {
	if name := place(i.Container, i.Systemd); name != "" {
		return name
	}
	if i.Cgroup == "/" {
		return "the root cgroup"
	}
	return pathLabel(i.Cgroup)
}
