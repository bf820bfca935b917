package record_test

import (
	"time"

	"github.com/syscountd/syscountd/agent/record"
)

// bare is a slow call of which the kernel side tells nothing but the call.
func bare() *record.Slow {
	return &record.Slow{
		Severity: 4, Rule: "sync-to-disk", Start: record.StartEntry,
		DurationNs: 3904118204, ThresholdNs: 20000000,
		Monotonic: record.Monotonic{StartNs: 81000000001, EndNs: 84904118205},
		Syscall: record.Call{Request: record.Request{
			Syscall: record.Syscall{Name: "fdatasync", Nr: 75, ABI: "x86_64"},
			Args:    []string{"0x7", "0x0", "0x0", "0x7ffd12345678", "0x0", "0x0"},
		}},
		Scene: record.Scene{
			Process: record.Process{
				PID: 812, TID: 812, ParentPID: 790, Comm: "postgres",
				Executable:  record.Executable{Name: "postgres", Path: "/usr/lib/postgresql/15/bin/postgres"},
				CommandLine: "postgres: 15/main: walwriter", User: &record.User{ID: 113},
				StartTime: record.FormatTime(time.Date(2026, 11, 20, 8, 0, 0, 10000000, time.UTC)),
			},
			Systemd: record.Systemd{Unit: "postgresql@15-main.service", Slice: "system-postgresql.slice"},
			Cgroup:  "/system.slice/system-postgresql.slice/postgresql@15-main.service",
			File:    &record.File{FD: 7, Kind: "file"},
		},
	}
}

// slow is the record that the design shows.
func slow() *record.Slow {
	s := bare()
	s.File = &record.File{
		FD: 7, Kind: "file", Path: "/var/lib/postgresql/15/main/pg_wal/000000010000000A", Inode: 1311042, Device: "259:2",
	}
	s.Wait = &record.Wait{
		CPUNs: 212034, RunqueueNs: 80311, IOWaitNs: 3903700859, SleepNs: 125000,
		Site: "blkdev_issue_flush", Class: "block flush", LongestNs: 3903700859, VoluntarySwitches: 2,
		Waker: record.Task{Comm: "swapper/3"},
	}
	s.KernelStack = []string{"submit_bio_wait", "blkdev_issue_flush", "ext4_sync_file", "do_fsync", "__x64_sys_fdatasync"}
	s.UserStack = []string{"8aeb1e5d3b5cbb4a2a1c3f2f0ae3a7f8a8d5b0c1+0x10e3d4", "51f3a9c07a6b44a1a8d2f0f2b9e3c4d5e6f70819+0x5c21ab"}
	s.Pressure = &record.Pressure{Stall: record.Stall{CPU: 112, IO: 4207}, Host: &record.Stall{CPU: 40, IO: 4195}}
	return s
}

// slowSocket is a call on a socket, with a time-out and a waker.
func slowSocket() *record.Slow {
	return &record.Slow{
		Severity: 4, Rule: "backend", Start: record.StartFirstBlock,
		DurationNs: 5012004117, ThresholdNs: 1e9,
		Monotonic: record.Monotonic{StartNs: 120000000000, EndNs: 125012004117},
		Syscall: record.Call{Request: record.Request{
			Syscall: record.Syscall{Name: "recvfrom", Nr: 45, ABI: "x86_64"},
			Args:    []string{"0xb", "0x55d0c8e5a2b0", "0x4000", "0x2", "0x0", "0x0"},
			Details: map[string]string{"flags": "MSG_PEEK"},
		}, Ret: 86},
		Scene: record.Scene{
			Process: record.Process{PID: 4711, TID: 4713, ParentPID: 1, Comm: "app-worker", User: &record.User{ID: 1001}},
			Systemd: record.Systemd{Unit: "app.service", Slice: "system.slice"},
			Cgroup:  "/system.slice/app.service",
			File: &record.File{FD: 11, Kind: "socket", Inode: 88102, Socket: &record.Socket{
				Family: "inet", Type: "stream", Protocol: "tcp", State: "established", Local: "127.0.0.1:51234", Remote: "127.0.0.1:5432",
			}},
			Wait: &record.Wait{
				CPUNs: 40117, RunqueueNs: 11000, SleepNs: 5011953000, Site: "sk_wait_data", Class: "socket", LongestNs: 5011953000,
				VoluntarySwitches: 1, Waker: record.Task{PID: 902, TID: 902, Comm: "postgres"},
			},
			KernelStack: []string{"wait_woken", "sk_wait_data", "tcp_recvmsg_locked", "tcp_recvmsg", "inet_recvmsg", "sock_recvmsg", "__sys_recvfrom", "__x64_sys_recvfrom"},
		},
	}
}

