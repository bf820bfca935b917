package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf"
)

// programs are the BPF programs that the kernel holds and that may be on a
// system call's way: by id, with their names.
type programs map[ebpf.ProgramID]string

// tracingPrograms asks the kernel (root).
func tracingPrograms() (programs, error) {
	found := make(programs)
	id := ebpf.ProgramID(0)
	for {
		next, err := ebpf.ProgramGetNextID(id)
		if errors.Is(err, os.ErrNotExist) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list BPF programs: %w", err)
		}
		id = next
		info, err := programInfo(id)
		if errors.Is(err, os.ErrNotExist) {
			continue // gone since it was listed
		}
		if err != nil {
			return nil, err
		}
		switch info.Type {
		case ebpf.Tracing, ebpf.TracePoint, ebpf.RawTracepoint, ebpf.RawTracepointWritable, ebpf.Kprobe, ebpf.PerfEvent:
			found[id] = info.Name
		}
	}
}

func programInfo(id ebpf.ProgramID) (*ebpf.ProgramInfo, error) {
	program, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return nil, fmt.Errorf("open BPF program %d: %w", id, err)
	}
	defer program.Close()
	info, err := program.Info()
	if err != nil {
		return nil, fmt.Errorf("describe BPF program %d: %w", id, err)
	}
	return info, nil
}

// since are those of p that before has not.
func (p programs) since(before programs) programs {
	fresh := make(programs)
	for id, name := range p {
		if _, old := before[id]; !old {
			fresh[id] = name
		}
	}
	return fresh
}

// heldPrograms are the programs that a process has file descriptors of, or of
// whose links it has. There are none of a process that is gone.
func heldPrograms(pid int) []ebpf.ProgramID {
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	var held []ebpf.ProgramID
	for _, path := range paths {
		if id, ok := programID(readText(path)); ok {
			held = append(held, id)
		}
	}
	return held
}

// programID is the prog_id in the fdinfo of a BPF program or link.
func programID(fdinfo string) (ebpf.ProgramID, bool) {
	for line := range strings.Lines(fdinfo) {
		if value, ok := strings.CutPrefix(line, "prog_id:"); ok {
			id, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
			return ebpf.ProgramID(id), err == nil && id > 0
		}
	}
	return 0, false
}

// awaitGone waits until the kernel has let go of the programs. They outlive
// their process by an RCU grace period or two, and the next subject must not be
// measured with them. The kernel does not tell of it: it has to be asked again
// and again.
func awaitGone(ctx context.Context, ids []ebpf.ProgramID) error {
	const patience, pause = 10 * time.Second, 5 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, id := range ids {
		for {
			info, err := programInfo(id)
			if errors.Is(err, os.ErrNotExist) {
				break
			}
			if err != nil {
				return err
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return fmt.Errorf("wait for BPF program %d (%s) to go: %w", id, info.Name, ctx.Err())
			}
		}
	}
	return nil
}
