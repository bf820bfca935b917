package procinfo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// write makes a file of a fake /proc.
func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// fakeProc has one process, 812, started 150 s after the boot.
func fakeProc(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write(t, root, "812/stat", statLine("post) (gres\n", 790, 15000))
	write(t, root, "812/status", "Name:\tx\nUid:\t113\t113\t113\t113\n")
	write(t, root, "812/cmdline", "postgres:\x0015/main:\x00wal writer\x00\x00\x00")
	write(t, root, "812/cgroup", "1:name=systemd:/x\n0::/system.slice/a.service\n")
	if err := os.Symlink("/usr/lib/postgresql/15/bin/postgres (deleted)", filepath.Join(root, "812/exe")); err != nil {
		t.Fatal(err)
	}
	return root
}

var boot = time.Date(2026, 11, 20, 8, 0, 0, 3_000_000, time.UTC)

func procfs(root string, commandLines bool) *Procfs {
	p := NewProcfs(root, commandLines)
	p.bootTime = func() time.Time { return boot }
	if commandLines {
		p.commandLines.wait = time.Minute // a busy machine may be slow; no test waits for it
	}
	return p
}

func TestLookup(t *testing.T) {
	p := procfs(fakeProc(t), true)
	want := Info{
		Found: true, ParentPID: 790, Comm: "post) (gres\n",
		Executable:  "/usr/lib/postgresql/15/bin/postgres (deleted)",
		CommandLine: "postgres: 15/main: wal writer",
		UID:         113, HasUID: true,
		Start:  time.Date(2026, 11, 20, 8, 2, 30, 0, time.UTC),
		Cgroup: "/system.slice/a.service",
	}
	for _, ticks := range []uint64{15000, 0} {
		if got := p.Lookup(812, ticks); got != want {
			t.Errorf("started at %d:\ngot  %+v\nwant %+v", ticks, got, want)
		}
	}
	if got := want.ExecutableName(); got != "postgres" {
		t.Errorf("executable name %q", got)
	}
	if got := (Info{}).ExecutableName(); got != "" {
		t.Errorf("executable name of nothing: %q", got)
	}
}

func TestLookupDoesNotLendTheNameOfAnother(t *testing.T) {
	p := procfs(fakeProc(t), true)
	for _, ticks := range []uint64{14999, 15001, 1<<64 - 1} {
		if got := p.Lookup(812, ticks); got != (Info{}) {
			t.Errorf("a process started at %d got %+v", ticks, got)
		}
	}
}

func TestLookupOfWhatIsNotThere(t *testing.T) {
	p := procfs(fakeProc(t), true)
	for _, pid := range []int{813, 0, -1, 1 << 40} {
		if got := p.Lookup(pid, 0); got != (Info{}) {
			t.Errorf("pid %d: %+v", pid, got)
		}
	}
}

func TestLookupGivesWhatCanBeRead(t *testing.T) {
	root := fakeProc(t)
	for _, name := range []string{"status", "cmdline", "cgroup", "exe"} {
		if err := os.Remove(filepath.Join(root, "812", name)); err != nil {
			t.Fatal(err)
		}
	}
	got := procfs(root, true).Lookup(812, 15000)
	want := Info{Found: true, ParentPID: 790, Comm: "post) (gres\n", Start: time.Date(2026, 11, 20, 8, 2, 30, 0, time.UTC)}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	write(t, root, "812/stat", "812 (torn")
	if got := procfs(root, true).Lookup(812, 0); got != (Info{}) {
		t.Errorf("broken stat: %+v", got)
	}
}

func TestCommandLineIsReadOnlyWhenWanted(t *testing.T) {
	if got := procfs(fakeProc(t), false).Lookup(812, 0); got.CommandLine != "" || !got.Found {
		t.Errorf("got %+v", got)
	}
}

