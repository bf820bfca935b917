package main

import (
	"os"
	"testing"

	"github.com/cilium/ebpf"
)

// noPID is above all that there can be.
const noPID = 1<<22 + 1

func TestCPUTimeIsOfAllThreads(t *testing.T) {
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan int)
	go func() {
		sum := 0
		for i := range 1_000_000 {
			sum += i * i
		}
		done <- sum
	}()
	<-done
	if after, err := cpuTime(os.Getpid()); err != nil || after <= before {
		t.Errorf("%v before the work and %v after, %v", before, after, err)
	}
	if used, err := cpuTime(noPID); err == nil {
		t.Errorf("nobody has used %v", used)
	}
}

func TestResidentMemoryIsInBytes(t *testing.T) {
	memory, err := residentMemory(os.Getpid())
	if err != nil || memory.now < 1<<20 || memory.now > 1<<32 || memory.peak < memory.now/2 {
		t.Errorf("%+v, %v", memory, err)
	}
	if _, err := residentMemory(noPID); err == nil {
		t.Error("nobody has memory")
	}
	if _, err := residentMemory(2); err == nil { // kthreadd
		t.Error("a thread of the kernel has memory of its own")
	}
}

func TestMapMemoryCountsEachMapOnce(t *testing.T) {
	needRoot(t)
	before := mapMemory(os.Getpid())
	spec := &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4096, MaxEntries: 256}
	m, err := ebpf.NewMap(spec)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	again, err := m.Clone()
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if grown := mapMemory(os.Getpid()) - before; grown < 1<<20 || grown >= 2<<20 {
		t.Errorf("a map of 1 MiB takes %d bytes", grown)
	}
}

func TestFieldOfAProcFile(t *testing.T) {
	for _, test := range []struct {
		text string
		want uint64
		ok   bool
	}{
		{"VmPeak:\t 99 kB\nVmRSS:\t  1234 kB\n", 1234, true},
		{"VmRSS:5", 5, true},
		{"NoVmRSS: 5\n", 0, false},
		{"VmRSS:\n", 0, false},
		{"VmRSS: many\n", 0, false},
		{"", 0, false},
	} {
		if got, ok := field(test.text, "VmRSS:"); got != test.want || ok != test.ok {
			t.Errorf("field(%q) = %d, %v", test.text, got, ok)
		}
	}
}
