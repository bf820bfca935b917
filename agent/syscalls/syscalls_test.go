package syscalls

import (
	"bufio"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"testing"

	"github.com/syscountd/syscountd/bpf"
)

func TestName(t *testing.T) {
	for _, tt := range []struct {
		abi  bpf.ABI
		nr   int32
		want string
	}{
		{bpf.ABIx8664, 0, "read"},
		{bpf.ABIx8664, 3, "close"},
		{bpf.ABIx8664, 4, "stat"},
		{bpf.ABIx8664, 262, "newfstatat"},
		{bpf.ABIx8664, 449, "futex_waitv"},
		{bpf.ABIi386, 3, "read"},
		{bpf.ABIi386, 4, "write"},
		{bpf.ABIi386, 140, "_llseek"},
		{bpf.ABIi386, 102, "socketcall"},
		{bpf.ABIx32, 0, "read"},
		{bpf.ABIx32, 13, "syscall_13"}, // 64-bit only: x32 has 512
		{bpf.ABIx32, 512, "rt_sigaction"},
		{bpf.ABIx32, 547, "pwritev2"},
		{bpf.ABIx32, 548, "syscall_548"},
		{bpf.ABIaarch64, 63, "read"},
		{bpf.ABIaarch64, 79, "newfstatat"},
		{bpf.ABIaarch64, 0, "io_setup"},
		{bpf.ABIaarch64, 244, "syscall_244"}, // the first of a range, not a call
		{bpf.ABIarm, 0, "restart_syscall"},
		{bpf.ABIarm, 3, "read"},
		{bpf.ABIarm, 341, "sync_file_range2"},
		{bpf.ABIx8664, bpf.NrUnknown, "unknown"},
		{bpf.ABIx8664, -2147483648, "unknown"},
		{bpf.ABIx8664, 999, "syscall_999"},
		{bpf.ABIx8664, 2147483647, "syscall_2147483647"},
		{bpf.ABIx8664, 400, "syscall_400"}, // a hole in the table
		{bpf.ABI(200), 3, "syscall_3"},
	} {
		if got := Name(bpf.Syscall{ABI: tt.abi, Nr: tt.nr}); got != tt.want {
			t.Errorf("%v %d is %q, want %q", tt.abi, tt.nr, got, tt.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	amd64 := NativeABIs("amd64")
	for _, tt := range []struct {
		name string
		abis []bpf.ABI
		want []bpf.Syscall
	}{
		{"read", amd64, []bpf.Syscall{{ABI: bpf.ABIx8664, Nr: 0}, {ABI: bpf.ABIi386, Nr: 3}, {ABI: bpf.ABIx32, Nr: 0}}},
		{"execve", amd64, []bpf.Syscall{{ABI: bpf.ABIx8664, Nr: 59}, {ABI: bpf.ABIi386, Nr: 11}, {ABI: bpf.ABIx32, Nr: 520}}},
		{"read", NativeABIs("arm64"), []bpf.Syscall{{ABI: bpf.ABIaarch64, Nr: 63}, {ABI: bpf.ABIarm, Nr: 3}}},
		{"_newselect", []bpf.ABI{bpf.ABIx8664}, nil},
		{"no_such_call", amd64, nil},
		{"read", nil, nil},
		{"", amd64, nil},
	} {
		if got := Numbers(tt.name, tt.abis); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("numbers of %q in %v: %v, want %v", tt.name, tt.abis, got, tt.want)
		}
	}
}

// Every number of every table leads back to itself through its name.
func TestNameAndNumbersAgree(t *testing.T) {
	for abi, names := range tables {
		seen := 0
		for nr, name := range names {
			sc := bpf.Syscall{ABI: bpf.ABI(abi), Nr: int32(nr)}
			if name == "" {
				continue
			}
			seen++
			if got := Numbers(name, []bpf.ABI{sc.ABI}); len(got) != 1 || got[0] != sc {
				t.Errorf("%v %d %s: back to %v", sc.ABI, nr, name, got)
			}
		}
		if seen < 300 {
			t.Errorf("%v has only %d names", bpf.ABI(abi), seen)
		}
	}
}

func TestNativeABIs(t *testing.T) {
	for arch, want := range map[string]bpf.ABI{"amd64": bpf.ABIx8664, "arm64": bpf.ABIaarch64} {
		if got := NativeABIs(arch); len(got) == 0 || got[0] != want {
			t.Errorf("%s: %v, want %v first", arch, got, want)
		}
	}
	if got := NativeABIs("riscv64"); got != nil {
		t.Errorf("riscv64: %v, want none", got)
	}
}

// The kernel's own headers, where they are installed, agree with the tables on
// every call that they have.
func TestTheKernelHeadersAgree(t *testing.T) {
	define := regexp.MustCompile(`^#define __NR_(\w+) \(?(?:__X32_SYSCALL_BIT \+ )?(\d+)\)?$`)
	for file, abi := range map[string]bpf.ABI{
		"unistd_64.h": bpf.ABIx8664, "unistd_32.h": bpf.ABIi386, "unistd_x32.h": bpf.ABIx32,
	} {
		f, err := os.Open("/usr/include/x86_64-linux-gnu/asm/" + file)
		if err != nil {
			t.Logf("not compared: %v", err)
			continue
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			m := define.FindStringSubmatch(lines.Text())
			if m == nil {
				continue
			}
			nr, _ := strconv.Atoi(m[2])
			if got := Name(bpf.Syscall{ABI: abi, Nr: int32(nr)}); got != m[1] {
				t.Errorf("%v %d is %q, the header says %q", abi, nr, got, m[1])
			}
		}
	}
}
