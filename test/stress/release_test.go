package stress

import (
	"fmt"
	"testing"
)

// atLeast compares a kernel's release; one that cannot be read is an old one.
func atLeast(release string, major, minor int) bool {
	var x, y int
	if n, _ := fmt.Sscanf(release, "%d.%d", &x, &y); n != 2 {
		return false
	}
	return x > major || x == major && y >= minor
}

func TestReleases(t *testing.T) {
	for release, want := range map[string]bool{
		"7.2.0-1-amd64": true, "7.10.1": true, "8.0": true, "7.1.9": false, "6.18.44-fc": false, "": false, "x.y": false,
	} {
		if got := atLeast(release, 7, 2); got != want {
			t.Errorf("%q: %v, want %v", release, got, want)
		}
	}
}
