//go:build kernels

package kernels

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"runtime"
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
	var wrong faultList
	start := time.Now()
	// At the end once more, and in short: there one looks first, and some show no more of a log.
	t.Cleanup(func() { t.Logf("%s\n%s", tookAll(time.Since(start)), wrong.String()) })
	q := newQueue(runtime.NumCPU())
	for _, k := range matrix {
		t.Run(k.name(), func(t *testing.T) {
			initramfs := filepath.Join(t.TempDir(), "initramfs")
			if err := writeInitramfs(initramfs, built[k.arch.debian], k.plan()); err != nil {
				t.Fatal(err)
			}
			boot := q.begin(func() (string, error) { return k.boot(t.Context(), got.kernels[k.name()], initramfs) })
			t.Parallel()
			wrong.add(k.name(), k.check(t, boot, filepath.Base(got.kernels[k.name()])))
		})
	}
	for _, k := range matrix {
		if !k.countInstructions {
			continue
		}
		t.Run(k.name()+"-instructions", func(t *testing.T) {
			initramfs := filepath.Join(t.TempDir(), "initramfs")
			if err := writeInitramfs(initramfs, built[k.arch.debian], instructionPlan()); err != nil {
				t.Fatal(err)
			}
			boot := q.begin(func() (string, error) {
				return k.boot(t.Context(), got.kernels[k.name()], initramfs, clockCounts...)
			})
			t.Parallel()
			wrong.add(k.name()+"-instructions", checkInstructions(t, boot))
		})
	}
}

// checkInstructions is for a machine whose clock counts instructions; it gives what is wrong.
func checkInstructions(t *testing.T, boot *booting) (faults []string) {
	console, err := boot.wait()
	if err != nil {
		faults = append(faults, err.Error())
	}
	result := parseConsole(console)
	if !result.done || len(result.steps) != 1 || result.steps[0].status != 0 {
		faults = append(faults, "the test failed, or did not end; the console's last lines:\n"+tail(strings.Split(console, "\n"), shownLines))
	} else {
		if passed := testResults(result.steps[0].out); len(passed) != 1 || passed[0].result != "PASS" {
			faults = append(faults, fmt.Sprintf("results %v; want one test passed", passed))
		}
		t.Log(tail(result.steps[0].out, shownLines))
	}
	for _, fault := range faults {
		t.Error(fault)
	}
	return faults
}

// check says all that is wrong with a machine that booted this image.
func (k kernel) check(t *testing.T, boot *booting, image string) (faults []string) {
	console, err := boot.wait()
	if err != nil {
		faults = append(faults, err.Error())
	}
	result := parseConsole(console)
	faults = append(faults, k.faults(result)...)
	for _, fault := range faults {
		t.Error(fault)
	}
	counts := map[string]int{}
	for _, step := range result.steps {
		results := lastResults(step.out)
		if len(results) > 0 {
			t.Log(slowest(results, 12))
		}
		for _, test := range passedAgain(step.out) {
			t.Logf("%s failed at first, and passed when it ran again: %s", test, tail(complaints(step.out, test), shownComplaints))
		}
		for _, test := range results {
			counts[test.result]++
		}
	}
	t.Logf("%s: %d tests passed, %d failed, %d skipped in %v", image,
		counts["PASS"], counts["FAIL"], counts["SKIP"], boot.took.Round(time.Second))
	return faults
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
