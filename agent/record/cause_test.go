package record_test

import (
	"strings"
	"testing"

	"github.com/syscountd/syscountd/agent/record"
)

// after is what a sentence says after its colon.
func after(sentence string) string {
	_, text, _ := strings.Cut(sentence, ": ")
	return text
}

func TestTheSentenceNamesTheCause(t *testing.T) {
	postgres, self := record.Task{PID: 813, TID: 815, Comm: "postgres"}, record.Task{PID: 812, TID: 812, Comm: "self"}
	tests := map[string]struct {
		wait record.Wait
		want string
	}{
		"disk":                     {record.Wait{IOWaitNs: 3.9e9, CPUNs: 1e6, Site: "f", LongestNs: 3.9e9}, "3.9 s waiting for I/O in f"},
		"no site":                  {record.Wait{IOWaitNs: 3.9e9, LongestNs: 3.9e9}, "3.9 s waiting for I/O"},
		"many reads":               {record.Wait{IOWaitNs: 3.9e9, LongestNs: 12e6, Site: "f"}, "3.9 s waiting for I/O, the longest 12 ms in f"},
		"faults":                   {record.Wait{IOWaitNs: 3.9e9, MajorFaults: 12}, "3.9 s waiting for I/O, 12 major faults"},
		"lock":                     {record.Wait{IOWaitNs: 2e9, LongestNs: 2e9, Site: "f", Blocker: postgres, Waker: self}, "2 s waiting for a kernel lock in f, held up by postgres (813)"},
		"interruptible lock":       {record.Wait{SleepNs: 2e9, LongestNs: 2e9, Blocker: postgres}, "2 s waiting for a kernel lock, held up by postgres (813)"},
		"pipe":                     {record.Wait{SleepNs: 2e9, LongestNs: 2e9, Site: "pipe_read", Class: "pipe", Waker: postgres}, "2 s asleep in pipe_read (pipe), woken by postgres (813)"},
		"interrupt":                {record.Wait{SleepNs: 2e9, Waker: record.Task{Comm: "swapper/0"}}, "2 s asleep"},
		"itself":                   {record.Wait{SleepNs: 2e9, Waker: self}, "2 s asleep"},
		"nameless":                 {record.Wait{SleepNs: 2e9, Waker: record.Task{PID: 5, TID: 5}}, "2 s asleep, woken by process 5"},
		"blocker of another PID":   {record.Wait{IOWaitNs: 2e9, Blocker: record.Task{Comm: "x"}}, "2 s waiting for a kernel lock, held up by x"},
		"no CPU":                   {record.Wait{RunqueueNs: 2e9, CPUNs: 5e8, Site: "f", LongestNs: 2e9}, "2 s waiting for a CPU"},
		"quota":                    {record.Wait{RunqueueNs: 2e9, ThrottledNs: 1.9e9}, "1.9 s throttled by its CPU quota"},
		"burning":                  {record.Wait{CPUNs: 2e9, SleepNs: 4e8}, "2 s burning CPU"},
		"two":                      {record.Wait{CPUNs: 2e9, IOWaitNs: 1e9, Site: "f", LongestNs: 9e8}, "2 s burning CPU, 1 s waiting for I/O in f"},
		"site of another":          {record.Wait{SleepNs: 2e9, IOWaitNs: 1e9, Site: "f", LongestNs: 1.9e9}, "2 s asleep in f, 1 s waiting for I/O"},
		"stopped":                  {record.Wait{SleepNs: 2e9, StoppedNs: 2e9, LongestNs: 2e9, Site: "do_signal_stop"}, "2 s stopped by a signal"},
		"traced":                   {record.Wait{SleepNs: 2e9, TracedNs: 1.5e9}, "1.5 s stopped by a tracer, 500 ms asleep"},
		"frozen":                   {record.Wait{SleepNs: 2e9, FrozenNs: 2e9}, "2 s frozen"},
		"parts larger than all":    {record.Wait{SleepNs: 1e9, StoppedNs: 5e9, FrozenNs: 5e9, ThrottledNs: 5e9}, "1 s stopped by a signal"},
		"nothing":                  {record.Wait{}, ""},
		"as large as numbers come": {record.Wait{CPUNs: 1<<64 - 1, SleepNs: 1<<64 - 1, IOWaitNs: 1<<64 - 1, RunqueueNs: 1<<64 - 1}, "213503 d 23 h 34 min waiting for I/O, 213503 d 23 h 34 min asleep"},
	}
	for name, tt := range tests {
		s := bare()
		s.Wait = &tt.wait
		if got := after(s.Sentence()); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, tt.want)
		}
	}
}

