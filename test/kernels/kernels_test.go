//go:build kernels

package kernels

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestKernels needs qemu, a quarter of an hour at worst, and Debian's archive;
// hence the build tag, which "make test-kernels" gives.
func TestKernels(t *testing.T) {
	if err := requirements(matrix); err != nil {
		t.Fatal(err)
	}
	got, err := fetchAll(t.Context(), cacheDir(), matrix)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	built := map[string]binaries{}
	for _, a := range []arch{amd64, arm64} {
		if built[a.debian], err = buildAll(t.Context(), a, filepath.Join(dir, a.debian), got.busyboxes[a.debian]); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range matrix {
		t.Run(k.name(), func(t *testing.T) {
			t.Parallel()
			initramfs := filepath.Join(t.TempDir(), "initramfs")
			if err := writeInitramfs(initramfs, built[k.arch.debian], k.plan()); err != nil {
				t.Fatal(err)
			}
			k.check(t, got.kernels[k.name()], initramfs)
		})
		if k.countInstructions {
			t.Run(k.name()+"-instructions", func(t *testing.T) {
				t.Parallel()
				initramfs := filepath.Join(t.TempDir(), "initramfs")
				if err := writeInitramfs(initramfs, built[k.arch.debian], instructionPlan()); err != nil {
					t.Fatal(err)
				}
				k.checkInstructions(t, got.kernels[k.name()], initramfs)
			})
		}
	}
}

// checkInstructions boots a machine whose clock counts instructions.
func (k kernel) checkInstructions(t *testing.T, image, initramfs string) {
	console, err := k.boot(t.Context(), image, initramfs, clockCounts...)
	if err != nil {
		t.Error(err)
	}
	result := parseConsole(console)
	if !result.done || len(result.steps) != 1 || result.steps[0].status != 0 {
		t.Fatalf("the test failed, or did not end; the console's last lines:\n%s", tail(strings.Split(console, "\n"), shownLines))
	}
	if passed := testResults(result.steps[0].out); len(passed) != 1 || passed[0].result != "PASS" {
		t.Errorf("results %v; want one test passed", passed)
	}
	t.Log(tail(result.steps[0].out, shownLines))
}

// check boots a machine, and says all that is wrong with it.
func (k kernel) check(t *testing.T, image, initramfs string) {
	start := time.Now()
	console, err := k.boot(t.Context(), image, initramfs)
	if err != nil {
		t.Error(err)
	}
	result := parseConsole(console)
	for _, fault := range k.faults(result) {
		t.Error(fault)
	}
	counts := map[string]int{}
	var failed []string
	for _, step := range result.steps {
		results := testResults(step.out)
		if len(results) > 0 {
			t.Log(slowest(results, 12))
		}
		for _, test := range results {
			counts[test.result]++
			if test.result == "FAIL" {
				failed = append(failed, test.name)
			}
		}
	}
	if len(failed) > 0 { // once more at the end, where one looks first
		t.Cleanup(func() { t.Logf("%s: failed: %s", k.name(), strings.Join(failed, ", ")) })
	}
	t.Logf("%s: %d tests passed, %d failed, %d skipped in %v", filepath.Base(image),
		counts["PASS"], counts["FAIL"], counts["SKIP"], time.Since(start).Round(time.Second))
}

// requirements says what the machine lacks.
func requirements(matrix []kernel) error {
	programs := map[string]string{"apt-get": "apt", "apt-cache": "apt", "dpkg-deb": "dpkg"}
	for _, k := range matrix {
		programs[k.arch.qemu] = k.arch.qemuPackage
	}
	for _, program := range slices.Sorted(maps.Keys(programs)) {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("no %s on this machine (Debian package %s)", program, programs[program])
		}
	}
	return nil
}
