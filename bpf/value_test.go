package bpf

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// processStart is field 22 of /proc/PID/stat, in units of 10 ms.
func processStart(t *testing.T, pid int) (ticks uint64, err error) {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	return strconv.ParseUint(fields[19], 10, 64)
}

func TestSlotsAndSyscallsAreInverse(t *testing.T) {
	for _, goarch := range []string{"amd64", "arm64"} {
		saved := parts
		parts = partsOf(goarch)
		t.Cleanup(func() { parts = saved })
		known := 0
		for slot := range allSlots {
			sc, ok := syscallOf(slot)
			if !ok {
				continue
			}
			known++
			if back, ok := slotOf(sc); !ok || back != slot {
				t.Errorf("%s: slot %d is %v, which is slot %d", goarch, slot, sc, back)
			}
		}
		if want := map[string]int{"amd64": 1600, "arm64": 1024}[goarch]; known != want {
			t.Errorf("%s: %d slots in use, want %d", goarch, known, want)
		}
	}
}

func TestSyscallOfKnownSlots(t *testing.T) {
	saved := parts
	defer func() { parts = saved }()
	parts = partsOf("amd64")
	for slot, want := range map[uint32]Syscall{
		0: {ABIx8664, 0}, 39: {ABIx8664, 39}, 511: {ABIx8664, NrUnknown},
		512 + 3: {ABIi386, 3}, 1023: {ABIi386, NrUnknown},
		1024 + 512: {ABIx32, 512}, 1599: {ABIx32, NrUnknown},
	} {
		if got, ok := syscallOf(slot); !ok || got != want {
			t.Errorf("slot %d is %v, %v; want %v", slot, got, ok, want)
		}
	}
	if sc, ok := syscallOf(allSlots); ok {
		t.Errorf("slot %d is %v; want none", allSlots, sc)
	}
}

func TestNamesOfCgroupsAreJoinedFromTheRoot(t *testing.T) {
	for names, want := range map[string]string{
		"":                                      "/",
		"a.service\x00":                         "/a.service",
		"leaf\x00a.service\x00system.slice\x00": "/system.slice/a.service/leaf",
	} {
		if got := joinNames([]byte(names)); got != want {
			t.Errorf("%q gives %q, want %q", names, got, want)
		}
	}
}

func TestNamesOfABIsAndKinds(t *testing.T) {
	for abi, want := range map[ABI]string{ABIx8664: "x86_64", ABIi386: "i386", ABIx32: "x32", ABIaarch64: "aarch64", ABIarm: "arm", 99: "unknown"} {
		if abi.String() != want {
			t.Errorf("ABI %d is %q, want %q", abi, abi, want)
		}
	}
	for kind, want := range map[FDKind]string{
		FDKind(syscountFdKindFD_NONE): "", FDKind(syscountFdKindFD_FILE): "file", FDKind(syscountFdKindFD_DIR): "dir",
		FDKind(syscountFdKindFD_BLOCK): "block", FDKind(syscountFdKindFD_CHAR): "char", FDKind(syscountFdKindFD_TTY): "tty",
		FDKind(syscountFdKindFD_PIPE): "pipe", FDKind(syscountFdKindFD_SOCKET): "socket", FDKind(syscountFdKindFD_ANON): "anon", FDKind(syscountFdKindFD_PSEUDO): "pseudo", 200: "",
	} {
		if kind.String() != want {
			t.Errorf("kind %d is %q, want %q", kind, kind.String(), want)
		}
	}
}

func TestASampleOfAnotherSizeIsRefused(t *testing.T) {
	if call, err := (&Tracer{}).slowCallOf(make([]byte, 8)); err == nil {
		t.Errorf("8 bytes give %+v", call)
	}
}

func TestReleasesThatPreemptPrograms(t *testing.T) {
	for release, want := range map[string]bool{
		"5.15.0": false, "6.18.44-fc": false, "7.1.9": false, "7.2.0-rc1": true, "7.3.1+deb14": true, "7.10.0": true, "10.0.0": true, "": false, "x.y": false,
	} {
		if got := runsPreemptibly(release); got != want {
			t.Errorf("%q: %v, want %v", release, got, want)
		}
	}
}
