package syscalls

import (
	"errors"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	for _, tt := range []struct {
		give []string
		want []string
	}{
		{nil, []string{}},
		{[]string{"write", "read", "write"}, []string{"read", "write"}},
		{[]string{"@sync"}, []string{"fdatasync", "fsync", "msync", "sync", "sync_file_range", "sync_file_range2", "syncfs"}},
		{[]string{"@swap", "swapon", "read"}, []string{"read", "swapoff", "swapon"}},
		// s390_pci_mmio_read and its like are in the text and in no ABI of ours.
		{[]string{"@raw-io"}, []string{"ioperm", "iopl", "pciconfig_iobase", "pciconfig_read", "pciconfig_write"}},
	} {
		got, err := Expand(tt.give)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v: %v, %v; want %v", tt.give, got, err, tt.want)
		}
	}
}

func TestExpandFollowsNestedGroups(t *testing.T) {
	got, err := Expand([]string{"@privileged"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bpf", "chown", "reboot", "swapoff"} {
		if !slices.Contains(got, name) {
			t.Errorf("@privileged lacks %s", name)
		}
	}
}

func TestExpandRefusesWhatNobodyKnows(t *testing.T) {
	for _, tt := range []struct{ name, suggestion, sentence string }{
		{"fdatasink", "fdatasync", `unknown syscall "fdatasink"; did you mean "fdatasync"?`},
		{"@sink", "@sync", `unknown group "@sink"; did you mean "@sync"?`},
		{"sys_read", "read", `unknown syscall "sys_read"; did you mean "read"?`},
		{"__x64_sys_openat", "openat", `unknown syscall "__x64_sys_openat"; did you mean "openat"?`},
		{"READ", "read", `unknown syscall "READ"; did you mean "read"?`},
		{"sync@", "sync", `unknown syscall "sync@"; did you mean "sync"?`},
		{"", "", `unknown syscall ""`},
		{"@", "", `unknown group "@"`},
		{"syscall_999", "", `unknown syscall "syscall_999"`},
		{"a\nb\x1b[31m", "", `unknown syscall "a\nb\x1b[31m"`},
		{strings.Repeat("x", 1000), "", `unknown syscall "` + strings.Repeat("x", 40) + `..."`},
	} {
		_, err := Expand([]string{"read", tt.name})
		var unknown *UnknownError
		if !errors.As(err, &unknown) {
			t.Errorf("%.40q: error is %v", tt.name, err)
			continue
		}
		if unknown.Name != tt.name || unknown.Suggestion != tt.suggestion || err.Error() != tt.sentence {
			t.Errorf("%.40q: %q suggests %q, want %q and %q", tt.name, err, unknown.Suggestion, tt.sentence, tt.suggestion)
		}
	}
}

// systemd's text has no group that holds itself; a later one must not hang us.
func TestGroupsThatHoldEachOther(t *testing.T) {
	raw := parseGroups("@a\n    @b\n    read\n@b\n    @a # again\n    # a comment\n    write\n")
	set := map[string]bool{}
	collect(raw, "@a", set, map[string]bool{})
	if want := (map[string]bool{"read": true, "write": true}); !reflect.DeepEqual(set, want) {
		t.Errorf("members are %v", set)
	}
}

func TestIn(t *testing.T) {
	for _, tt := range []struct {
		group, name string
		want        bool
	}{
		{Wait, "epoll_wait", true},
		{Wait, "futex", true},
		{Wait, "read", false},
		{Wait, "fsync", false},
		{Wait, "vfork", false},
		{FDWait, "read", true},
		{FDWait, "fsync", false},
		{"@storage", "fdatasync", true}, // by way of @sync
		{"@storage", "futex", false},
		{"@known", "listns", true},
		{"@nothing", "read", false},
	} {
		if got := In(tt.group, tt.name); got != tt.want {
			t.Errorf("%s has %s: %v, want %v", tt.group, tt.name, got, tt.want)
		}
	}
}

// What always waits needs no look at its fd, and what is storage does not wait.
func TestOurGroupsDoNotContradictEachOther(t *testing.T) {
	for _, name := range groups()[Wait] {
		if In(FDWait, name) {
			t.Errorf("%s is in @wait and in @fdwait", name)
		}
		if In("@storage", name) {
			t.Errorf("%s is in @wait and in @storage", name)
		}
	}
}

// A typing error in our own groups would silently leave a call out.
func TestEveryMemberOfOurGroupsIsACall(t *testing.T) {
	raw := parseGroups(groupsText)
	for _, g := range []string{Wait, FDWait, "@storage"} {
		if len(raw[g]) == 0 {
			t.Errorf("%s is empty", g)
		}
		for _, member := range raw[g] {
			if !Known(member) && raw[member] == nil {
				t.Errorf("%s names %s, which is no call", g, member)
			}
		}
	}
}

// Calls that return in two sizes of time have both, so that a 32-bit program
// on a kernel with 64-bit time waits as well.
func TestTheTime64FormsAreInTheGroupsOfTheirCalls(t *testing.T) {
	for _, g := range []string{Wait, FDWait, "@storage"} {
		for _, name := range groups()[known] {
			base, isForm := strings.CutSuffix(name, "_time64")
			if isForm && In(g, base) != In(g, name) {
				t.Errorf("%s has %s: %v, %s: %v", g, base, In(g, base), name, In(g, name))
			}
		}
	}
}

func TestGroupsAreSorted(t *testing.T) {
	got := Groups()
	if !slices.IsSorted(got) || !slices.Contains(got, "@known") || !slices.Contains(got, Wait) || len(got) < 25 {
		t.Errorf("groups are %v", got)
	}
}

// The groups in the file are systemd's, where the systemd they were taken from is installed.
func TestGroupsAreThoseOfSystemd(t *testing.T) {
	version, err := exec.Command("systemd-analyze", "--version").Output()
	if err != nil || !strings.HasPrefix(string(version), "systemd 252 ") {
		t.Logf("not compared: %.20q is not systemd 252 (%v)", version, err)
		return
	}
	out, err := exec.Command("systemd-analyze", "syscall-filter", "--no-pager").Output()
	if err != nil {
		t.Fatalf("systemd-analyze syscall-filter: %v", err)
	}
	want := parseGroups(string(out))
	delete(want, known)
	got := parseGroups(groupsText)
	for _, ours := range []string{Wait, FDWait, "@storage"} {
		delete(got, ours)
	}
	if len(want) < 20 {
		t.Fatalf("systemd-analyze printed only %d groups", len(want))
	}
	for g := range want {
		if !slices.Equal(got[g], want[g]) {
			t.Errorf("%s is %v, systemd's is %v", g, got[g], want[g])
		}
	}
	for g := range got {
		if want[g] == nil {
			t.Errorf("systemd has no group %s", g)
		}
	}
}

func TestSuggest(t *testing.T) {
	words := []string{"interval", "threshold", "top", "units"}
	for _, tt := range []struct{ give, want string }{
		{"treshold", "threshold"},
		{"unit", "units"},
		{"Interval", "interval"},
		{"tpo", "top"},
		{"otp", "top"},
		{"pot", ""},
		{"tops", "top"},
		{"xyz", ""},
		{"", ""},
		{strings.Repeat("threshold", 100000), ""},
		{"thr\xffshold", "threshold"},
	} {
		if got := Suggest(tt.give, words); got != tt.want {
			t.Errorf("%.30q: %q, want %q", tt.give, got, tt.want)
		}
	}
}
