package bpf

import (
	"slices"
	"strings"
)

// entryPrefixes begin the names of the functions by which the kernel enters its calls:
// of each ABI, and of calls without arguments, whose other names are aliases that
// type information does not have (arch/x86/include/asm/syscall_wrapper.h,
// arch/arm64/include/asm/syscall_wrapper.h).
func entryPrefixes(goarch string) []string {
	if goarch == "arm64" {
		return []string{"__arm64_sys_", "__arm64_compat_sys_"}
	}
	return []string{
		"__x64_sys_", "__ia32_sys_", "__ia32_compat_sys_", "__x64_compat_sys_", "__do_sys_", "__do_compat_sys_",
	}
}

// renamed are the calls whose functions have names that entryNames does not make.
var renamed = map[string][]string{
	"_llseek":          {"llseek"},
	"_newselect":       {"select"},
	"arm_fadvise64_64": {"fadvise64_64"},
	"fadvise64":        {"fadvise64_64"},
	"mmap":             {"mmap_pgoff"},
	"mmap2":            {"mmap_pgoff"},
	"oldfstat":         {"fstat"},
	"oldlstat":         {"lstat"},
	"oldolduname":      {"olduname"},
	"oldstat":          {"stat"},
	"olduname":         {"uname"},
	"personality":      {"arm64_personality"},
	"preadv2":          {"preadv64v2"},
	"pwritev2":         {"pwritev64v2"},
	"ugetrlimit":       {"getrlimit"},
	"umount2":          {"umount"},
}

// entryNames are the names that a call's function may have, without their prefix:
// older and newer variants of a call, and those of 32-bit ABIs
// (arch/x86/entry/syscalls/*.tbl, arch/arm64/tools/syscall_32.tbl). One too many
// does no harm: the programs look at the number.
func entryNames(name string) []string {
	stems := append([]string{name}, renamed[name]...)
	for _, suffix := range []string{"_time64", "64", "32"} {
		if stem, found := strings.CutSuffix(name, suffix); found {
			stems = append(stems, stem)
		}
	}
	var names []string
	for _, stem := range stems {
		names = append(names, stem, "new"+stem, "old"+stem, "old_"+stem, "ia32_"+stem, "x32_"+stem, "aarch32_"+stem,
			stem+"16", stem+"32", stem+"64", stem+"_time32", stem+"_time64")
	}
	return names
}

// entryPoints are the functions by which a kernel that has some enters the calls of
// that name, in all ABIs.
func entryPoints(goarch, name string, has func(function string) bool) (functions []string) {
	names := entryNames(name)
	for _, prefix := range entryPrefixes(goarch) {
		for _, n := range names {
			if function := prefix + n; has(function) && !slices.Contains(functions, function) {
				functions = append(functions, function)
			}
		}
	}
	return functions
}
