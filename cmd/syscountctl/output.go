package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// show prints object with --json, and what text writes otherwise; all or nothing.
func (a *app) show(object any, text func(io.Writer)) error {
	var out bytes.Buffer
	if a.json {
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(object); err != nil {
			return fmt.Errorf("make JSON: %w", err)
		}
	} else {
		text(&out)
	}
	if _, err := out.WriteTo(a.stdout); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// notNil makes [] of null in JSON.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// humanNs prints a number of nanoseconds with three digits and the unit that
// fits: 999ns, 1.50us, 41.2ms, 3.90s, 86400s.
func humanNs(ns uint64) string {
	for _, unit := range []struct {
		ns   time.Duration
		name string
	}{{time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "us"}} {
		if ns < uint64(unit.ns) {
			continue
		}
		switch v := float64(ns) / float64(unit.ns); {
		case v < 9.995:
			return fmt.Sprintf("%.2f%s", v, unit.name)
		case v < 99.95:
			return fmt.Sprintf("%.1f%s", v, unit.name)
		default:
			return fmt.Sprintf("%.0f%s", v, unit.name)
		}
	}
	return fmt.Sprintf("%dns", ns)
}
