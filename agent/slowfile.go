package agent

import (
	"fmt"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// recordFile is what the descriptor of a call is; nil when it has none.
func recordFile(call *bpf.SlowCall) *record.File {
	switch traits := traitsOf(syscalls.Name(call.Syscall)); {
	case traits&bpf.TraitFDFirst != 0 && len(call.Args) > 0:
		return describeFile(descriptor(call.Args[0]), call.FDKind, call.File)
	case traits&bpf.TraitFDResult != 0 && call.Ret >= 0 && !call.Stuck:
		return describeFile(int32(call.Ret), call.FDKind, call.File)
	}
	return nil
}

// toArgs are the calls with a second descriptor, and the argument that it is
// (man 2 of each).
var toArgs = map[string]int{
	"copy_file_range": 2, "sendfile": 1, "sendfile64": 1, "splice": 2, "tee": 1,
}

// recordTo is what the second descriptor of a call is.
func recordTo(call *bpf.SlowCall) *record.File {
	arg, ok := toArgs[syscalls.Name(call.Syscall)]
	if !ok || call.To == nil || arg >= len(call.Args) {
		return nil
	}
	return describeFile(descriptor(call.Args[arg]), call.To.Kind, call.To)
}

// descriptor is an argument as the kernel reads a descriptor: its lower half.
func descriptor(arg uint64) int32 { return int32(uint32(arg)) }

// describeFile takes what is known; the file is nil when that is the kind only.
func describeFile(fd int32, kind bpf.FDKind, f *bpf.File) *record.File {
	if f == nil {
		return &record.File{FD: fd, Kind: kind.String()}
	}
	if f.Kind != 0 {
		kind = f.Kind
	}
	return &record.File{
		FD: fd, Kind: kind.String(), Path: f.Path, Deleted: f.Deleted, PathCut: f.Cut,
		Inode: f.Inode, Device: recordDevice(f), Socket: recordSocket(f.Socket),
	}
}

// recordDevice is "major:minor", from the kernel's dev_t. A file without device
// and inode is one that nothing is known of: 0:0 is no device.
func recordDevice(f *bpf.File) string {
	if f.Device == 0 {
		return ""
	}
	return fmt.Sprintf("%d:%d", f.Device>>20, f.Device&(1<<20-1))
}
