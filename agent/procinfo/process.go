// Package procinfo gives names to numbers: the process behind a PID, the cgroup
// behind a cgroup id, the systemd unit and the container behind a cgroup path.
//
// It reads /proc and the cgroup file system. A process may be gone by the time
// we look, and its number may belong to another one: what cannot be known is
// left empty, and is never taken from somebody else.
package procinfo

import (
	"bytes"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Info is what is known about a process; the zero value of each field means
// that it is not known. Texts are raw: the process chose them.
type Info struct {
	Found       bool // the process was there, and was the one asked for
	ParentPID   uint32
	Comm        string // of the first thread
	Executable  string // path; needs CAP_SYS_PTRACE for processes of other users; may end in " (deleted)"
	CommandLine string // arguments with spaces between; at most 1024 bytes, then "…"
	UID         uint32 // effective; means nothing when HasUID is not set
	HasUID      bool
	Start       time.Time // to 10 ms
	Cgroup      string    // cgroup v2 path as seen from our cgroup namespace
}

// ExecutableName is the last element of the executable's path, without the mark
// of a file that was replaced or removed.
func (i Info) ExecutableName() string {
	if i.Executable == "" {
		return ""
	}
	return path.Base(strings.TrimSuffix(i.Executable, " (deleted)"))
}

// Procfs looks up processes. It is safe for concurrent use, but of two lookups
// at once one may come without a command line.
type Procfs struct {
	root         string
	commandLines *slowReader      // nil: command lines are not read
	bootTime     func() time.Time // replaced by tests
}

// NewProcfs reads from a mounted proc file system, "/proc" but for tests.
// Command lines are read only when wanted: they may hold secrets.
func NewProcfs(root string, commandLines bool) *Procfs {
	p := &Procfs{root: root, bootTime: bootTime}
	if commandLines {
		p.commandLines = newSlowReader(commandLineWait)
	}
	return p
}

// Lookup tells what is known about the process with this PID that was started
// at this time (clock ticks of 10 ms since boot, as in /proc/PID/stat; 0 when
// the time is not known, then any process will do). When there is none, or a
// younger one that got the same number, the result is zero.
func (p *Procfs) Lookup(pid int, startTicks uint64) Info {
	// The open directory stays that of one process: reading in it fails when the
	// process is gone, even if another one has got its number (fs/proc/base.c,
	// get_proc_task). So the identity needs to be checked only once.
	dir, err := os.OpenRoot(path.Join(p.root, strconv.Itoa(pid)))
	if err != nil {
		return Info{}
	}
	defer dir.Close()
	text, _ := dir.ReadFile("stat")
	stat, err := ParseStat(text)
	if err != nil || startTicks != 0 && stat.StartTicks != startTicks {
		return Info{}
	}
	info := Info{
		Found:     true,
		ParentPID: stat.ParentPID,
		Comm:      stat.Comm,
		Start:     startTime(p.bootTime(), stat.StartTicks),
	}
	p.fill(&info, dir)
	return info
}

// fill adds what is read from files of their own; each may fail alone.
func (p *Procfs) fill(info *Info, dir *os.Root) {
	if text, err := dir.ReadFile("status"); err == nil {
		uid, err := ParseUID(text)
		info.UID, info.HasUID = uid, err == nil
	}
	info.Executable, _ = dir.Readlink("exe")
	if text, err := dir.ReadFile("cgroup"); err == nil {
		info.Cgroup = parseCgroup(text)
	}
	if p.commandLines != nil {
		info.CommandLine = joinArguments(p.commandLines.read(dir, "cmdline", commandLineBytes+1))
	}
}

// BootID reads the id of this boot: 32 hex digits and dashes.
func (p *Procfs) BootID() (string, error) {
	text, err := os.ReadFile(path.Join(p.root, "sys/kernel/random/boot_id"))
	return strings.TrimSpace(string(text)), err
}

// commandLineBytes is how much of a command line is read.
const commandLineBytes = 1024

// joinArguments makes a line of arguments that end in NUL each.
func joinArguments(text []byte) string {
	cut := len(text) > commandLineBytes
	text = text[:min(len(text), commandLineBytes)]
	line := string(bytes.ReplaceAll(bytes.TrimRight(text, "\x00"), []byte{0}, []byte{' '}))
	if cut {
		line += "…"
	}
	return line
}

// parseCgroup finds the cgroup v2 path in the text of /proc/PID/cgroup, see
// cgroups(7).
func parseCgroup(text []byte) string {
	for line := range strings.Lines(string(text)) {
		if p, ok := strings.CutPrefix(line, "0::"); ok {
			return strings.TrimSuffix(strings.TrimSuffix(p, "\n"), " (deleted)")
		}
	}
	return ""
}

const tick = 10 * time.Millisecond

// startTime gives the wall clock time of a number of ticks after boot, the zero
// time when that is absurd (over 290 years).
func startTime(boot time.Time, ticks uint64) time.Time {
	const limit = uint64(1<<63-1) / uint64(tick)
	if ticks > limit {
		return time.Time{}
	}
	return boot.Add(time.Duration(ticks) * tick).Round(tick)
}

// bootTime is the wall clock time of the boot by the clock's present setting:
// the clock may have been stepped since, so it is asked each time.
func bootTime() time.Time {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(up.Nano()))
}