func TestCommandLineIsBounded(t *testing.T) {
	root := fakeProc(t)
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"\x00\x00", ""},
		{"a\x00\x00b\x00", "a  b"},
		{strings.Repeat("x", 1024), strings.Repeat("x", 1024)},
		{strings.Repeat("x", 1025), strings.Repeat("x", 1024) + "…"},
		{strings.Repeat("y\x00", 100_000), strings.Repeat("y ", 511) + "y" + "…"},
	} {
		write(t, root, "812/cmdline", tt.text)
		if got := procfs(root, true).Lookup(812, 0).CommandLine; got != tt.want {
			t.Errorf("%d bytes: got %d bytes, %.40q, want %d", len(tt.text), len(got), got, len(tt.want))
		}
	}
}

// A command line that cannot be read, here a FIFO that nobody writes to, costs a
// short wait once and then nothing, until it can be read again.
func TestACommandLineThatHangs(t *testing.T) {
	root := fakeProc(t)
	fifo := filepath.Join(root, "812/cmdline")
	if err := os.Remove(fifo); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	p := procfs(root, true)
	p.commandLines.wait = time.Millisecond
	// A reader that comes too late finds the directory closed: look until one hangs.
	for looks := 0; looks < 3 || len(p.commandLines.busy) != 1; looks++ {
		if got := p.Lookup(812, 15000); !got.Found || got.CommandLine != "" || got.Comm == "" {
			t.Errorf("got %+v", got)
		}
	}
	w, err := os.OpenFile(fifo, os.O_RDWR, 0) // wakes the reader, and does not wait for one
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	p.commandLines.busy <- struct{}{} // blocks until the reader is gone
	<-p.commandLines.busy
	if err := os.Remove(fifo); err != nil {
		t.Fatal(err)
	}
	write(t, root, "812/cmdline", "a\x00")
	p.commandLines.wait = time.Minute
	if got := p.Lookup(812, 15000).CommandLine; got != "a" {
		t.Errorf("afterwards got %q", got)
	}
}

func TestLookupOfRealProcesses(t *testing.T) {
	p := NewProcfs("/proc", true)
	p.commandLines.wait = time.Minute
	before := time.Now()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	got := p.Lookup(cmd.Process.Pid, 0)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if got.ParentPID != uint32(os.Getpid()) || !got.HasUID || got.UID != uint32(os.Geteuid()) || got.CommandLine != "sleep 1000" {
		t.Errorf("got %+v", got)
	}
	if got.ExecutableName() == "" || got.Cgroup == "" {
		t.Errorf("got %+v", got)
	}
	// The tick and the clock's own correction since the boot.
	if d := got.Start.Sub(before); d < -time.Second || d > time.Since(before)+time.Second {
		t.Errorf("started %v after the time before its start", d)
	}
	if again := p.Lookup(cmd.Process.Pid, 0); again.Found {
		t.Errorf("dead, but found: %+v", again)
	}
}

func TestStartTimeOfAbsurdTicks(t *testing.T) {
	for _, ticks := range []uint64{1<<64 - 1, 1 << 63, 1<<63/10_000_000 + 1} {
		if got := startTime(boot, ticks); !got.IsZero() {
			t.Errorf("%d ticks: %v", ticks, got)
		}
	}
}

func TestParseCgroup(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"0::/\n":                    "/",
		"3:cpu:/a\n0::/b c\n":       "/b c",
		"0::/a.service (deleted)\n": "/a.service",
		"1:name=systemd:/a\n":       "",
		"0::/../outside\n":          "/../outside",
		"10::/a\n":                  "",
	} {
		if got := parseCgroup([]byte(text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestBootID(t *testing.T) {
	root := t.TempDir()
	if id, err := NewProcfs(root, false).BootID(); err == nil {
		t.Errorf("got %q without a file", id)
	}
	write(t, root, "sys/kernel/random/boot_id", "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9\n")
	id, err := NewProcfs(root, false).BootID()
	if err != nil || id != "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9" {
		t.Errorf("got %q, %v", id, err)
	}
}
