package record_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
)

func TestStamperNumbersEachRecordOnce(t *testing.T) {
	const goroutines, each = 8, 100
	s := record.NewStamper(bootID + "\n")
	seen := make([][]uint64, goroutines)
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for range each {
				l := &record.Log{Severity: 6}
				s.Stamp(l, at)
				seen[g] = append(seen[g], l.Seq)
			}
		})
	}
	wg.Wait()
	unique := map[uint64]bool{}
	for _, numbers := range seen {
		for _, n := range numbers {
			unique[n] = true
		}
	}
	for n := uint64(1); n <= goroutines*each; n++ {
		if !unique[n] {
			t.Errorf("number %d is missing", n)
		}
	}
}

func TestStampFillsTheHeader(t *testing.T) {
	l := &record.Log{Severity: 3, Text: "a\nb"}
	l.Truncated = []string{"left over"}
	record.NewStamper(bootID).Stamp(l, at)
	got := l.Header
	if got.Truncated != nil {
		t.Errorf("truncated %v", got.Truncated)
	}
	if got.Time != "2026-11-22T03:12:07.118204551Z" || got.Level != "ERROR" || got.Msg != `a\x0ab` ||
		got.Event != "log" || got.Schema != "syscountd/1" || got.Seq != 1 || got.BootID != "0a1b2c3d4e5f60718293a4b5c6d7e8f9" {
		t.Errorf("header %+v", got)
	}
}

func TestLevel(t *testing.T) {
	want := []string{"ERROR", "ERROR", "ERROR", "ERROR", "WARN", "INFO", "INFO", "DEBUG"}
	for priority, level := range want {
		if got := record.Level(priority); got != level {
			t.Errorf("Level(%d) = %s, want %s", priority, got, level)
		}
	}
}

func TestFormatTime(t *testing.T) {
	cet := time.FixedZone("CET", 3600)
	tests := []struct {
		in   time.Time
		want string
	}{
		{time.Time{}, ""},
		{time.Date(2026, 11, 22, 4, 12, 7, 0, cet), "2026-11-22T03:12:07.000000000Z"},
		{time.Date(2026, 1, 2, 3, 4, 5, 120, time.UTC), "2026-01-02T03:04:05.000000120Z"},
		{time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), "9999-12-31T23:59:59.999999999Z"},
		{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), ""},
		{time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), ""},
	}
	for _, tt := range tests {
		if got := record.FormatTime(tt.in); got != tt.want {
			t.Errorf("FormatTime(%v) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestHeaderComesFirst(t *testing.T) {
	for _, r := range samples() {
		record.NewStamper(bootID).Stamp(r, at)
		line := record.Marshal(r)
		last := 0
		for _, key := range []string{`{"time":`, `,"level":`, `,"msg":`, `,"event":`, `,"schema":`, `,"seq":`, `,"boot_id":`} {
			i := bytes.Index(line, []byte(key))
			if i < last || i > last+400 {
				t.Errorf("%s: key %s at %d, after %d", r.Event(), key, i, last)
			}
			last = i
		}
	}
}
