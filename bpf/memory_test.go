package bpf

import (
	"testing"
	"unsafe"
)

// The figures of docs/architecture.md.
func TestSizesAreThoseOfTheDocumentation(t *testing.T) {
	for name, size := range map[string][2]uintptr{
		"thread":      {unsafe.Sizeof(syscountThread{}), 552},
		"row":         {unsafe.Sizeof(syscountRow{}), 640},
		"near row":    {unsafe.Sizeof(syscountNearRow{}), 656},
		"row key":     {unsafe.Sizeof(syscountRowKey{}), 16},
		"cgroup path": {unsafe.Sizeof(syscountCgroupPath{}), 1288},
		"slow call":   {unsafe.Sizeof(syscountSlowCall{}), 4944},

		"slow call without names": {unsafe.Offsetof(syscountSlowCall{}.Names), 1360},
	} {
		if size[0] != size[1] {
			t.Errorf("a %s has %d bytes; docs/architecture.md says %d", name, size[0], size[1])
		}
	}
}
