package record_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/syscountd/syscountd/agent/record"
)

// hostile has records with names of the greatest length that the kernel and
// systemd allow, all of the same bytes, and all numbers at their largest.
func hostile(bad string) []record.Record {
	comm := strings.Repeat(bad, 15)
	component := strings.Repeat(bad, 255/len(bad)+1)[:255]
	path := strings.Repeat("/"+component, 16)
	sock := &record.Socket{
		Family: "bluetooth", Type: "seqpacket", Protocol: "kobject-uevent", State: "bound-inactive", Path: component[:108], PeerPID: math.MaxUint32,
		Local: "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff%enp175s0f1]:65535", Remote: "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff%enp175s0f1]:65535",
	}
	file := record.File{
		FD: math.MinInt32, Kind: "socket", Path: path, Deleted: true, PathCut: true, Inode: math.MaxUint64, Device: "4095:1048575", Socket: sock,
	}
	other := file
	task := record.Task{PID: math.MaxUint32, TID: math.MaxUint32, Comm: comm}
	most := uint64(math.MaxUint64)
	scene := record.Scene{
		Process: record.Process{
			PID: math.MaxUint32, TID: math.MaxUint32, ParentPID: math.MaxUint32, Comm: comm,
			Executable: record.Executable{Name: component, Path: path}, CommandLine: path, User: &record.User{ID: math.MaxUint32},
			StartTime: "2026-11-20T08:00:00.010000000Z",
		},
		Systemd: record.Systemd{Unit: component, UserUnit: component, Slice: component}, Cgroup: path,
		Container: record.Container{ID: component, Runtime: "systemd-nspawn"}, File: &file, To: &other,
		Wait: &record.Wait{
			CPUNs: most, RunqueueNs: most, IOWaitNs: most, SleepNs: most, Site: component, Class: "memory compaction", LongestNs: most,
			VoluntarySwitches: math.MaxUint32, InvoluntarySwitches: math.MaxUint32, MajorFaults: math.MaxUint32,
			ThrottledNs: most, StoppedNs: most, TracedNs: most, FrozenNs: most, Waker: task, Blocker: task,
		},
		KernelStack: slices.Repeat([]string{component}, 127), Pressure: &record.Pressure{Stall: record.Stall{CPU: 9999, IO: 9999, Memory: 9999}, Host: &record.Stall{CPU: 9999, IO: 9999, Memory: 9999}},
	}
	request := record.Request{
		Syscall: record.Syscall{Name: "rt_tgsigqueueinfo", Nr: math.MaxInt32, ABI: "aarch64"},
		Args:    slices.Repeat([]string{"0xffffffffffffffff"}, 6), Paths: []string{path, path},
		Details: map[string]string{"flags": strings.Repeat("O_FLAG|", 40), "op": component},
	}
	monotonic, timing := record.Monotonic{StartNs: most, EndNs: most}, record.Timing{TimeoutNs: most, OvershootNs: most}
	full := &record.Slow{
		Rule: component, Start: record.StartFirstBlock, DurationNs: most, ThresholdNs: most, WasStuck: true, Monotonic: monotonic, Timing: timing,
		Syscall: record.Call{Request: request, Ret: math.MinInt64, Errno: "EOVERFLOW"}, Scene: scene,
		UserStack: slices.Repeat([]string{strings.Repeat("f", 40) + "+0xffffffffffffffff"}, 12),
	}
	open := &record.Stuck{
		Rule: component, Start: record.StartFirstBlock, AgeNs: most, ThresholdNs: most, Reports: math.MaxUint32, Monotonic: monotonic, Timing: timing,
		Syscall: request, Scene: scene,
	}
	many := &record.Incident{
		ID: component, Change: record.IncidentClosed, DurationNs: most, Victims: most, Calls: most, WorstNs: most, TotalNs: most,
		Syscall: request.Syscall, Site: component, Class: component, KernelStack: scene.KernelStack,
		Systemd: scene.Systemd, Cgroup: path, Container: scene.Container,
		PIDs: slices.Repeat([]uint32{math.MaxUint32}, record.IncidentPIDs), Files: slices.Repeat([]string{path}, record.IncidentFiles),
	}
	return []record.Record{full, open, open.Ended(record.EndedUnseen, most), many}
}

// The worst that a host can hold is still a record of the schema.
func TestMarshalTheWorstOfAllHosts(t *testing.T) {
	for _, bad := range []string{"\n", "\x1b", "\xff", `"`, `\`, "\u202e", "\U000e0041", "ö", "x"} {
		for _, r := range hostile(bad) {
			line, _ := marshal(t, r)
			for _, raw := range []string{"\n", "\x1b", "\u202e", "\U000e0041"} {
				if bytes.Contains(line, []byte(raw)) {
					t.Errorf("%s full of %q: a raw %q in %s", r.Event(), bad, raw, line)
				}
			}
		}
	}
}

func BenchmarkMarshalHostile(b *testing.B) {
	r := hostile("\n")[0]
	record.NewStamper(bootID).Stamp(r, at)
	for b.Loop() {
		record.Marshal(r)
	}
}