func TestThePressureStandsBesideItsCause(t *testing.T) {
	all := &record.Pressure{Stall: record.Stall{CPU: 2000, IO: 3000, Memory: 4050}}
	tests := map[string]struct {
		wait     record.Wait
		pressure *record.Pressure
		want     string
	}{
		"I/O":    {record.Wait{IOWaitNs: 1e9}, all, "1 s waiting for I/O, I/O pressure 30 %"},
		"CPU":    {record.Wait{RunqueueNs: 1e9}, all, "1 s waiting for a CPU, CPU pressure 20 %"},
		"quota":  {record.Wait{RunqueueNs: 1e9, ThrottledNs: 1e9}, all, "1 s throttled by its CPU quota, CPU pressure 20 %"},
		"asleep": {record.Wait{SleepNs: 1e9}, all, "1 s asleep"},
		"memory": {record.Wait{IOWaitNs: 1e9, MajorFaults: 3}, all, "1 s waiting for I/O, 3 major faults, memory pressure 40.5 %, I/O pressure 30 %"},
		"low":    {record.Wait{IOWaitNs: 1e9}, &record.Pressure{Stall: record.Stall{IO: 999}}, "1 s waiting for I/O"},
	}
	for name, tt := range tests {
		s := bare()
		s.Wait, s.Pressure = &tt.wait, tt.pressure
		if got := after(s.Sentence()); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, tt.want)
		}
	}
}

func TestStuckSentence(t *testing.T) {
	const head = "read by cat (812, a.service) has not returned for 30 s"
	change := func(f func(*record.Stuck)) *record.Stuck { s := stuck(); f(s); return s }
	tests := map[string]struct {
		r    *record.Stuck
		want string
	}{
		"fuse": {stuck(), head + " on /mnt/x/report.csv: waiting in request_wait_answer (fuse)"},
		"in D state": {change(func(s *record.Stuck) { s.Wait.IOWaitNs, s.Wait.SleepNs = s.Wait.SleepNs, 0 }),
			head + " on /mnt/x/report.csv: waiting for I/O in request_wait_answer (fuse)"},
		"lock": {change(func(s *record.Stuck) { s.Wait.Blocker = record.Task{PID: 9, TID: 9, Comm: "dd"} }),
			head + " on /mnt/x/report.csv: waiting in request_wait_answer (fuse), held up by dd (9)"},
		"lock in D state": {change(func(s *record.Stuck) {
			s.Wait = &record.Wait{IOWaitNs: 30e9, Site: "ext4_file_write_iter", Blocker: record.Task{PID: 9, TID: 9, Comm: "dd"}}
		}), head + " on /mnt/x/report.csv: waiting for a kernel lock in ext4_file_write_iter, held up by dd (9)"},
		"on a CPU": {change(func(s *record.Stuck) { s.Wait = &record.Wait{CPUNs: 30e9} }), head + " on /mnt/x/report.csv: burning CPU"},
		"stopped": {change(func(s *record.Stuck) { s.Wait.StoppedNs = s.Wait.SleepNs }),
			head + " on /mnt/x/report.csv: stopped by a signal"},
		"too long": {change(func(s *record.Stuck) { s.TimeoutNs, s.OvershootNs = 20e9, 10e9 }),
			head + " (10 s longer than asked) on /mnt/x/report.csv: waiting in request_wait_answer (fuse)"},
		"stack only": {change(func(s *record.Stuck) { s.Wait = nil }), head + " on /mnt/x/report.csv: waiting in request_wait_answer"},
		"no stack":   {change(func(s *record.Stuck) { s.Wait, s.KernelStack, s.File = nil, nil, nil }), head},
	}
	for name, tt := range tests {
		if got := tt.r.Sentence(); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, tt.want)
		}
	}
}

