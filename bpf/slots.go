package bpf

import "runtime"

// A slot is the index of an (ABI, number) in the kernel's tables: see enum
// slots in syscount.h.
const (
	nativeSlots = uint32(syscountSlotsNATIVE_SLOTS)
	compatSlots = uint32(syscountSlotsCOMPAT_SLOTS)
	x32Slots    = uint32(syscountSlotsX32SLOTS)
	allSlots    = uint32(syscountSlotsSYSCALL_SLOTS)
	tableSlots  = uint32(syscountSlotsTABLE_SLOTS)
)

// part is a run of slots that belongs to one ABI; its last slot takes the
// numbers out of range.
type part struct {
	abi         ABI
	first, size uint32
}

func partsOf(goarch string) []part {
	if goarch == "arm64" {
		return []part{{ABIaarch64, 0, nativeSlots}, {ABIarm, nativeSlots, compatSlots}}
	}
	return []part{
		{ABIx8664, 0, nativeSlots},
		{ABIi386, nativeSlots, compatSlots},
		{ABIx32, nativeSlots + compatSlots, x32Slots},
	}
}

var parts = partsOf(runtime.GOARCH)

// syscallOf is the call that a slot stands for; false for a slot that this
// architecture does not use.
func syscallOf(slot uint32) (Syscall, bool) {
	for _, p := range parts {
		if slot >= p.first && slot < p.first+p.size-1 {
			return Syscall{p.abi, int32(slot - p.first)}, true
		}
		if slot == p.first+p.size-1 {
			return Syscall{p.abi, NrUnknown}, true
		}
	}
	return Syscall{}, false
}

// slotOf is the inverse of syscallOf. Numbers out of range share a slot.
func slotOf(sc Syscall) (uint32, bool) {
	for _, p := range parts {
		if p.abi != sc.ABI {
			continue
		}
		if sc.Nr < 0 || uint32(sc.Nr) >= p.size-1 {
			return p.first + p.size - 1, true
		}
		return p.first + uint32(sc.Nr), true
	}
	return 0, false
}
