package record_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/record/recordtest"
)

// marshal stamps, marshals, validates and decodes.
func marshal(t *testing.T, r record.Record) (line []byte, object map[string]any) {
	t.Helper()
	record.NewStamper(bootID).Stamp(r, at)
	line = record.Marshal(r)
	recordtest.Validate(t, line)
	if err := json.Unmarshal(line, &object); err != nil {
		t.Fatal(err)
	}
	return line, object
}

func truncated(object map[string]any) []string {
	var paths []string
	list, _ := object["truncated"].([]any)
	for _, p := range list {
		paths = append(paths, p.(string))
	}
	return paths
}

func TestMarshalEscapesEveryText(t *testing.T) {
	bad := "\x1b[2J\n\u202e\xff"
	s := slow()
	s.Rule, s.Process.Comm, s.Process.CommandLine, s.Systemd.Unit, s.Cgroup = bad, bad, bad, bad, bad
	s.Process.Executable = record.Executable{Name: bad, Path: bad}
	s.Container = record.Container{ID: bad, Runtime: bad}
	marshal(t, s)
	s.File.Path, s.To = bad, &record.File{FD: 1, Path: bad, Socket: &record.Socket{Family: "unix", Path: bad}}
	s.Wait.Site, s.Wait.Class, s.Wait.Waker.Comm, s.Wait.Blocker.Comm = bad, bad, bad, bad
	s.KernelStack, s.Syscall.Paths, s.Syscall.Details = []string{bad}, []string{bad}, map[string]string{bad: bad}
	marshal(t, s)
	in := incident(record.IncidentOpened)
	in.ID, in.Site, in.Class, in.Cgroup, in.Files, in.KernelStack = bad, bad, bad, bad, []string{bad}, []string{bad}
	marshal(t, in)
	st := state()
	st.Detail, st.PolicyFiles, st.Filter.Units = bad, []string{bad}, []string{bad}
	marshal(t, st)
	i := interval()
	i.Drops[bad] = 1
	marshal(t, i)
	marshal(t, &record.Log{Text: bad, Attributes: map[string]string{bad: bad}})
}

func TestMarshalLeavesTheRecordUnchanged(t *testing.T) {
	s := slow()
	s.Process.CommandLine = strings.Repeat("\x01", 5000)
	s.Syscall.Args = []string{strings.Repeat("a", 5000)}
	before := *s
	before.Syscall.Args = slices.Clone(s.Syscall.Args)
	record.Marshal(s)
	if !reflect.DeepEqual(&before, s) {
		t.Error("the record was changed")
	}
	h := summary()
	h.Histogram.Counts = slices.Repeat([]uint64{math.MaxUint64}, 200)
	record.Marshal(h)
	if len(h.Histogram.Counts) != 200 {
		t.Error("the histogram was changed")
	}
	st := state()
	st.Filter.Units, st.Caller.Via = []string{"a\nb"}, "d\nbus"
	record.Marshal(st)
	if st.Filter.Units[0] != "a\nb" || st.Caller.Via != "d\nbus" {
		t.Errorf("what the record points to was changed: %q, %q", st.Filter.Units, st.Caller.Via)
	}
	l := &record.Log{Attributes: map[string]string{"a": strings.Repeat("a", 5000)}}
	record.Marshal(l)
	if len(l.Attributes["a"]) != 5000 {
		t.Error("the attributes were changed")
	}
}

func TestMarshalCutsTheCommandLineFirst(t *testing.T) {
	s := slow()
	s.Process.CommandLine = strings.Repeat("secret ", 600)
	s.Process.Executable.Path = "/" + strings.Repeat("p", 1000)
	line, object := marshal(t, s)
	if got := truncated(object); !slices.Equal(got, []string{"process.command_line"}) {
		t.Errorf("truncated %v", got)
	}
	p := object["process"].(map[string]any)
	if got := p["command_line"].(string); !strings.HasSuffix(got, "…") || !strings.HasPrefix(got, "secret secret") {
		t.Errorf("command line %q", got)
	}
	if got := p["executable"].(map[string]any)["path"]; got != s.Process.Executable.Path {
		t.Errorf("path %q", got)
	}
	if len(line) < record.MaxLine-100 {
		t.Errorf("cut to %d bytes, more than needed", len(line))
	}
}

