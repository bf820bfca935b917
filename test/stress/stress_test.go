// Package stress runs the service on this host, whole and in the foreground,
// under more than a host has in its worst hour, and holds its books against
// each other: nothing may be lost that is not counted, and what the load took of
// the kernel's memory has to come back.
//
// Without a word it takes less than a minute. The long run is
//
//	SYSCOUNT_STRESS=15m SYSCOUNT_FORKS=200000 go test -count=1 -timeout 40m -v ./test/stress
package stress

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const (
	stressVariable = "SYSCOUNT_STRESS" // how long stress-ng runs, e.g. "15m"
	forksVariable  = "SYSCOUNT_FORKS"  // processes of each storm, e.g. "200000"

	stressDefault = 20 * time.Second
	forksDefault  = 5000
)

func stressTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(stressVariable)
	if text == "" {
		return stressDefault
	}
	window, err := time.ParseDuration(text)
	if err != nil || window < time.Second {
		t.Fatalf("%s=%s is no time of a second or more; give one such as 15m", stressVariable, text)
	}
	return window
}

func stormForks(t *testing.T) int {
	t.Helper()
	text := os.Getenv(forksVariable)
	if text == "" {
		return forksDefault
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s is no number of processes; give one such as 200000", forksVariable, text)
	}
	return n
}

// needRoot: a test that passes because it could not look is worse than none.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("the stress tests load BPF programs and make cgroups: run them as root")
	}
}

// build compiles the service as the Makefile does, and gives its path.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "syscountd")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", path, "./cmd/syscountd")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build syscountd: %v\n%s", err, out)
	}
	return path
}
