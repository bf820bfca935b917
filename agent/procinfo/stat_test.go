package procinfo

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// statLine is a /proc/PID/stat as Linux 6.18 writes it.
func statLine(comm string, parent, start uint64) string {
	return fmt.Sprintf("812 (%s) S %d 812 812 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 %d 9000 300 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
		comm, parent, start)
}

func TestParseStatNames(t *testing.T) {
	for _, comm := range []string{"postgres", "", " ", "a b", "(sd-pam)", "a) S 1 1 (b", ")", "((", "a\nb", "\x1b[2J", "\xff\xfe",
		"x) R 1 1 1 1 1 1", "kworker/u8:2-events_unbound_with_a_long_name"} {
		got, err := ParseStat([]byte(statLine(comm, 790, 12345)))
		if err != nil {
			t.Errorf("%q: %v", comm, err)
			continue
		}
		if want := (Stat{Comm: comm, ParentPID: 790, StartTicks: 12345}); got != want {
			t.Errorf("%q: got %+v", comm, got)
		}
	}
}

func TestParseStatRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":         "",
		"no name":       "812 S 1 2 3",
		"reversed":      ") 1 (",
		"too short":     "812 (a) S 1 2 3 4",
		"parent":        strings.Replace(statLine("a", 7, 9), "S 7", "S -7", 1),
		"absurd parent": statLine("a", 1<<40, 9),
		"start":         strings.Replace(statLine("a", 7, 987654), "987654", "99999999999999999999", 1),
	} {
		if got, err := ParseStat([]byte(text)); err == nil {
			t.Errorf("%s: parsed as %+v", name, got)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte(statLine("a) (b", 1, 2)))
	f.Add([]byte("1 ()"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := ParseStat(text); err == nil && !strings.Contains(string(text), "("+s.Comm+")") {
			t.Errorf("ParseStat(%q) = %+v", text, s)
		}
	})
}

func TestParseUID(t *testing.T) {
	const head = "Name:\tUid:\\n7\nUmask:\t0022\nState:\tS (sleeping)\n"
	uid, err := ParseUID([]byte(head + "Uid:\t1\t113\t3\t4\nGid:\t5\t6\t7\t8\n"))
	if err != nil || uid != 113 {
		t.Errorf("got %d, %v; want the effective user 113", uid, err)
	}
	for _, bad := range []string{"", head, "Uid:\n", "Uid:\t1\n", "Uid:\t1\t-2\t3\t4\n", "Uid:\t1\t4294967296\t3\t4\n", "xUid:\t1\t2\t3\t4\n"} {
		if uid, err := ParseUID([]byte(bad)); err == nil {
			t.Errorf("%q: parsed as %d", bad, uid)
		}
	}
}

func TestParseOfThisProcess(t *testing.T) {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	stat, err := ParseStat(text)
	if err != nil {
		t.Fatal(err)
	}
	if int(stat.ParentPID) != os.Getppid() || stat.StartTicks == 0 || stat.Comm == "" {
		t.Errorf("got %+v, parent %d", stat, os.Getppid())
	}
}