func TestMarshalCutsInOrder(t *testing.T) {
	s := slow()
	s.Process.CommandLine = strings.Repeat(`"\`, 3000) // each byte takes two in JSON
	s.Process.Executable.Path = "/" + strings.Repeat("\xff", 4000)
	s.Cgroup = "/" + strings.Repeat("c", 4000)
	s.Systemd.Unit = strings.Repeat("u", 4000) // also in msg
	s.Syscall.Paths = []string{strings.Repeat("a/", 500) + "old", strings.Repeat("b/", 500) + "new"}
	s.KernelStack = slices.Repeat([]string{"function"}, 60)
	_, object := marshal(t, s)
	want := []string{"process.command_line", "process.executable.path", "cgroup", "kernel_stack", "syscall.paths", "msg", "systemd.unit"}
	if got := truncated(object); !slices.Equal(got, want) {
		t.Errorf("truncated %v, want %v", got, want)
	}
	if stack := object["kernel_stack"].([]any); len(stack) != 8 {
		t.Errorf("%d functions of the stack are left", len(stack))
	}
}

func TestMarshalKeepsTheEndOfPaths(t *testing.T) {
	long := strings.Repeat("/directory", 400) // 4000 bytes
	s := slow()
	s.File.Path, s.Syscall.Paths = long+"/target", []string{long + "/old", long + "/new", "short"}
	s.Process.Executable.Path, s.Cgroup = long+"/program", long+"/a.service"
	s.To = &record.File{FD: 8, Kind: "socket", Socket: &record.Socket{Family: "unix", Path: long + "/sock"}}
	line, object := marshal(t, s)
	get := func(keys ...string) any {
		var v any = object
		for _, key := range keys {
			v = v.(map[string]any)[key]
		}
		return v
	}
	for want, got := range map[string]any{
		"/target": get("file", "path"), "/program": get("process", "executable", "path"), "/a.service": get("cgroup"),
		"/old": get("syscall", "paths").([]any)[0], "/new": get("syscall", "paths").([]any)[1], "/sock": get("to", "socket", "path"),
	} {
		if text := got.(string); !strings.HasPrefix(text, "…") || !strings.HasSuffix(text, want) || len(text) < 100 {
			t.Errorf("path %q, want one that ends in %s", text, want)
		}
	}
	if got := get("syscall", "paths").([]any); len(got) != 3 || got[2] != "short" {
		t.Errorf("paths %q", got)
	}
	if len(get("kernel_stack").([]any)) != len(s.KernelStack) || get("process", "command_line") != s.Process.CommandLine {
		t.Errorf("cut although it was short: %s", line)
	}
	if want := []string{"process.executable.path", "cgroup", "syscall.paths", "file.path", "to.socket.path"}; !slices.Equal(truncated(object), want) {
		t.Errorf("truncated %q, want %q", truncated(object), want)
	}
}

func TestMarshalCutsLists(t *testing.T) {
	s := state()
	for i := range 3000 {
		s.Filter.PIDs = append(s.Filter.PIDs, uint32(i))
	}
	_, object := marshal(t, s)
	if got := truncated(object); !slices.Equal(got, []string{"filter.pids"}) {
		t.Errorf("truncated %v", got)
	}
	pids := object["filter"].(map[string]any)["pids"].([]any)
	if len(pids) < 400 || pids[0] != 4711.0 || pids[3] != 2.0 {
		t.Errorf("%d pids left: %v...", len(pids), pids[:4])
	}
}

func TestMarshalCleansAndCutsListsOfObjects(t *testing.T) {
	i := interval()
	i.Suppressed = nil
	for range 11 {
		i.Suppressed = append(i.Suppressed, record.Suppression{Rule: strings.Repeat("r", 64), Unit: "\x1b" + strings.Repeat("u", 160), Count: 1})
	}
	_, object := marshal(t, i)
	if got := truncated(object); !slices.Equal(got, []string{"suppressed"}) {
		t.Errorf("truncated %v", got)
	}
	rows := object["suppressed"].([]any)
	if len(rows) < 5 || !strings.HasPrefix(rows[0].(map[string]any)["unit"].(string), `\x1bu`) {
		t.Errorf("%d rows, the first is %v", len(rows), rows[0])
	}
	if !strings.HasPrefix(i.Suppressed[0].Unit, "\x1b") || len(i.Suppressed) != 11 {
		t.Error("the record itself has changed")
	}
}

func TestMarshalDropsCountersAtZeroFirst(t *testing.T) {
	i := interval()
	for n := range 200 {
		i.Drops[fmt.Sprintf("counter_with_a_long_name_%03d", n)] = 0
	}
	_, object := marshal(t, i)
	if got := truncated(object); !slices.Equal(got, []string{"drops"}) {
		t.Errorf("truncated %v", got)
	}
	drops := object["drops"].(map[string]any)
	if drops["rows_overflow"] != 2.0 || len(drops) < 10 || len(drops) > 190 {
		t.Errorf("%d drops left: %v", len(drops), drops)
	}
}

func TestMarshalMakesAHistogramCoarserWithoutLosingCounts(t *testing.T) {
	s := summary()
	s.Histogram = record.Histogram{Scale: 2, Offset: 23, Counts: make([]uint64, 200)}
	var sum uint64
	for i := range s.Histogram.Counts {
		s.Histogram.Counts[i] = math.MaxUint64/2 - uint64(i)
		sum += s.Histogram.Counts[i]
	}
	line, object := marshal(t, s)
	if got := truncated(object); !slices.Equal(got, []string{"histogram"}) {
		t.Errorf("truncated %v", got)
	}
	var back struct{ Histogram record.Histogram }
	if err := json.Unmarshal(line, &back); err != nil {
		t.Fatal(err)
	}
	h := back.Histogram
	// 23..222 in buckets twice as wide: 11..111.
	if h.Scale != 1 || h.Offset != 11 || len(h.Counts) != 101 {
		t.Errorf("scale %d, offset %d, %d counts", h.Scale, h.Offset, len(h.Counts))
	}
	if h.Counts[0] != s.Histogram.Counts[0] || h.Counts[1] != s.Histogram.Counts[1]+s.Histogram.Counts[2] {
		t.Errorf("counts %v...", h.Counts[:2])
	}
	for _, n := range h.Counts {
		sum -= n
	}
	if sum != 0 {
		t.Errorf("%d counts lost", int64(sum))
	}
}

func TestMarshalMakesBucketsBelowOneNanosecondCoarser(t *testing.T) {
	s := summary()
	s.Histogram = record.Histogram{Scale: 4, Offset: -101, Counts: slices.Repeat([]uint64{math.MaxUint64 / 3}, 201)}
	line, _ := marshal(t, s)
	var back struct{ Histogram record.Histogram }
	if err := json.Unmarshal(line, &back); err != nil {
		t.Fatal(err)
	}
	h := back.Histogram
	// -101..99 becomes -51..49; -101 is the upper half of -51 and alone in it.
	if h.Scale != 3 || h.Offset != -51 || len(h.Counts) != 101 || h.Counts[0] != math.MaxUint64/3 || h.Counts[1] != math.MaxUint64/3*2 {
		t.Errorf("scale %d, offset %d, %d counts, %v...", h.Scale, h.Offset, len(h.Counts), h.Counts[:2])
	}
}

func TestMarshalKeepsWhatOnlyHTMLWouldEscape(t *testing.T) {
	s := slow()
	s.Process.CommandLine = "sh -c 'a <b >c && d'"
	line, _ := marshal(t, s)
	if !bytes.Contains(line, []byte(s.Process.CommandLine)) {
		t.Errorf("line %s", line)
	}
}

func TestErrnoWithAndWithoutAName(t *testing.T) {
	for _, errno := range []string{"", "EIO", "E2BIG", "errno 524"} { // 524: ENOTSUPP, which leaks from some drivers
		s := slow()
		s.Syscall.Errno = errno
		marshal(t, s)
	}
}

func TestMarshalAbsurdHistograms(t *testing.T) {
	many := slices.Repeat([]uint64{math.MaxUint64}, 100_000)
	for _, h := range []record.Histogram{
		{Scale: 20, Offset: math.MinInt32, Counts: many},
		{Scale: -10, Offset: 0, Counts: many[:100]},
		{Scale: 2, Offset: -1, Counts: many[:2]},
		{Scale: 2, Offset: -70, Counts: many[:140]},
		{Scale: 0, Offset: math.MaxInt32, Counts: many[:1]},
		{Scale: 0, Offset: 0, Counts: []uint64{}},
	} {
		s := summary()
		s.Histogram = h
		s.Cgroup = strings.Repeat("x", 4000)
		marshal(t, s)
	}
}

// The worst that can reach each field, all at once.
func TestMarshalKeepsTheLimitWhateverComes(t *testing.T) {
	for _, bad := range []string{"\x01", `"`, "\xff", "\U000e0041", "x", "ö"} {
		long := strings.Repeat(bad, 4_000)
		for _, r := range samples() {
			fill(reflect.ValueOf(r).Elem(), long)
			record.NewStamper(bootID).Stamp(r, at)
			line := record.Marshal(r)
			if len(line) > record.MaxLine {
				t.Errorf("%s full of %q: %d bytes", r.Event(), bad, len(line))
			}
			if !json.Valid(line) {
				t.Errorf("%s full of %q: not JSON: %s", r.Event(), bad, line)
			}
		}
	}
}

