// Command init is PID 1 of the virtual machines of the kernel tests. It mounts
// what a Linux system has mounted, carries out the plan of package guest,
// reports on the console, and powers the machine off.
package main

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "plan" {
		if err := carryOut(os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "init: carry out the plan:", err)
			os.Exit(1)
		}
		return
	}
	if err := boot(); err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
	}
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Fprintln(os.Stderr, "init: power off:", err)
	}
}

func boot() error {
	if err := mountAll(); err != nil {
		return err
	}
	// From here on the console is ours: of the kernel's messages only a panic
	// and an oops still get there (printk in proc(5)). A warning taints the
	// kernel, which the runner of the plan notices.
	if err := os.WriteFile("/proc/sys/kernel/printk", []byte("1"), 0); err != nil {
		return fmt.Errorf("quiet the kernel: %w", err)
	}
	cmd := exec.Command("/proc/self/exe", "plan")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = []string{"PATH=/bin", "HOME=/", "TMPDIR=/tmp"}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the plan: %w", err)
	}
	return reapUntil(cmd.Process.Pid)
}

// reapUntil reaps orphans, as PID 1 has to, until a process has ended. The plan
// is a process of its own because its commands must not be reaped here.
func reapUntil(last int) error {
	for {
		pid, err := unix.Wait4(-1, nil, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("wait for children: %w", err)
		case pid == last:
			return nil
		}
	}
}
