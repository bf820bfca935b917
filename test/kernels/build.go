package kernels

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/syscountd/syscountd/test/kernels/guest"
)

// binaries are what a machine runs, for one architecture.
type binaries struct {
	init, tests, daemon string // paths
	busybox             string
}

// repository is the repository's root, seen from this package's directory.
const repository = "../.."

// buildAll builds for one architecture; the machines have no C library.
func buildAll(ctx context.Context, a arch, dir, busybox string) (binaries, error) {
	b := binaries{filepath.Join(dir, "init"), filepath.Join(dir, "bpf.test"), filepath.Join(dir, "syscountd"), busybox}
	for _, args := range [][]string{
		{"build", "-trimpath", "-buildvcs=false", "-o", b.init, "./test/kernels/init"},
		{"test", "-c", "-trimpath", "-buildvcs=false", "-o", b.tests, "./bpf"},
		{"build", "-trimpath", "-buildvcs=false", "-o", b.daemon, "./cmd/syscountd"},
	} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = repository
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+a.debian)
		if out, err := cmd.CombinedOutput(); err != nil {
			return b, fmt.Errorf("%q for %s: %w\n%s", cmd.Args, a.debian, err, out)
		}
	}
	return b, nil
}

// applets are what tests run by name, and what helps to look into a machine.
var applets = []string{"sh", "cat", "dd", "dmesg", "echo", "kill", "ls", "mkdir", "mount", "rmdir", "sleep", "sync", "true"}

// writeInitramfs writes the initramfs of a machine: what it runs, and its plan.
func writeInitramfs(path string, b binaries, plan []guest.Step) error {
	text, err := json.Marshal(plan)
	if err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	document, err := os.ReadFile(filepath.Join(repository, "docs/architecture.md"))
	if err != nil {
		return fmt.Errorf("read the document whose figures are measured: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("create initramfs: %w", err)
	}
	defer f.Close()
	c := &cpioWriter{w: f}
	for _, dir := range []string{"bin", "dev", "etc", "tmp", "src", "src/docs"} {
		c.dir(dir)
	}
	c.char("dev/console", 5, 1) // the kernel opens it before init mounts devtmpfs
	c.program("init", b.init)
	c.program("bin/busybox", b.busybox)
	for _, applet := range applets {
		c.symlink("bin/"+applet, "busybox")
	}
	c.program("bin/syscountd", b.daemon)
	c.program("bin/bpf.test", b.tests)
	c.tree("src/bpf", filepath.Join(repository, "bpf"))
	c.file("src/docs/architecture.md", string(document)) // its figures are held against the kernel
	c.file("etc/passwd", "root:x:0:0:root:/:/bin/sh\n")
	c.file("etc/group", "root:x:0:\n")
	c.file(watchPolicy[1:], "[collect]\nmode = \"watch\"\n")
	c.file(guest.PlanFile[1:], string(text))
	if err := c.close(); err != nil {
		return err
	}
	return f.Close()
}

// The names of steps.
const (
	stepTests  = "bpf tests"
	stepDaemon = "syscountd"
	stepWatch  = "syscountd in mode watch"
)

// watchPolicy is where a machine has the policy of that step.
const watchPolicy = "/etc/watch.toml"

// testEnv is for the test binary. Emulated, a million calls take about ten seconds:
// fewer of them find as much.
// All of these kernels let programs follow functions. The machine has memory enough not to
// collect garbage before there is half of it.
var testEnv = []string{"SYSCOUNT_TEST_CALLS=20000", "SYSCOUNT_TEST_FUNCTIONS=1", "GOGC=off", "GOMEMLIMIT=500MiB"}

// plan is what a machine with this kernel does. A test binary runs in its
// package's directory, as with "go test".
func (k kernel) plan() []guest.Step {
	daemon, watch := daemonStep(stepDaemon), daemonStep(stepWatch, "--config", watchPolicy)
	if k.refusal != "" {
		return []guest.Step{daemon}
	}
	tests := guest.Step{
		Name: stepTests, Args: []string{"/bin/bpf.test", "-test.v", "-test.timeout=" + testTimeout.String()},
		Dir: "/src/bpf", Env: testEnv, Again: k.skipsRuns,
	}
	if k.countInstructions { // exactly, in a machine of its own; elsewhere by a ratio of times
		tests.Args = append(tests.Args, "-test.skip=^"+instructionTest+"$")
	}
	return []guest.Step{tests, daemon, watch}
}

// daemonStep starts syscountd, and ends it when it has said so.
func daemonStep(name string, more ...string) guest.Step {
	args := append([]string{"/bin/syscountd", "--no-dbus", "--output", "stdout"}, more...)
	return guest.Step{Name: name, Args: args, StopAt: `"change":"started"`}
}

const instructionTest = "TestOtherCallsRunNoInstructionMore"

// instructionPlan is for a machine whose clock counts instructions: one test.
func instructionPlan() []guest.Step {
	return []guest.Step{{
		Name: stepTests, Args: []string{"/bin/bpf.test", "-test.v", "-test.run=^" + instructionTest + "$"},
		Dir: "/src/bpf", Env: append(slices.Clone(testEnv), "SYSCOUNT_TEST_INSTRUCTIONS=1"),
	}}
}
