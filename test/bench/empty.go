package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// What tracers pay at least: every one of all system calls, one that only counts them,
// one of all waits, and one that tells who ended them.
var (
	callTracepoints   = []string{"sys_enter", "sys_exit"}
	endTracepoints    = []string{"sys_exit"}
	switchTracepoints = []string{"sched_switch"}
	waitTracepoints   = []string{"sched_switch", "sched_waking"}
)

// attachEmpties puts a BPF program that does nothing on each of these tracepoints.
func attachEmpties(tracepoints []string) func(context.Context, site) (attachment, error) {
	return func(ctx context.Context, _ site) (attachment, error) { return attachEmptyOnes(ctx, tracepoints) }
}

func attachEmptyOnes(ctx context.Context, tracepoints []string) (attachment, error) {
	var held []ebpf.ProgramID
	var closers []func() error
	closeAll := func() error {
		var errs []error
		for _, closer := range closers {
			errs = append(errs, closer())
		}
		return errors.Join(errs...)
	}
	for _, tracepoint := range tracepoints {
		program, pair, err := attachEmpty(tracepoint)
		if err != nil {
			return attachment{}, errors.Join(err, closeAll())
		}
		closers = append(closers, pair.Close, program.Close)
		info, err := program.Info()
		if err != nil {
			return attachment{}, errors.Join(fmt.Errorf("describe an empty program: %w", err), closeAll())
		}
		if id, ok := info.ID(); ok {
			held = append(held, id)
		}
	}
	return attachment{
		detach: func() error { return errors.Join(closeAll(), awaitGone(ctx, held)) },
		saw:    func() bool { return true },
	}, nil
}

func attachEmpty(tracepoint string) (*ebpf.Program, link.Link, error) {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name:         "bench_empty",
		Type:         ebpf.Tracing,
		AttachType:   ebpf.AttachTraceRawTp,
		AttachTo:     tracepoint,
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
		License:      "GPL",
	})
	if err != nil {
		return nil, nil, fmt.Errorf("load an empty program for %s: %w", tracepoint, err)
	}
	attached, err := link.AttachTracing(link.TracingOptions{Program: program})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("attach an empty program to %s: %w", tracepoint, err), program.Close())
	}
	return program, attached, nil
}