func TestEndedSentence(t *testing.T) {
	for reason, want := range map[string]string{
		record.EndedDied:   "read by cat (812, a.service) on /mnt/x/report.csv never returned: the thread died in it after 45 s",
		record.EndedUnseen: "read by cat (812, a.service) on /mnt/x/report.csv is over: it was last seen after 45 s, its return was missed",
	} {
		e := stuck().Ended(reason, 45e9)
		if got := e.Sentence(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if e.Monotonic.EndNs-e.Monotonic.StartNs != e.AgeNs || e.Priority() != 4 {
			t.Errorf("ended %+v, priority %d", e, e.Priority())
		}
	}
}

func TestIncidentSentenceAndPriority(t *testing.T) {
	place := func(change string, f func(*record.Incident)) *record.Incident { i := incident(change); f(i); return i }
	tests := []struct {
		r        *record.Incident
		priority int
		want     string
	}{
		{incident(record.IncidentOpened), 4, "incident: 500 threads of a.service slow in fsync in blkdev_issue_flush (block flush), worst 4.1 s"},
		{incident(record.IncidentUpdated), 4, "incident goes on for 4.1 s: 500 threads of a.service slow in fsync in blkdev_issue_flush (block flush), worst 4.1 s"},
		{incident(record.IncidentClosed), 5, "incident over after 62 s: 512 threads of a.service slow in fsync in blkdev_issue_flush (block flush), worst 4.1 s, 1204 calls, 48 min 31 s in all"},
		{place(record.IncidentOpened, func(i *record.Incident) { i.Victims, i.Systemd, i.Site = 1, record.Systemd{}, "" }), 4,
			"incident: 1 thread of /system.slice/a.service slow in fsync, worst 4.1 s"},
		{place(record.IncidentOpened, func(i *record.Incident) { i.Systemd, i.Cgroup, i.Class = record.Systemd{}, "", "" }), 4,
			"incident: 500 threads slow in fsync in blkdev_issue_flush, worst 4.1 s"},
		{place(record.IncidentClosed, func(i *record.Incident) { i.Severity = 7; i.Container.ID = "c" }), 7,
			"incident over after 62 s: 512 threads of container c slow in fsync in blkdev_issue_flush (block flush), worst 4.1 s, 1204 calls, 48 min 31 s in all"},
	}
	for _, tt := range tests {
		if got := tt.r.Sentence(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
		if got := tt.r.Priority(); got != tt.priority {
			t.Errorf("%s: priority %d, want %d", tt.r.Change, got, tt.priority)
		}
	}
}

func TestSocketSentence(t *testing.T) {
	tests := map[string]struct {
		socket record.Socket
		want   string
	}{
		"listening":  {record.Socket{Family: "inet6", Protocol: "tcp", Local: "[::]:80"}, "tcp socket [::]:80"},
		"unbound":    {record.Socket{Family: "inet", Protocol: "udp", Remote: "10.0.0.1:53"}, "udp socket to 10.0.0.1:53"},
		"raw":        {record.Socket{Family: "inet", Type: "raw"}, "inet socket"},
		"unix":       {record.Socket{Family: "unix", Path: "@abstract", PeerPID: 7}, "unix socket @abstract (peer 7)"},
		"netlink":    {record.Socket{Family: "netlink", Protocol: "route"}, "netlink socket"},
		"no family":  {record.Socket{}, "socket fd 4"},
		"new family": {record.Socket{Family: "family 99"}, "family 99 socket"},
	}
	for name, tt := range tests {
		s := bare()
		s.File = &record.File{FD: 4, Kind: "socket", Socket: &tt.socket}
		if want := "fdatasync by postgres (812, postgresql@15-main.service) took 3.904 s on " + tt.want; s.Sentence() != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, s.Sentence(), want)
		}
	}
}
