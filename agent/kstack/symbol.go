package kstack

import "strings"

// maxSymbol bounds a name, in bytes. The kernel's own bound is 512
// (KSYM_NAME_LEN), for mangled names of Rust; those of C are shorter than this.
const maxSymbol = 128

// suffixes are what compilers add to the name of a function that they cloned,
// split or moved. What follows them is a number or another suffix.
var suffixes = []string{".isra", ".constprop", ".part", ".cold", ".llvm", ".lto_priv", ".localalias", ".cfi", ".clone"}

// Clean gives the name in a line of a kernel stack: "ext4_sync_file" for
// "[<0>] ext4_sync_file.part.0+0x10/0x20 [ext4]". An address stays as it is.
func Clean(symbol string) string {
	s := strings.TrimSpace(symbol)
	if strings.HasPrefix(s, "[<") { // /proc/PID/stack
		_, s, _ = strings.Cut(s, ">]")
	}
	s = strings.TrimSpace(s)
	s = strings.TrimSpace(strings.TrimPrefix(s, "? ")) // a frame that the kernel's log is not sure of
	s, _, _ = strings.Cut(s, " ")                      // the module
	s, _, _ = strings.Cut(s, "+0x")
	for _, suffix := range suffixes {
		if at := strings.Index(s, suffix); at > 0 {
			s = s[:at]
		}
	}
	if len(s) > maxSymbol {
		s = strings.ToValidUTF8(s[:maxSymbol], "")
	}
	return s
}

// unknown says whether a frame has no name: it is an address, or what the
// kernel prints in place of one, "(null)" or "(efault)".
func unknown(frame string) bool {
	if frame == "" || frame[0] == '(' || strings.HasPrefix(frame, "0x") {
		return true
	}
	// Kernel addresses are 16 digits; names of hex digits alone, such as "add",
	// are shorter.
	return len(frame) >= 8 && strings.Trim(frame, "0123456789abcdefABCDEF") == ""
}
