package bpf

import (
	"sync"
	"weak"

	"github.com/cilium/ebpf/btf"
)

var (
	typesMu sync.Mutex
	types   weak.Pointer[btf.Cache]
)

// typesOfKernel is the kernel's own type information, which takes 35 ms to read, and too much memory to keep: all who
// need it at the same time share it, and it is gone after the last of them.
func typesOfKernel() *btf.Cache {
	typesMu.Lock()
	defer typesMu.Unlock()
	if shared := types.Value(); shared != nil {
		return shared
	}
	cache := btf.NewCache()
	types = weak.Make(cache)
	return cache
}
