package agent

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/record/recordtest"
	"github.com/syscountd/syscountd/bpf"
)

// callOf is a call of the machine's own ABI.
func callOf(t *testing.T, name string, args ...uint64) *bpf.SlowCall {
	t.Helper()
	for nr := range int32(600) {
		sc := bpf.Syscall{ABI: fsync.ABI, Nr: nr}
		if recordSyscall(sc).Name == name {
			return &bpf.SlowCall{
				Syscall: sc, StartNs: 5e9, EndNs: 8e9, Args: append(args, make([]uint64, 6-len(args))...),
				PID: 812, TID: 813, Comm: "x",
			}
		}
	}
	t.Fatalf("no call %s", name)
	return nil
}

// check makes a line of a record and holds it against the schema.
func check(t *testing.T, r record.Record) {
	t.Helper()
	record.NewStamper("0a1b2c3d4e5f60718293a4b5c6d7e8f9").Stamp(r, time.Unix(1e9, 0))
	recordtest.Validate(t, record.Marshal(r))
}

func TestARecordOfAllThatTheKernelSideTells(t *testing.T) {
	call := callOf(t, "fdatasync", 7)
	call.FirstBlock, call.FDKind, call.Executable, call.Paths = true, 1, "/usr/bin/x (deleted)", []string{"a", "b"}
	call.File = &bpf.File{Kind: 1, Path: "/var/lib/x", Deleted: true, Cut: true, Inode: 12, Device: 259<<20 | 2}
	call.Wait = &bpf.Wait{
		CPUNs: 1, RunqueueNs: 2, IONs: 3, SleepNs: 4, Voluntary: 5, Involuntary: 6, MajorFaults: 7, LongestNs: 8, Stack: []uint64{0xffffffff81000000},
		Waker: bpf.Task{PID: 9, TID: 10, Comm: "waker"}, Blocker: bpf.Task{PID: 11, TID: 12, Comm: "blocker"},
		ThrottledNs: 13, StoppedNs: 14, TracedNs: 15, FrozenNs: 16,
	}
	stack := kernelStack{Frames: []string{"submit_bio_wait", "0xffffffff81000000", "ext4_sync_file"}, Site: "ext4_sync_file", Class: "block flush"}
	r := slowRecord(call, policy.Verdict{Rule: "r"}, stack)
	check(t, r)
	want := &record.Wait{
		CPUNs: 1, RunqueueNs: 2, IOWaitNs: 3, SleepNs: 4, Site: "ext4_sync_file", Class: "block flush", LongestNs: 8,
		VoluntarySwitches: 5, InvoluntarySwitches: 6, MajorFaults: 7, ThrottledNs: 13, StoppedNs: 14, TracedNs: 15, FrozenNs: 16,
		Waker: record.Task{PID: 9, TID: 10, Comm: "waker"}, Blocker: record.Task{PID: 11, TID: 12, Comm: "blocker"},
	}
	if !reflect.DeepEqual(r.Wait, want) {
		t.Errorf("wait %+v, want %+v", r.Wait, want)
	}
	if want := []string{"submit_bio_wait", "?", "ext4_sync_file"}; !reflect.DeepEqual(r.KernelStack, want) {
		t.Errorf("stack %q, want %q: no address may get out", r.KernelStack, want)
	}
	if want := (&record.File{FD: 7, Kind: "file", Path: "/var/lib/x", Deleted: true, PathCut: true, Inode: 12, Device: "259:2"}); !reflect.DeepEqual(r.File, want) {
		t.Errorf("file %+v, want %+v", r.File, want)
	}
	if want := (record.Executable{Name: "x (deleted)", Path: "/usr/bin/x (deleted)"}); r.Process.Executable != want {
		t.Errorf("executable %+v, want %+v", r.Process.Executable, want)
	}
	if call.FirstBlock, call.Tick = false, true; recordStart(call) != record.StartTick {
		t.Errorf("start %q of a call that a tick found; want %q", recordStart(call), record.StartTick)
	}
	if r.Start != record.StartFirstBlock || !reflect.DeepEqual(r.Syscall.Paths, call.Paths) || r.To != nil {
		t.Errorf("record %+v", r)
	}
}

