package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serve runs fusedelay on a new directory until the test ends, and gives the
// path of its file.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("mount(2) needs root")
	}
	dir := t.TempDir()
	out, in := io.Pipe()
	stop := make(chan os.Signal, 1)
	ended := make(chan error, 1)
	go func() {
		err := run(append([]string{"-mount", dir}, args...), in, stop)
		in.CloseWithError(err)
		ended <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("fusedelay said %q: %v", line, err)
	}
	t.Cleanup(func() {
		stop <- syscall.SIGTERM
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("still mounted: %v, %v", entries, err)
		}
	})
	return filepath.Join(dir, "slow")
}

// took says how long another process needed for the shell words args. Another
// process, because the calls of this one wait for this one.
func took(t *testing.T, args ...string) time.Duration {
	t.Helper()
	start := time.Now()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
	return time.Since(start)
}

func TestChosenCallsTakeTheDelay(t *testing.T) {
	const delay = 100 * time.Millisecond
	for _, test := range []struct {
		ops  string
		args []string
		want time.Duration
	}{
		{"open", []string{"dd", "status=none", "count=0", "of=/dev/null", "if="}, delay},
		{"read", []string{"dd", "status=none", "count=1", "of=/dev/null", "if="}, delay},
		{"read", []string{"dd", "status=none", "count=2", "bs=1", "of=/dev/null", "if="}, 2 * delay},
		{"fsync", []string{"sync", ""}, delay},
		{"open,fsync", []string{"sync", ""}, 2 * delay},
	} {
		t.Run(test.ops+" "+strings.Join(test.args, " "), func(t *testing.T) {
			file := serve(t, "-delay", delay.String(), "-ops", test.ops)
			args := append([]string(nil), test.args...)
			args[len(args)-1] += file
			if got := took(t, args...); got < test.want {
				t.Errorf("took %v, less than %v", got, test.want)
			}
		})
	}
}

func TestOtherCallsDoNotTakeTheDelay(t *testing.T) {
	// An hour: a call that took it would not return before the test's end.
	file := serve(t, "-delay", "1h", "-ops", "fsync")
	out, err := exec.Command("cat", file).CombinedOutput()
	if err != nil || string(out) != content {
		t.Errorf("cat gave %q, %v", out, err)
	}
}

func TestReadsHoldTheContent(t *testing.T) {
	file := serve(t, "-delay", "0s")
	for _, test := range []struct{ skip, count, want string }{
		{"0", "5", content}, {"1", "2", "lo"}, {"4", "9", "\n"}, {"5", "1", ""}, {"99", "1", ""},
	} {
		out, err := exec.Command("dd", "status=none", "bs=1", "skip="+test.skip, "count="+test.count, "if="+file).Output()
		if err != nil || string(out) != test.want {
			t.Errorf("skip %s count %s: want %q, got %q, %v", test.skip, test.count, test.want, out, err)
		}
	}
}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		args    string
		want    delays
		wantErr string
	}{
		{args: "-mount /mnt", want: delays{read: 200e6, fsync: 200e6, open: 200e6}},
		{args: "-mount /mnt -delay 1s -ops read", want: delays{read: 1e9}},
		{args: "-mount /mnt -delay 0s -ops open,fsync"},
		{args: "-delay 1s", wantErr: "no directory"},
		{args: "-mount /mnt -delay -1s", wantErr: "-1s is negative"},
		{args: "-mount /mnt -ops write", wantErr: `no operation "write"`},
		{args: "-mount /mnt -ops=", wantErr: `no operation ""`},
	} {
		dir, got, err := parse(strings.Fields(test.args))
		if test.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("%s: want an error with %q, got %v", test.args, test.wantErr, err)
			}
			continue
		}
		if err != nil || dir != "/mnt" || got != test.want {
			t.Errorf("%s: got %q, %+v, %v", test.args, dir, got, err)
		}
	}
}
