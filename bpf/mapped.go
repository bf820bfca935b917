package bpf

import (
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// mapped are the values of an array, in memory that is shared with the kernel side. The zero
// mapped has none.
type mapped[V any] struct {
	memory []byte
	values []V
}

// mapValues maps an array, which has to allow it (BPF_F_MMAPABLE); an element may have several values.
func mapValues[V any](m *ebpf.Map) (mapped[V], error) {
	bytes := int(m.MaxEntries()) * int(m.ValueSize())
	memory, err := unix.Mmap(m.FD(), 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return mapped[V]{}, fmt.Errorf("map the values of %s: %w", m, err)
	}
	var v V
	return mapped[V]{memory, unsafe.Slice((*V)(unsafe.Pointer(unsafe.SliceData(memory))), bytes/int(unsafe.Sizeof(v)))}, nil
}

func (m *mapped[V]) unmap() error {
	if m.memory == nil {
		return nil
	}
	err := unix.Munmap(m.memory)
	*m = mapped[V]{}
	if err != nil {
		return fmt.Errorf("unmap the values of an array: %w", err)
	}
	return nil
}
