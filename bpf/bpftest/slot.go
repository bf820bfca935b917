package bpftest

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// batch is BATCH in slot.bpf.c.
const batch = 1024

// KernelSlots runs the kernel side's slot_of_ns(), in the kernel, for each
// duration.
func KernelSlots(durations []uint64) (slots []uint32, err error) {
	var objs slotObjects
	if err := loadSlotObjects(&objs, nil); err != nil {
		return nil, fmt.Errorf("load slot.bpf.c: %w", err)
	}
	defer objs.Close()
	for len(durations) > 0 {
		var in [batch]uint64
		var out [batch]uint32
		n := copy(in[:], durations)
		if err := objs.Durations.Set(in); err != nil {
			return nil, fmt.Errorf("set the durations: %w", err)
		}
		if _, err := objs.FindSlots.Run(&ebpf.RunOptions{}); err != nil {
			return nil, fmt.Errorf("run slot.bpf.c: %w", err)
		}
		if err := objs.Found.Get(&out); err != nil {
			return nil, fmt.Errorf("get the slots: %w", err)
		}
		slots, durations = append(slots, out[:n]...), durations[n:]
	}
	return slots, nil
}
