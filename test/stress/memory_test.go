package stress

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"
)

// rssLimit is what the service itself may take at any time.
const rssLimit = 64 << 20

// memory is what the service takes, seen from outside, once a second.
type memory struct {
	t       *testing.T
	pid     int
	quit    chan struct{}
	sampler sync.WaitGroup

	rss, kernel uint64 // largest so far
	start       uint64 // of kernel
}

// watchMemory begins when the service has been attached for an interval since that
// moment, and has the rows of those who live on this host.
func watchMemory(s *service, since time.Time) *memory {
	s.t.Helper()
	s.awaitInterval(since)
	m := &memory{t: s.t, pid: s.cmd.Process.Pid, quit: make(chan struct{})}
	m.start = kernelBytes(m.t, m.pid)
	m.sampler.Go(m.sample)
	m.t.Cleanup(m.end)
	return m
}

func (m *memory) sample() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		m.rss = max(m.rss, rssBytes(m.t, m.pid))
		m.kernel = max(m.kernel, kernelBytes(m.t, m.pid))
		select {
		case <-tick.C:
		case <-m.quit:
			return
		}
	}
}

// end stops the sampling; again is harmless.
func (m *memory) end() {
	select {
	case <-m.quit:
	default:
		close(m.quit)
	}
	m.sampler.Wait()
}

// settle returns when the rows of all processes that ended before that moment are
// freed, which happens at the end of an interval.
func (m *memory) settle(s *service, loadEnded time.Time) (after uint64) {
	m.t.Helper()
	s.awaitInterval(loadEnded)
	m.end()
	after = kernelBytes(m.t, m.pid)
	m.t.Logf("BPF maps: %d bytes at the start, at most %d, %d at the end; RSS at most %d KiB", m.start, m.kernel, after, m.rss>>10)
	return after
}

// What stays of a load that is observed alone: the path of its cgroup; once
// the table of groups was full, a row of the rest for each call and CPU; and the rows of
// the service's own calls that measure what a call costs, where the load has taken the places near
// the CPU (docs/architecture.md, "Memory"). The sizes are rounded up, for the kernel's own
// part of an element.
const (
	pathBytes = 1400
	rowBytes  = 750
)

// settleAlone is settle where nothing is observed but a load that makes so many
// different calls: nobody else can have rows of his own by now, so that it is
// known what the maps hold, and what the service itself may take.
func (m *memory) settleAlone(s *service, loadEnded time.Time, calls int) {
	m.t.Helper()
	after, stays := m.settle(s, loadEnded), uint64(pathBytes+rowBytes*calibrationRows(m.t, m.pid))
	if s.lost("rows_overflowed") > 0 {
		stays += uint64(rowBytes * calls * runtime.NumCPU())
	}
	if after > m.start+stays {
		m.t.Errorf("the maps take %d bytes more than before the load; at most %d are explained", after-m.start, stays)
	}
	if m.rss >= rssLimit {
		m.t.Errorf("RSS was up to %d KiB; the limit is %d", m.rss>>10, rssLimit>>10)
	}
}

// groupCalibration is GROUP_CALIBRATION of bpf/syscount.h.
const groupCalibration = ^uint64(0)

// calibrationRows are the rows of calls that measure what a call costs, in the table of those that found no
// place near a CPU. There is one for each call of that thread and each CPU: a dozen at most.
func calibrationRows(t *testing.T, pid int) int {
	n := 0
	for id := range mapsOf(t, pid) {
		rows, err := ebpf.NewMapFromID(ebpf.MapID(id))
		if err != nil {
			t.Fatalf("open map %d: %v", id, err)
		}
		defer rows.Close()
		info, err := rows.Info()
		if err != nil {
			t.Fatalf("ask for map %d: %v", id, err)
		}
		if info.Name != "rows" {
			continue
		}
		key, value := make([]byte, rows.KeySize()), make([]byte, rows.ValueSize())
		for all := rows.Iterate(); all.Next(&key, &value); {
			if binary.NativeEndian.Uint64(key) == groupCalibration {
				n++
			}
		}
	}
	if most := 6 * runtime.NumCPU(); n > most {
		t.Errorf("%d rows of calls that measure what a call costs; want %d at most", n, most)
	}
	return n
}

// kernelBytes is the memory of the service's BPF maps. What hash maps really hold
// is in fdinfo since Linux 6.4; before that "memlock" is their full size, which
// never changes. Task storage is not in it: it dies with the tasks.
func kernelBytes(t *testing.T, pid int) uint64 {
	sum := uint64(0)
	for _, memlock := range mapsOf(t, pid) {
		sum += memlock
	}
	return sum
}

// mapsOf are the service's BPF maps: the bytes of each, by its number.
func mapsOf(t *testing.T, pid int) map[uint64]uint64 {
	infos, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "fdinfo", "*"))
	if err != nil || len(infos) == 0 {
		t.Errorf("no descriptors of process %d: %v", pid, err)
		return nil
	}
	maps := map[uint64]uint64{}
	for _, info := range infos {
		// A descriptor may be closed meanwhile: it is none of the maps', which stay.
		text, err := os.ReadFile(info)
		if _, ok := fieldOf(text, "map_id:"); err != nil || !ok {
			continue
		}
		maps[number(t, info, text, "map_id:")] = number(t, info, text, "memlock:")
	}
	if len(maps) == 0 {
		t.Errorf("process %d has no BPF map", pid)
	}
	return maps
}

func rssBytes(t *testing.T, pid int) uint64 {
	path := filepath.Join("/proc", strconv.Itoa(pid), "status")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("read the service's memory: %v", err)
		return 0
	}
	return number(t, path, text, "VmRSS:") << 10
}

// number is the number after a key; a file without it is an error.
func number(t *testing.T, path string, text []byte, key string) uint64 {
	value, _ := fieldOf(text, key)
	var n uint64
	if _, err := fmt.Sscan(value, &n); err != nil {
		t.Errorf("%s: no number after %q", path, key)
	}
	return n
}

// fieldOf is what follows a key at the start of a line.
func fieldOf(text []byte, key string) (string, bool) {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), key); ok {
			return strings.TrimSpace(rest), true
		}
	}
	return "", false
}
