package causes

import (
	"fmt"
	"testing"

	"github.com/syscountd/syscountd/test/foreground"
)

// policyFor observes a test's slice; the rest of the policy is the test's.
func policyFor(h *host, more string) string { return policyIn("account", h, more) }

// policyIn is policyFor for another mode.
func policyIn(mode string, h *host, more string) string {
	return fmt.Sprintf(`[collect]
mode = %q
group_by = "cgroup"
interval = "1h"
[filter]
cgroups = [%q]
[slow]
threshold = "never"
[limits]
records_per_second = 150
burst = 4000
%s`, mode, h.slice.Path(), more)
}

// stop ends the service, of which nothing may have been lost.
func stop(t testing.TB, s *foreground.Service) foreground.Records {
	t.Helper()
	got := s.Stop()
	got.WantNothingLost(t)
	return got
}
