package foreground

import (
	"bufio"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Ready starts a program of the tests that says "ready" in a line, and returns when it
// has, within a minute. It does not outlive the test process; ending it is the caller's.
func Ready(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	cmd.Stderr = os.Stderr
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pipe := out.(*os.File) // whose end of patience is the test's, not that of the whole run
	if err := pipe.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(pipe).ReadString('\n'); line != "ready\n" {
		t.Fatalf("%s said %q: %v", cmd.Path, line, err)
	}
}
