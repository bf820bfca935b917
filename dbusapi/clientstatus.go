package dbusapi

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

// Status is all properties of the service.
type Status struct {
	Version  string
	OwnCPU   time.Duration   // that the service's process has used of all CPUs
	Features map[string]bool // of the kernel, by name
	agent.Status
}

// Status reads all properties at once. Thresholds are sorted by syscall.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var props map[string]dbus.Variant
	if err := c.send(ctx, propertiesInterface+".GetAll", Interface).Store(&props); err != nil {
		return Status{}, fromBus(err)
	}
	return statusFromBus(props)
}

// statusFromBus reads an answer of GetAll. What an older service does not have
// stays empty; a property of another type is an error.
func statusFromBus(props map[string]dbus.Variant) (Status, error) {
	r := propertyReader{props: props}
	st := Status{Version: value[string](&r, "Version")}
	st.State = value[string](&r, "State")
	st.Mode = value[string](&r, "Mode")
	st.Attachment = value[string](&r, "Attachment")
	filter := value[map[string]dbus.Variant](&r, "Filter")
	overrides := value[map[string]uint64](&r, "Thresholds")
	st.Policy = value[[]string](&r, "PolicyFiles")
	st.Interval = time.Duration(min(value[uint64](&r, "Interval"), maxUsec)) * time.Microsecond
	st.Counters = value[map[string]uint64](&r, "Counters")
	st.Sentence = value[string](&r, "StatusText")
	st.Sample, st.Auto = int(value[uint32](&r, "Sample")), value[bool](&r, "Auto")
	st.OwnCPU, st.Cost = costFromBus(value[map[string]uint64](&r, "OwnCPU"))
	st.Features = value[map[string]bool](&r, "KernelFeatures")
	if r.err != nil {
		return Status{}, r.err
	}
	for name, n := range overrides {
		d := time.Duration(min(n, maxUsec)) * time.Microsecond
		if syscall, unit, learned := strings.Cut(name, learnedOf); learned {
			st.Learned = append(st.Learned, agent.LearnedThreshold{Syscall: syscall, Unit: unit, Threshold: d})
			continue
		}
		st.Thresholds = append(st.Thresholds, agent.Threshold{Syscall: name, Threshold: d})
	}
	slices.SortFunc(st.Thresholds, func(a, b agent.Threshold) int { return strings.Compare(a.Syscall, b.Syscall) })
	slices.SortFunc(st.Learned, func(a, b agent.LearnedThreshold) int {
		return cmp.Or(strings.Compare(a.Unit, b.Unit), strings.Compare(a.Syscall, b.Syscall))
	})
	var err error
	st.Filter, err = filterFromBus(filter)
	return st, err
}

// propertyReader keeps the first error, so that reading is a list of lines.
type propertyReader struct {
	props map[string]dbus.Variant
	err   error
}

func value[T any](r *propertyReader, name string) T {
	v, present := r.props[name]
	typed, ok := v.Value().(T)
	if present && !ok && r.err == nil {
		r.err = fmt.Errorf("read property %s: type %q was not expected", name, v.Signature())
	}
	return typed
}