// slowCopy has two descriptors, and what happened to its thread is rare.
func slowCopy() *record.Slow {
	return &record.Slow{
		Severity: 5, Rule: "default", Start: record.StartEntry, DurationNs: 12000000000, ThresholdNs: 1e9, WasStuck: true,
		Monotonic: record.Monotonic{StartNs: 1, EndNs: 12000000001},
		Timing:    record.Timing{TimeoutNs: 11e9, OvershootNs: 1e9},
		Syscall: record.Call{Request: record.Request{
			Syscall: record.Syscall{Name: "copy_file_range", Nr: 326, ABI: "x86_64"},
			Paths:   []string{"from", "to"},
		}, Ret: -4, Errno: "EINTR"},
		Scene: record.Scene{
			Process: record.Process{PID: 9, TID: 10, Comm: "cp", User: &record.User{ID: 0}},
			File:    &record.File{FD: 3, Kind: "file", Path: "/a/from", Deleted: true},
			To:      &record.File{FD: 4, Kind: "file", Path: "to", PathCut: true},
			Wait: &record.Wait{
				CPUNs: 1e9, RunqueueNs: 4e9, IOWaitNs: 1e9, SleepNs: 6e9, LongestNs: 3e9, VoluntarySwitches: 3, InvoluntarySwitches: 7,
				MajorFaults: 1, ThrottledNs: 3500000000, StoppedNs: 5e9, TracedNs: 500000000, FrozenNs: 400000000,
				Waker: record.Task{PID: 77, TID: 78, Comm: "bash"}, Blocker: record.Task{PID: 79, TID: 79, Comm: "fsfreeze"},
			},
			Pressure: &record.Pressure{Stall: record.Stall{CPU: 9950, IO: 0, Memory: 5}},
		},
	}
}

func stuck() *record.Stuck {
	return &record.Stuck{
		Severity: 4, Rule: "default", Start: record.StartEntry, AgeNs: 30000412883, ThresholdNs: 10e9, Reports: 2,
		Monotonic: record.Monotonic{StartNs: 500000000000, EndNs: 530000412883},
		Syscall: record.Request{
			Syscall: record.Syscall{Name: "read", Nr: 0, ABI: "x86_64"},
			Args:    []string{"0x3", "0x7f0a4c5e1000", "0x20000", "0x22", "0xffffffff", "0x0"},
		},
		Scene: record.Scene{
			Process: record.Process{
				PID: 812, TID: 812, ParentPID: 801, Comm: "cat", User: &record.User{ID: 1000},
				Executable: record.Executable{Name: "cat", Path: "/usr/bin/cat"},
			},
			Systemd: record.Systemd{Unit: "a.service", Slice: "system.slice"},
			Cgroup:  "/system.slice/a.service",
			File:    &record.File{FD: 3, Kind: "file", Path: "/mnt/x/report.csv", Inode: 2, Device: "0:57"},
			Wait: &record.Wait{
				CPUNs: 60883, RunqueueNs: 4000, SleepNs: 30000348000, Site: "request_wait_answer", Class: "fuse", LongestNs: 30000348000,
				VoluntarySwitches: 1,
			},
			KernelStack: []string{
				"request_wait_answer", "__fuse_simple_request", "fuse_send_readpages", "fuse_readahead", "read_pages",
				"page_cache_ra_order", "filemap_get_pages", "filemap_read", "vfs_read", "ksys_read",
			},
		},
	}
}