func TestARecordOfAKernelSideThatTellsNothing(t *testing.T) {
	r := slowRecord(callOf(t, "fdatasync", 7), policy.Verdict{Rule: "r"}, kernelStack{})
	check(t, r)
	if r.Wait != nil || r.KernelStack != nil || r.To != nil || r.Start != record.StartEntry || r.Process.Executable != (record.Executable{}) {
		t.Errorf("made up: %+v", r)
	}
	if want := (&record.File{FD: 7}); !reflect.DeepEqual(r.File, want) {
		t.Errorf("file %+v, want %+v", r.File, want)
	}
}

func TestARecordOfACallThatIsOpen(t *testing.T) {
	call := callOf(t, "read", 3)
	call.Stuck, call.Wait, call.File = true, &bpf.Wait{SleepNs: 3e9}, &bpf.File{Kind: 1, Path: "/mnt/x"}
	r := stuckRecord(call, policy.Verdict{Rule: "r"}, kernelStack{Site: "request_wait_answer", Class: "fuse"}, 3)
	check(t, r)
	if want := "read by x (812) has not returned for 3 s on /mnt/x: waiting in request_wait_answer (fuse)"; r.Msg != want || r.Reports != 3 {
		t.Errorf("got  %s (%d)\nwant %s", r.Msg, r.Reports, want)
	}
}

func TestTheDescriptorOfEachCall(t *testing.T) {
	from, to := &bpf.File{Kind: 1, Path: "/from"}, &bpf.File{Kind: 7, Path: "/to"}
	tests := map[string]struct {
		name     string
		args     []uint64
		ret      int64
		stuck    bool
		file, to string // fd and path
	}{
		"first argument":    {name: "fsync", args: []uint64{7}, file: "7 /from"},
		"negative":          {name: "fsync", args: []uint64{0xffffffff}, file: "-1 /from"},
		"result":            {name: "openat", ret: 9, file: "9 /from"},
		"failed":            {name: "openat", ret: -2},
		"open":              {name: "openat", stuck: true},
		"no descriptor":     {name: "getppid"},
		"third argument":    {name: "copy_file_range", args: []uint64{1, 2, 3}, file: "1 /from", to: "3 /to"},
		"splice":            {name: "splice", args: []uint64{1, 2, 3}, file: "1 /from", to: "3 /to"},
		"second argument":   {name: "tee", args: []uint64{1, 2}, file: "1 /from", to: "2 /to"},
		"source and target": {name: "sendfile", args: []uint64{1, 2}, file: "1 /from", to: "2 /to"},
	}
	label := func(f *record.File) string {
		if f == nil {
			return ""
		}
		return fmt.Sprintf("%d %s", f.FD, f.Path)
	}
	for name, tt := range tests {
		call := callOf(t, tt.name, tt.args...)
		call.Ret, call.Stuck, call.File, call.To = tt.ret, tt.stuck, from, to
		if got := label(recordFile(call)); got != tt.file {
			t.Errorf("%s: file %q, want %q", name, got, tt.file)
		}
		if got := label(recordTo(call)); got != tt.to {
			t.Errorf("%s: to %q, want %q", name, got, tt.to)
		}
	}
	if call := (&bpf.SlowCall{Syscall: callOf(t, "tee").Syscall, To: to}); recordFile(call) != nil || recordTo(call) != nil {
		t.Error("a descriptor without arguments")
	}
}

