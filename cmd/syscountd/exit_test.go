package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/dbusapi/dbustest"
)

// What only the host can tell is an error of the policy all the same, at its place.
func TestAFilterOfWhatIsNotThereIsStatus78(t *testing.T) {
	for filter, want := range map[string]string{
		"pids = [4194303]":            "filter.pids: there is no process with pid 4194303",
		`cgroups = ["/nosuch.slice"]`: `filter.cgroups: there is no cgroup "/nosuch.slice"`,
	} {
		file := policyFile(t, "[filter]\n"+filter+"\n")
		status, _, stderr := command(t, "--no-dbus", "--output", "stdout", "--config", file)
		if status != 78 || stderr != fmt.Sprintf("syscountd: %s:2: %s\n", file, want) {
			t.Errorf("%s: status %d, %q", filter, status, stderr)
		}
	}
}

// Whatever else is not there is no mistake in the policy.
func TestAFileThatIsNoPolicyIsNotStatus78(t *testing.T) {
	if got := exitStatus(fmt.Errorf("read the boot id: %w", fs.ErrNotExist)); got != exitFailure {
		t.Errorf("status %d", got)
	}
}

func TestATakenNameIsStatus75(t *testing.T) {
	bus := dbustest.Start(t)
	if _, err := bus.Connect().RequestName("io.github.syscountd1", 0); err != nil {
		t.Fatal(err)
	}
	s := startIn(t, func(e *env) { e.busAddress, e.namePatience, e.stderr = bus.Address, 0, io.Discard }, "--output", "stdout",
		"--config", policyFile(t, "[collect]\ninterval = \"1h\"\n"))
	s.next(func(r map[string]any) bool { return r["change"] == "stopped" })
	if status := <-s.ended; status != 75 {
		t.Errorf("status %d", status)
	}
}

// journalctl -p err has to show why there is no service; a person sees no mark.
func TestTheJournalIsToldThatItIsAnError(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	e := hostEnv()
	e.stdout, e.stderr = io.Discard, file
	for _, e.journalStream = range []string{fmt.Sprintf("%d:%d", st.Dev, st.Ino), "1:2", ""} {
		run(t.Context(), e, []string{"--nosuch"})
	}
	text, err := os.ReadFile(file.Name())
	if lines := strings.Split(string(text), "\n"); err != nil || len(lines) != 4 || !strings.HasPrefix(lines[0], "<3>syscountd: ") ||
		!strings.HasPrefix(lines[1], "syscountd: ") || !strings.HasPrefix(lines[2], "syscountd: ") {
		t.Errorf("%q, %v", text, err)
	}
}
