package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// The committed table is what the generator makes from the module in go.mod.
func TestTheCommittedTableIsUpToDate(t *testing.T) {
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../ztable.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("ztable.go is not what the generator makes; run: go generate ./agent/syscalls")
	}
}

func TestParse(t *testing.T) {
	got, err := parse("const (\n\tSYS_READ   = 0\n\tSYS__LLSEEK = 140\n\tSYS_SYSCALL_MASK = 0\n\tSYS_ARM_SYNC_FILE_RANGE = 341\n)\n")
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]string{0: "read", 140: "_llseek", 341: "sync_file_range2"}
	if len(got) != len(want) {
		t.Errorf("parse gave %v, want %v", got, want)
	}
	for nr, name := range want {
		if got[nr] != name {
			t.Errorf("number %d is %q, want %q", nr, got[nr], name)
		}
	}
}

func TestParseRefusesANumberWithTwoNames(t *testing.T) {
	_, err := parse("\tSYS_READ = 3\n\tSYS_CLOSE = 3\n")
	if err == nil || !strings.Contains(err.Error(), "number 3 is both read and close") {
		t.Errorf("error is %v", err)
	}
}

func TestX32Table(t *testing.T) {
	got := x32Table(map[int]string{0: "read", 13: "rt_sigaction", 134: "uselib"})
	for nr, want := range map[int]string{0: "read", 13: "", 134: "", 512: "rt_sigaction", 520: "execve", 547: "pwritev2", 548: ""} {
		if got[nr] != want {
			t.Errorf("x32 %d is %q, want %q", nr, got[nr], want)
		}
	}
}