func TestSockets(t *testing.T) {
	tests := map[string]struct {
		in   bpf.Socket
		want record.Socket
	}{
		"tcp": {
			bpf.Socket{
				Family: unix.AF_INET, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP, State: 1,
				Local: netip.MustParseAddrPort("10.0.0.7:51234"), Remote: netip.MustParseAddrPort("10.0.0.9:5432"),
			},
			record.Socket{Family: "inet", Type: "stream", Protocol: "tcp", State: "established", Local: "10.0.0.7:51234", Remote: "10.0.0.9:5432"},
		},
		"IPv4 in IPv6": {
			bpf.Socket{
				Family: unix.AF_INET6, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP, State: 10,
				Local: netip.MustParseAddrPort("[::ffff:10.0.0.7]:80"), Remote: netip.MustParseAddrPort("[::]:0"),
			},
			record.Socket{Family: "inet6", Type: "stream", Protocol: "tcp", State: "listening", Local: "10.0.0.7:80"},
		},
		"a wildcard with a port is an address": {
			bpf.Socket{Family: unix.AF_INET6, Type: unix.SOCK_STREAM, State: 7, Local: netip.MustParseAddrPort("[::]:80")},
			record.Socket{Family: "inet6", Type: "stream", State: "closed", Local: "[::]:80"},
		},
		"udp": {
			bpf.Socket{Family: unix.AF_INET, Type: unix.SOCK_DGRAM, Protocol: unix.IPPROTO_UDP, State: 7},
			record.Socket{Family: "inet", Type: "dgram", Protocol: "udp"},
		},
		"unix": {
			bpf.Socket{Family: unix.AF_UNIX, Type: unix.SOCK_SEQPACKET, State: 1, Path: "@x", Peer: 5},
			record.Socket{Family: "unix", Type: "seqpacket", State: "established", Path: "@x", PeerPID: 5},
		},
		"netlink": {
			bpf.Socket{Family: unix.AF_NETLINK, Type: unix.SOCK_RAW},
			record.Socket{Family: "netlink", Type: "raw", Protocol: "route"},
		},
		"packet": {
			bpf.Socket{Family: unix.AF_PACKET, Type: unix.SOCK_RAW, Protocol: 768},
			record.Socket{Family: "packet", Type: "raw", Protocol: "768"},
		},
		"of the future": {
			bpf.Socket{Family: 99, Type: 77, State: 66, Protocol: 253},
			record.Socket{Family: "family 99", Type: "type 77", State: "state 66", Protocol: "253"},
		},
	}
	for name, tt := range tests {
		call := callOf(t, "read", 3)
		call.File = &bpf.File{Kind: 7, Socket: &tt.in}
		r := slowRecord(call, policy.Verdict{Rule: "r"}, kernelStack{})
		check(t, r)
		if *r.File.Socket != tt.want || r.File.Kind != "socket" {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, *r.File.Socket, tt.want)
		}
	}
}

func TestAHostileKernelSide(t *testing.T) {
	for _, bad := range []string{"\n", "\x1b[2J", "\xff", "\u202e"} {
		name := strings.Repeat(bad, 255/len(bad))
		path := strings.Repeat("/"+name, 16)
		call := callOf(t, "copy_file_range", 1, 2, 3)
		call.Executable, call.Paths, call.Comm = path, []string{path, path}, name[:15]
		call.File = &bpf.File{Kind: 7, Path: path, Socket: &bpf.Socket{Family: unix.AF_UNIX, Type: unix.SOCK_DGRAM, Path: name}}
		call.To = &bpf.File{Kind: 1, Path: path}
		call.Wait = &bpf.Wait{SleepNs: 3e9, Waker: bpf.Task{PID: 1, TID: 1, Comm: name[:15]}}
		check(t, slowRecord(call, policy.Verdict{Rule: "r"}, kernelStack{Frames: []string{name, "0x1"}, Site: name}))
		check(t, stuckRecord(call, policy.Verdict{Rule: "r"}, kernelStack{Frames: []string{name}, Site: name}, 1))
	}
}
