package main

import (
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/syscountd/syscountd/agent"
	"github.com/syscountd/syscountd/agent/journal"
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/bpf"
)

// env holds every side effect of the command, so that tests can replace them.
type env struct {
	stdout, stderr io.Writer
	policy         func(config string) (*policy.Policy, error)
	load           func(bpf.Options) (agent.Kernel, error)
	probe          func() error
	notify         func(state string) // sd_notify(3); does nothing outside of systemd
	store          notifySocket       // the service manager that may keep descriptors; "": none
	files          []*os.File         // those that it had kept, with their names
	watchdog       time.Duration      // how often systemd wants a sign of life; 0: never
	journalSocket  string
	journalStream  string                 // the file that is the journal's, if a standard stream is: "device:inode" (systemd.exec(5))
	stateFile      string                 // "": none
	busAddress     string                 // "": the system bus
	busPatience    time.Duration          // after which a start does without it
	namePatience   time.Duration          // how long a start tries to get a bus name that is not to be had
	features       func() map[string]bool // of the kernel
	canWatch       func() bool            // whether it has mode watch
	meter          func() (agent.CallMeter, error)
}

func hostEnv() env {
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		watchdog = 0
	}
	return env{
		stdout: os.Stdout, stderr: os.Stderr,
		policy:        loadPolicy,
		load:          func(o bpf.Options) (agent.Kernel, error) { return bpf.Load(o) },
		probe:         bpf.Probe,
		notify:        func(state string) { _, _ = daemon.SdNotify(false, state) },
		store:         notifySocket(os.Getenv("NOTIFY_SOCKET")),
		files:         activation.Files(true),
		watchdog:      watchdog / 2, // systemd.service(5) asks for half of WatchdogSec=
		journalSocket: journal.DefaultPath,
		busPatience:   15 * time.Second,
		namePatience:  10 * time.Second, // shorter: the start is to fail
		journalStream: os.Getenv("JOURNAL_STREAM"),
		features:      bpf.Features,
		canWatch:      bpf.HasTaskWork,
		meter:         func() (agent.CallMeter, error) { return bpf.NewCallMeter() },
		stateFile:     stateFile(os.Getenv("STATE_DIRECTORY")),
	}
}

// isTerminal: only a terminal has settings of this kind (ioctl_tty(2)).
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

func loadPolicy(config string) (*policy.Policy, error) {
	if config != "" {
		return policy.LoadFile(config)
	}
	return policy.LoadDirs(policy.HostDirs())
}

// stateFile is where what was learned is kept: in the directory that systemd gives
// (systemd.exec(5), StateDirectory=), or nowhere.
func stateFile(dir string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "learned.json")
}

func clockNs(clock int32) uint64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		panic(err) // both clocks exist on every kernel that we run on
	}
	return uint64(ts.Nano())
}

// monotonic gives CLOCK_MONOTONIC in nanoseconds, as Go reads it: by the vDSO, without a
// system call. Where Go's zero is, is found out here, to the time between two readings
// of the best of some attempts.
func monotonic() func() uint64 {
	began := time.Now()
	best, zero := time.Hour, uint64(0)
	for range 10 {
		before := time.Since(began)
		now := clockNs(unix.CLOCK_MONOTONIC)
		if took := time.Since(began) - before; took < best {
			best, zero = took, now-uint64(before+took/2)
		}
	}
	return func() uint64 { return zero + uint64(time.Since(began)) }
}

// cpuNs is the CPU time of our own process, user and system.
func cpuNs() uint64 {
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		return 0
	}
	return uint64(ru.Utime.Nano() + ru.Stime.Nano())
}

// residentBytes is the second field of /proc/self/statm, in pages (proc(5)).
func residentBytes() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	return statmResident(string(text)) * uint64(os.Getpagesize())
}
