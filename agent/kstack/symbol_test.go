package kstack

import (
	"strings"
	"testing"
)

func TestClean(t *testing.T) {
	tests := map[string]string{
		"do_fsync":                               "do_fsync",
		"do_fsync+0x38/0x70":                     "do_fsync",
		"[<0>] do_fsync+0x38/0x70":               "do_fsync",
		"[<ffffffff81234567>] do_fsync+0x3/0x7":  "do_fsync",
		" ? do_fsync+0x38/0x70":                  "do_fsync",
		"ext4_sync_file [ext4]":                  "ext4_sync_file",
		"ext4_sync_file+0x1/0x2 [ext4 deadbeef]": "ext4_sync_file",
		"__mutex_lock.constprop.0":               "__mutex_lock",
		"count.constprop.0.isra.0":               "count",
		"freeze_super.part.0":                    "freeze_super",
		"jbd2_log_wait_commit.cold":              "jbd2_log_wait_commit",
		"vfs_read.llvm.1234567890":               "vfs_read",
		"vfs_read.lto_priv.0":                    "vfs_read",
		"0xffffffff81234567":                     "0xffffffff81234567",
		"ffffffff81234567":                       "ffffffff81234567",
		"_RNvNtCs1_4core3fmt5write":              "_RNvNtCs1_4core3fmt5write",
		".part.0":                                ".part.0",
		"":                                       "",
		strings.Repeat("x", 200):                 strings.Repeat("x", 128),
		strings.Repeat("x", 127) + "é":           strings.Repeat("x", 127),
	}
	for in, want := range tests {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestUnknown(t *testing.T) {
	tests := map[string]bool{
		"": true, "0xffffffff81234567": true, "ffffffff81234567": true, "(null)": true, "(efault)": true,
		"do_fsync": false, "add": false, "dead_beef": false,
	}
	for in, want := range tests {
		if got := unknown(in); got != want {
			t.Errorf("unknown(%q) = %v", in, got)
		}
	}
}
