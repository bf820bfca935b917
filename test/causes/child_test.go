package causes

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A child is this test binary again. One thread of it, locked, does one job
// after the other, by raw system calls; its name is the child's role. It hears of
// a job by readv and answers by writev, which no job uses.

// job is what a child does. What a field means depends on the operation.
type job struct {
	Op   string
	Path string
	Ns   int64
	N    int
	CPU  int
}

// result is what a child says of its job. Times are CLOCK_MONOTONIC, just before
// and after the call; of an injector, of what it injected.
type result struct {
	TID           int
	Before, After uint64
	Ret           int64
	Gaps          [][2]uint64 // between the two, in which the injector itself had no CPU
	CPUNs         int64       // CPU time of the thread between the two
	RunDelayNs    int64       // its time on the run queue
	Peer          *result
	Want          []expected
	Err           string
}

func (r result) ns() int64 { return int64(r.After - r.Before) }

// until is how long the injection lasted until that moment: the injector's own
// gaps are none of it.
func (r result) until(moment uint64) int64 {
	end := min(moment, r.After)
	ns := int64(end) - int64(r.Before)
	for _, gap := range r.Gaps {
		ns -= max(0, int64(min(gap[1], end))-int64(gap[0]))
	}
	return ns
}

const childVariable = "SYSCOUNT_CAUSES_CHILD"

func isChild() bool { return os.Getenv(childVariable) != "" }

// child is a started one.
type child struct {
	t   testing.TB
	cmd *exec.Cmd
	in  *os.File
	out *bufio.Reader
}

// startChild starts a child in a cgroup ("": in that of the test).
func startChild(t testing.TB, role, cgroup string) *child {
	t.Helper()
	childIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: exec.Command("/proc/self/exe"), in: in, out: bufio.NewReaderSize(out, 1<<20)}
	// Without preemption by signals, which would interrupt the slow calls.
	c.cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1", "GOGC=off", "GOMAXPROCS=4", childVariable+"="+role)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = childIn, childOut, os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{}
	if cgroup != "" {
		dir, err := os.Open(cgroup)
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		c.cmd.SysProcAttr.UseCgroupFD, c.cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
	}
	err = c.cmd.Start()
	childIn.Close()
	childOut.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// tell gives the child a job.
func (c *child) tell(j job) {
	c.t.Helper()
	line, _ := json.Marshal(j)
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		c.t.Fatalf("tell the child: %v", err)
	}
}

// hear waits for the result of a job.
func (c *child) hear() result {
	c.t.Helper()
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		c.t.Fatalf("the child ended early: %v", err)
	}
	var r result
	if err := json.Unmarshal(line, &r); err != nil {
		c.t.Fatalf("the child said %q: %v", line, err)
	}
	if r.Err != "" {
		c.t.Fatalf("the child: %s", r.Err)
	}
	return r
}

func (c *child) do(j job) result {
	c.t.Helper()
	c.tell(j)
	return c.hear()
}

// awaitCall waits until the child's first thread, which does the jobs, sleeps in a
// call of this number.
func (c *child) awaitCall(nr int) {
	c.t.Helper()
	defer func() {
		if c.t.Failed() {
			now, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", c.pid()))
			c.t.Logf("process %d, state %c, is in call %s", c.pid(), stateOf(c.pid()), now)
		}
	}()
	await(c.t, fmt.Sprintf("sleep in call %d", nr), func() bool { return inCall(c.pid(), c.pid(), nr) })
}

func inCall(pid, tid, nr int) bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", pid, tid))
	return strings.HasPrefix(string(text), strconv.Itoa(nr)+" ")
}

// threadsIn is how many threads of the child sleep in a call of this number on this
// kind of file.
func (c *child) threadsIn(nr int) int {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", c.pid()))
	n := 0
	for _, task := range tasks {
		tid, _ := strconv.Atoi(filepath.Base(task))
		if inCall(c.pid(), tid, nr) {
			n++
		}
	}
	return n
}

func stateOf(pid int) byte {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	return stat[strings.LastIndexByte(string(stat), ')')+2]
}

// kill ends the child and reaps it; again is harmless.
func (c *child) kill() {
	if c.cmd.ProcessState == nil {
		c.cmd.Process.Kill()
		c.cmd.Wait()
	}
	c.in.Close()
}
