package causes

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/test/foreground"
)

const userStackPolicy = `[[rule]]
name = "sleeps"
syscalls = ["clock_nanosleep", "nanosleep"]
comms = ["sleep"]
threshold = "100ms"
stack = true
`

// The innermost function of a sleep's own stack is the one of the C library that
// makes the call: found by build id and offset, with the process long gone.
func TestUserStack(t *testing.T) {
	needRoot(t)
	h := newHost(t)
	s := foreground.Start(t, foreground.Build(t, "cmd/syscountd"), policyFor(h, userStackPolicy))
	sleep := exec.Command("sleep", "0.3")
	sleep.SysProcAttr = inCgroup(t, h.unit("sleep.service"))
	if out, err := sleep.CombinedOutput(); err != nil {
		t.Fatalf("sleep: %v\n%s", err, out)
	}
	var found *record.Slow
	s.Await("slow record", func(r *foreground.Records) bool {
		i := slices.IndexFunc(r.Slow, func(r *record.Slow) bool { return int(r.Process.PID) == sleep.Process.Pid })
		if i >= 0 {
			found = r.Slow[i]
		}
		return i >= 0
	})
	stop(t, s)
	if len(found.UserStack) == 0 {
		t.Fatalf("no user stack: %s", found.Msg)
	}
	id, offset, ok := strings.Cut(found.UserStack[0], "+0x")
	at, err := strconv.ParseUint(offset, 16, 64)
	if !ok || err != nil {
		t.Fatalf("user stack %q", found.UserStack)
	}
	library := libraryWith(t, id)
	if name := functionAt(t, library, at); !strings.Contains(name, "nanosleep") {
		t.Errorf("%s is in %q of %s; want nanosleep", found.UserStack[0], name, library)
	}
}

// libraryWith is the file of the C library, if it has that build id.
func libraryWith(t *testing.T, id string) string {
	t.Helper()
	libraries, err := filepath.Glob("/lib/*/libc.so.6")
	if err != nil || len(libraries) == 0 {
		t.Fatalf("no C library in /lib: %v", err)
	}
	want, err := hex.DecodeString(id)
	if err != nil {
		t.Fatal(err)
	}
	for _, library := range libraries {
		if bytes.Equal(buildID(t, library), want) {
			return library
		}
	}
	t.Fatalf("build id %s is that of none of %v", id, libraries)
	return ""
}

// buildID is the last 20 bytes of the note: its header is 12, its owner "GNU\0".
func buildID(t *testing.T, path string) []byte {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	note, err := file.Section(".note.gnu.build-id").Data()
	if err != nil || len(note) != 36 {
		t.Fatalf("%s: a note of %d bytes: %v", path, len(note), err)
	}
	return note[16:]
}

// functionAt is the exported function at an offset of a file.
func functionAt(t *testing.T, path string, offset uint64) string {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	address := offset
	for _, p := range file.Progs {
		if p.Type == elf.PT_LOAD && offset >= p.Off && offset < p.Off+p.Filesz {
			address = offset - p.Off + p.Vaddr
		}
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, symbol := range symbols {
		if symbol.Value <= address && address < symbol.Value+symbol.Size {
			return symbol.Name
		}
	}
	return fmt.Sprintf("nothing that is exported, %d symbols", len(symbols))
}

// inCgroup lets a command start in a cgroup.
func inCgroup(t *testing.T, dir string) *syscall.SysProcAttr {
	t.Helper()
	fd, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fd.Close() })
	return &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(fd.Fd())}
}
