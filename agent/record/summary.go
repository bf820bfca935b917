package record

import "fmt"

// Summary is one row of an interval: the calls of one group to one syscall.
// The group is the one that [collect] group_by asks for: Systemd for a unit,
// Process for a process or a command name, Cgroup for a cgroup, none of them
// when calls are not grouped.
type Summary struct {
	Header
	IntervalNs uint64    `json:"interval_ns"`
	Final      bool      `json:"final,omitzero"` // of the last, shorter interval before a stop
	Systemd    Systemd   `json:"systemd,omitzero"`
	Process    Process   `json:"process,omitzero"`
	Cgroup     string    `json:"cgroup,omitzero"`
	Syscall    Syscall   `json:"syscall,omitzero"` // left out in the folded row
	Other      bool      `json:"other,omitzero"`   // the row that all rows below the top are folded into
	Count      uint64    `json:"count"`
	Errors     uint64    `json:"errors"`            // of Count, those that failed; restarts are not failures
	Sampled    int       `json:"sampled,omitzero"`  // one of so many calls was timed; what follows is scaled up from these
	Timed      uint64    `json:"timed,omitzero"`    // of Count, the calls that what follows is of, where it is not of all
	TotalNs    uint64    `json:"total_ns,omitzero"` // left out, like all below, when no call was timed
	MinNs      uint64    `json:"min_ns,omitzero"`
	MaxNs      uint64    `json:"max_ns,omitzero"`
	P50Ns      uint64    `json:"p50_ns,omitzero"` // quantiles are interpolated in the histogram
	P90Ns      uint64    `json:"p90_ns,omitzero"`
	P99Ns      uint64    `json:"p99_ns,omitzero"`
	P999Ns     uint64    `json:"p999_ns,omitzero"`
	Histogram  Histogram `json:"histogram,omitzero"`
}

// Histogram holds the durations, in nanoseconds, as an OpenTelemetry
// exponential histogram: Counts[i] is the number of values in
// (base^(Offset+i), base^(Offset+i+1)], base being 2^(2^-Scale). Histograms of
// several hosts and intervals can be added without error.
type Histogram struct {
	Scale  int      `json:"scale"`
	Offset int      `json:"offset"`
	Counts []uint64 `json:"counts"`
}

// Event is EventSummary.
func (*Summary) Event() string { return EventSummary }

// Priority is info.
func (*Summary) Priority() int { return 6 }

// Sentence reads like "nginx.service: 18231 read, 41.2 ms in all, p99 12.3 us".
func (s *Summary) Sentence() string {
	msg := fmt.Sprintf("%d %s", s.Count, s.what())
	switch {
	case s.Timed != 0:
		msg += fmt.Sprintf(", %d of them timed: %s in all", s.Timed, Human(s.TotalNs, 3))
	case s.TotalNs != 0:
		msg += fmt.Sprintf(", %s in all", Human(s.TotalNs, 3))
	}
	if s.P99Ns != 0 {
		msg += ", p99 " + Human(s.P99Ns, 3)
	}
	if group := s.group(); group != "" {
		return group + ": " + msg
	}
	return msg
}

func (s *Summary) what() string {
	if s.Syscall.Name == "" {
		return "calls"
	}
	return s.Syscall.label()
}

// group names the group; "" when calls are not grouped.
func (s *Summary) group() string {
	switch {
	case s.Systemd.UserUnit != "":
		return s.Systemd.UserUnit + " of " + s.Systemd.Unit
	case s.Systemd.Unit != "":
		return s.Systemd.Unit
	case s.Process.PID != 0 && s.Process.Comm == "":
		return fmt.Sprintf("process %d", s.Process.PID)
	case s.Process.PID != 0:
		return fmt.Sprintf("%s (%d)", s.Process.Comm, s.Process.PID)
	case s.Process.Comm != "":
		return s.Process.Comm
	case s.Cgroup != "":
		return s.Cgroup
	case s.Systemd.Slice != "":
		return s.Systemd.Slice
	case s.Other:
		return "all others"
	}
	return ""
}

// coarser returns the same values at half the resolution: OpenTelemetry's
// downscaling, which merges neighbours exactly.
func (h Histogram) coarser() Histogram {
	// An arithmetic shift rounds towards minus infinity, as the indices need.
	first := h.Offset >> 1
	merged := make([]uint64, (h.Offset+len(h.Counts)-1)>>1-first+1)
	for i, n := range h.Counts {
		merged[(h.Offset+i)>>1-first] += n
	}
	return Histogram{Scale: h.Scale - 1, Offset: first, Counts: merged}
}
