package kstack

import (
	"strings"
	"testing"
)

// A site must name what was waited for, so a class must not be told by a frame
// that can never be one, except a lock, which its taker names.
func TestEveryClassIsReached(t *testing.T) {
	seen := map[string]bool{}
	for _, list := range [][]kind{kinds, pages, vague} {
		for _, k := range list {
			for name := range k.in.exact {
				got := Read([]string{"__schedule", "schedule", name})
				seen[got.Class] = true
				if got.Class == "" {
					t.Errorf("%s alone has no class, want %q", name, k.class)
				}
			}
			for _, prefix := range k.in.prefixes {
				seen[Read([]string{"schedule", prefix}).Class] = true
			}
		}
	}
	for _, list := range [][]kind{kinds, pages, vague} {
		for _, k := range list {
			if !seen[k.class] {
				t.Errorf("class %q is hidden by others", k.class)
			}
		}
	}
}

// The sentence says "waiting for" before them.
func TestClassesReadWell(t *testing.T) {
	for _, list := range [][]kind{kinds, pages, vague} {
		for _, k := range list {
			if k.class != strings.TrimSpace(k.class) || len(k.class) > 24 || strings.Contains(k.class, "mutex") {
				t.Errorf("class %q", k.class)
			}
		}
	}
}