// fill sets every field that can be set to the largest value or a long text.
func fill(v reflect.Value, long string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(long)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(math.MaxUint64 >> (64 - v.Type().Bits()))
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(math.MinInt64 >> (64 - v.Type().Bits()))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), long)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") != "-" {
				fill(v.Field(i), long)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 15, 15))
		for i := range 15 {
			fill(v.Index(i), long)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range 15 {
			value := reflect.New(v.Type().Elem()).Elem()
			fill(value, long)
			v.SetMapIndex(reflect.ValueOf(fmt.Sprint(i, long)), value)
		}
	}
}

func FuzzMarshal(f *testing.F) {
	f.Add("postgres", "cmd\x00line", "/a/b", uint64(5), int64(-2))
	f.Add(strings.Repeat("\xff", 16), strings.Repeat(`"`, 4000), strings.Repeat("ä", 3000), uint64(math.MaxUint64), int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, comm, cmdline, path string, n uint64, ret int64) {
		s := slow()
		s.Process.Comm, s.Process.CommandLine, s.Process.Executable.Path, s.Cgroup = comm, cmdline, path, path
		s.File.Path, s.Syscall.Paths, s.KernelStack = path, []string{path, cmdline}, []string{comm, path}
		s.Wait.Site, s.Wait.Waker.Comm, s.Wait.LongestNs, s.Wait.IOWaitNs = cmdline, comm, n, n/3
		s.DurationNs, s.Syscall.Ret = n, ret
		marshal(t, s)
		st := stuck()
		st.File.Path, st.Process.Comm, st.Wait.StoppedNs, st.AgeNs, st.Wait.Class = path, comm, n, n, cmdline
		marshal(t, st)
		marshal(t, st.Ended(record.EndedDied, n))
		in := incident(record.IncidentClosed)
		in.Files, in.Site, in.WorstNs, in.Systemd.Unit, in.Cgroup = []string{path, cmdline, comm}, cmdline, n, comm, path
		marshal(t, in)
		sum := summary()
		sum.Cgroup, sum.Process.Comm, sum.Count = path, comm, n
		sum.Histogram.Counts = slices.Repeat([]uint64{n}, len(cmdline)%300)
		marshal(t, sum)
	})
}

func BenchmarkMarshalSlow(b *testing.B) {
	s := slow()
	record.NewStamper(bootID).Stamp(s, at)
	for b.Loop() {
		record.Marshal(s)
	}
}
