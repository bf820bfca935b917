package kernels

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// machineTimeout is for a machine from its start to its end. testTimeout, for the
// tests in it, comes first: then Go prints where each goroutine is.
const (
	machineTimeout = 18 * time.Minute
	testTimeout    = 16 * time.Minute
)

// clockCounts makes the machine's clock count its instructions, one for a nanosecond; while it
// has nothing to run, its time is skipped.
var clockCounts = []string{"-icount", "shift=0,sleep=off"}

// boot boots a machine, and gives what it has printed on its console until it
// powered itself off. On an error that may be less than all. More are arguments for
// QEMU.
//
// A single thread emulates all CPUs: with one for each, attaching to a
// tracepoint, which patches code under a running CPU, now and then panics an
// x86 kernel with a stray int3.
func (k kernel) boot(ctx context.Context, image, initramfs string, more ...string) (console string, err error) {
	ctx, cancel := context.WithTimeout(ctx, machineTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, k.arch.qemu, append(more,
		"-machine", k.arch.machine, "-cpu", k.cpu, "-accel", "tcg,thread=single", "-smp", "2", "-m", "1024",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-kernel", image, "-initrd", initramfs,
		// A panic ends the machine: it reboots, which -no-reboot turns into an end. Nobody
		// attacks it, and unmapping the kernel at each system call empties the emulator's
		// caches.
		"-append", "console="+k.arch.console+" panic=-1 mitigations=off")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A test run that is killed takes its machines along. The signal comes at the
	// end of the thread that has started qemu, which therefore has to stay.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	if ctx.Err() != nil {
		err = errors.Join(fmt.Errorf("killed after %v", machineTimeout), err)
	}
	if err != nil {
		return stdout.String(), fmt.Errorf("%s: %w: %s", k.arch.qemu, err, stderr.Bytes())
	}
	return stdout.String(), nil
}