func incident(change string) *record.Incident {
	i := &record.Incident{
		Severity: 4, ID: "84904118205-1", Change: change, DurationNs: 4100221070, Victims: 500, Calls: 500, Folded: 495,
		WorstNs: 4100221070, TotalNs: 1811000000000,
		Syscall: record.Syscall{Name: "fsync", Nr: 74, ABI: "x86_64"}, Site: "blkdev_issue_flush", Class: "block flush",
		KernelStack: []string{"submit_bio_wait", "blkdev_issue_flush", "ext4_sync_file", "do_fsync", "__x64_sys_fsync"},
		Systemd:     record.Systemd{Unit: "a.service", Slice: "system.slice"}, Cgroup: "/system.slice/a.service",
		PIDs: []uint32{812, 813, 814, 820, 833}, Files: []string{"/srv/a/journal.0", "/srv/a/journal.1"},
	}
	if change == record.IncidentClosed {
		i.DurationNs, i.Victims, i.Calls, i.Folded, i.TotalNs = 62000000000, 512, 1204, 1199, 2911000000000
	}
	return i
}

func summary() *record.Summary {
	return &record.Summary{
		IntervalNs: 60e9, Systemd: record.Systemd{Unit: "nginx.service"},
		Syscall: record.Syscall{Name: "read", Nr: 0, ABI: "x86_64"},
		Count:   18231, Errors: 412, TotalNs: 41200311, MinNs: 310, MaxNs: 81221,
		P50Ns: 1100, P90Ns: 3900, P99Ns: 12300, P999Ns: 61000,
		Histogram: record.Histogram{Scale: 2, Offset: 33, Counts: []uint64{12, 80, 311}},
	}
}

func interval() *record.Interval {
	return &record.Interval{
		IntervalNs: 60e9, Slow: 3,
		Totals: &record.Totals{Count: 1203911, Errors: 12, TotalNs: 88100311000, Groups: 41, Rows: 812},
		Drops:  map[string]uint64{"ring_full": 0, "rows_overflow": 2, "output_dropped_queue": 0, "suppressed": 14},
		Suppressed: []record.Suppression{
			{Rule: "sync", Unit: "postgresql@15-main.service", Count: 12, WorstNs: 3904118204, TotalNs: 12e9},
			{Other: true, Count: 2, WorstNs: 2e9, TotalNs: 3e9},
		},
		Balance:         &record.Balance{Enter: 1203950, Exit: 1203930, Matched: 1203911, Died: 7, InFlight: 32, ExitWithoutEnter: 19, BetweenLooks: 8},
		RecursionMisses: map[string]uint64{"sched_switch": 0, "sys_enter": 0, "sys_exit": 0},
		Cost:            record.Cost{CPUNs: 12000000, RSSBytes: 21 << 20, KernelNs: 171000000, Percent: 15, Calls: 1250000, Switches: 412000, CalibrationCalls: 15616, CallNs: 111, LeftOutNs: 61, SwitchNs: 78},
	}
}

// intervalOfWatch is one of the mode that counts no calls.
func intervalOfWatch() *record.Interval {
	return &record.Interval{
		IntervalNs: 60e9, Slow: 3,
		Drops:           map[string]uint64{"callbacks_astray": 0, "callbacks_failed": 0},
		Callbacks:       &record.Callbacks{Asked: 812, Returned: 809, Died: 1, Pending: 2, Restarted: 4, Interrupted: 1},
		RecursionMisses: map[string]uint64{"hrtimer_expire_entry": 0, "sched_switch": 0},
		Cost:            record.Cost{CPUNs: 12000000, RSSBytes: 21 << 20, KernelNs: 21000000, Percent: 3, Switches: 412000, SwitchNs: 51},
	}
}

func state() *record.State {
	return &record.State{
		Change: record.ChangeRetargeted,
		Caller: &record.Caller{UserID: 0, PID: 812, Via: "dbus"},
		Filter: &record.Filter{PIDs: []uint32{4711}},
	}
}

// samples has a full record of each event.
func samples() []record.Record {
	return []record.Record{
		slow(), slowSocket(), slowCopy(), stuck(), stuck().Ended(record.EndedDied, 45e9), incident(record.IncidentOpened),
		summary(), interval(), state(), &record.Log{},
	}
}
