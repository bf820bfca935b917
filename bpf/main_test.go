package bpf

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// The tests run with the capabilities that the service has, and no other.
func TestMain(m *testing.M) {
	if bpftest.IsChild() {
		bpftest.RunChild()
	}
	if _, known := os.LookupEnv("SYSCOUNT_TEST_FUNCTIONS"); known {
		var err error
		if KernelTables, err = bpftest.ReadCallTables(); err != nil || len(KernelTables) == 0 {
			fmt.Fprintf(os.Stderr, "%d tables of system calls: %v\n", len(KernelTables), err)
			os.Exit(1)
		}
	}
	if err := bpftest.DropCapabilities(); err != nil {
		fmt.Fprintf(os.Stderr, "the tests of package bpf need root: %v\n", err)
		os.Exit(1)
	}
	once := sync.OnceValues(loadSyscount)
	readPrograms = func() (*ebpf.CollectionSpec, error) {
		spec, err := once()
		return spec.Copy(), err
	}
	types := typesOfKernel()
	defer runtime.KeepAlive(types)
	if isAgent() {
		runAgent()
	}
	before := openFDs()
	code := m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintf(os.Stderr, "close the tracers: %v\n", err)
		code = 1
	}
	if after := openFDs(); code == 0 && after > before {
		fmt.Fprintf(os.Stderr, "leaked %d file descriptors\n", after-before)
		code = 1
	}
	os.Exit(code)
}

func openFDs() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	n := 0
	for _, e := range entries {
		// The runtime opens its poller whenever it likes.
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && target != "anon_inode:[eventpoll]" &&
			target != "anon_inode:[eventfd]" {
			n++
		}
	}
	return n
}
