// Package budget puts real load on this host, and wants mode auto to go down the ladder for it and
// up again; and it holds what the service says that it costs against what a loop sees.
//
// Without a word it takes a minute. The long run, and the comparison, on a machine that does nothing else, are
//
//	SYSCOUNT_BUDGET=10m go test -count=1 -timeout 30m -v ./test/budget
//	go test -count=1 -tags outside -timeout 10m -v ./test/budget -run Loop
package budget

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/test/foreground"
)

const (
	budgetVariable = "SYSCOUNT_BUDGET" // how long the load varies, e.g. "10m"
	spinVariable   = "SYSCOUNT_BUDGET_SPIN"
)

// TestMain is also the load: a process that makes calls and nothing else.
func TestMain(m *testing.M) {
	if os.Getenv(spinVariable) != "" {
		spin()
	}
	os.Exit(m.Run())
}

// spin makes the cheapest call until it is killed.
func spin() {
	runtime.LockOSThread()
	for {
		_, _, _ = syscall.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
	}
}

// longRun is how long the load is to vary; 0: this is the short run.
func longRun(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(budgetVariable)
	if text == "" {
		return 0
	}
	window, err := time.ParseDuration(text)
	if err != nil || window < time.Minute {
		t.Fatalf("%s=%s is no time of a minute or more; give one such as 10m", budgetVariable, text)
	}
	return window
}

// needRoot: a test that passes because it could not look is worse than none.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("the tests of the budget load BPF programs: run them as root")
	}
}

// load makes calls on so many CPUs, until the function that it returns is called.
func load(t *testing.T, cpus int) (stop func()) {
	t.Helper()
	var running []*exec.Cmd
	stop = func() {
		for _, cmd := range running {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		running = nil
	}
	t.Cleanup(func() { stop() })
	for range cpus {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), spinVariable+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	return stop
}

// start runs the service in some mode. Nothing is slow: this is about the cost.
func start(t *testing.T, binary, mode string, sample int, interval time.Duration, cpuBudget string) *foreground.Service {
	t.Helper()
	return foreground.Start(t, binary, fmt.Sprintf(`rule = []
[collect]
mode = %q
sample = %d
interval = "%v"
top = 1
[slow]
threshold = "never"
[stuck]
after = "never"
[limits]
cpu_budget = %q
`, mode, sample, interval, cpuBudget))
}
