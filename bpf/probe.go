package bpf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/features"
	"golang.org/x/sys/unix"
)

// Probe says in one sentence why this kernel cannot run us, before anything is
// loaded: an error that wraps ErrNotSupported or ErrPermission, or nil.
func Probe() error {
	if err := kernelTypes().err; err != nil {
		return fmt.Errorf("%w: Linux %s has no type information (BTF) at /sys/kernel/btf/vmlinux; "+
			"a kernel built with CONFIG_DEBUG_INFO_BTF=y is needed, which Debian, Ubuntu and Fedora have since Linux 5.10: %w",
			ErrNotSupported, release(), err)
	}
	for _, need := range []struct {
		mapType ebpf.MapType
		what    string
		since   string
	}{
		{ebpf.RingBuf, "BPF ring buffers", "5.8"},
		{ebpf.TaskStorage, "BPF task-local storage", "5.11"},
	} {
		if err := features.HaveMapType(need.mapType); err != nil {
			return explainProbe(err, need.what, need.since)
		}
	}
	if err := features.HaveProgramType(ebpf.Syscall); err != nil {
		return explainProbe(err, "BPF programs of type syscall", "5.14")
	}
	return nil
}

// HasTaskWork says whether this kernel can run ModeWatch.
func HasTaskWork() bool { return kernelTypes().taskWork != syscountTaskWorkTASK_WORK_NONE }

// needTaskWork says in one sentence why this kernel cannot run ModeWatch.
func needTaskWork() error {
	if HasTaskWork() {
		return nil
	}
	return fmt.Errorf("%w: mode watch needs BPF task work (bpf_task_work_schedule_resume), which came with Linux 6.18; Linux %s has none: "+
		"use mode account or count", ErrNotSupported, release())
}

func explainProbe(err error, what, since string) error {
	switch {
	case errors.Is(err, ebpf.ErrNotSupported):
		return fmt.Errorf("%w: Linux %s has no %s, which came with Linux %s; syscountd needs Linux 5.15 or newer",
			ErrNotSupported, release(), what, since)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: probe %s: %w", ErrPermission, what, err)
	}
	return fmt.Errorf("probe %s: %w", what, err)
}

// release is the kernel's release as uname(2) gives it.
func release() string {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return "(unknown release)"
	}
	return unix.ByteSliceToString(uts.Release[:])
}

// explainLoad turns a refusal at load or attach into a sentence with its cause.
func explainLoad(doing string, err error) error {
	var verifier *ebpf.VerifierError
	switch {
	case errors.As(err, &verifier):
		return fmt.Errorf("%w: %s: the verifier of Linux %s refused: %w", ErrNotSupported, doing, release(), err)
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, btf.ErrNotFound):
		return fmt.Errorf("%w: %s on Linux %s: %w", ErrNotSupported, doing, release(), err)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w: %s: %w", ErrPermission, doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// runsPreemptibly: since Linux 7.2 programs on the tracepoints of system calls
// may be preempted (kernel/trace/bpf_trace.c).
func runsPreemptibly(release string) bool { return isSince(release, 7, 2) }

// isSince: the release is that version or a newer one. What has none is older.
func isSince(release string, major, minor int) bool {
	var itsMajor, itsMinor int
	if n, err := fmt.Sscanf(release, "%d.%d", &itsMajor, &itsMinor); n != 2 || err != nil {
		return false
	}
	return itsMajor > major || itsMajor == major && itsMinor >= minor
}
