package bpf

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// An agent is another process, which loads a tracer, hands its parts to the test, and
// lives until it is killed.

const agentVariable = "SYSCOUNT_BPF_AGENT"

// agentTask is what it is told to do.
type agentTask struct {
	Options Options
	PIDs    []int // to be observed
}

// slowSleep is a call that the agent wants to be handed over.
const slowSleep = 20 * time.Millisecond

func isAgent() bool { return os.Getenv(agentVariable) != "" }

// runAgent never returns.
func runAgent() {
	if err := agent(); err != nil {
		fmt.Fprintf(os.Stderr, "agent: %v\n", err)
	}
	os.Exit(1)
}

func agent() error {
	var task agentTask
	if err := json.Unmarshal([]byte(os.Getenv(agentVariable)), &task); err != nil {
		return err
	}
	tracer, err := Load(task.Options)
	if err != nil {
		return err
	}
	f, err := filterOf(task.PIDs)
	if err != nil {
		return err
	}
	if err := errors.Join(tracer.SetSyscalls(sleepsAreSlow), tracer.SetFilter(f), tracer.Attach()); err != nil {
		return err
	}
	return sendParts(tracer)
}

func filterOf(pids []int) (f Filter, err error) {
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			return f, err
		}
		f.PIDFDs = append(f.PIDFDs, fd)
	}
	return f, nil
}

func sleepsAreSlow(sc Syscall) Setting {
	s := Setting{Traits: TraitObserved, ThresholdNs: Never}
	if sc == own(unix.SYS_CLOCK_NANOSLEEP) {
		s.ThresholdNs = uint64(slowSleep)
	}
	return s
}

// sendParts sends them on descriptor 3, and waits for its end.
func sendParts(tracer *Tracer) error {
	parts, err := tracer.Parts()
	if err != nil {
		return err
	}
	conn, err := net.FileConn(os.NewFile(3, "test"))
	if err != nil {
		return err
	}
	var names []string
	var fds []int
	for _, part := range parts {
		names, fds = append(names, part.Name), append(fds, part.FD)
	}
	if _, _, err := conn.(*net.UnixConn).WriteMsgUnix([]byte(strings.Join(names, "\n")), unix.UnixRights(fds...), nil); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}

// startAgent gives the process, and the parts of its tracer, which the test holds as
// systemd does.
func startAgent(t *testing.T, task agentTask) (*exec.Cmd, map[string]int) {
	t.Helper()
	text, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(pair[0]) })
	theirs := os.NewFile(uintptr(pair[1]), "test")
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), agentVariable+"="+string(text))
	cmd.Stderr, cmd.ExtraFiles = os.Stderr, []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	t.Cleanup(func() { end(cmd) })
	return cmd, receiveParts(t, pair[0])
}

func end(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		cmd.Process.Kill()
		cmd.Wait()
	}
}

func receiveParts(t *testing.T, socket int) map[string]int {
	t.Helper()
	text, rights := make([]byte, 8192), make([]byte, unix.CmsgSpace(4*253))
	n, m, _, _, err := unix.Recvmsg(socket, text, rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil || n == 0 {
		t.Fatalf("the agent sent nothing: %v", err)
	}
	messages, err := unix.ParseSocketControlMessage(rights[:m])
	if err != nil {
		t.Fatal(err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]int{}
	for i, name := range strings.Split(string(text[:n]), "\n") {
		parts[name] = fds[i]
	}
	t.Cleanup(func() {
		for _, fd := range parts {
			unix.Close(fd)
		}
	})
	return parts
}

// lives are children that make calls before the agent's end, while nobody is there,
// after the adoption, and all the time.
type lives struct{ before, between, after, through *bpftest.Child }

func startLives(t *testing.T) lives {
	calls := loadCalls(t) / 20
	return lives{
		before:  bpftest.Start(t, bpftest.Script{Getppid: calls}),
		between: bpftest.Start(t, bpftest.Script{Getppid: 2 * calls, SleepNs: int64(2 * slowSleep)}),
		after:   bpftest.Start(t, bpftest.Script{Getppid: 3 * calls}),
		through: bpftest.Start(t, bpftest.Script{Getppid: 20 * calls}),
	}
}

func (l lives) pids() []int {
	return []int{l.before.PID(), l.between.PID(), l.after.PID(), l.through.PID()}
}

// over runs them around an agent's end and gives the tracer that was adopted.
func (l lives) over(t *testing.T, opts Options) *Tracer {
	t.Helper()
	cmd, parts := startAgent(t, agentTask{opts, l.pids()})
	l.before.Run()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.through.Run()
	}()
	end(cmd)
	l.between.Run()
	asked := opts
	asked.Mode, asked.Sample = ModeAccount, 3 // it stays in its own
	tracer, err := Adopt(asked, parts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tracer.Close() })
	if !tracer.Options().Same(opts) {
		t.Errorf("adopted in %+v; it was %+v", tracer.Options(), opts)
	}
	f, err := filterOf(l.pids())
	if err != nil {
		t.Fatal(err)
	}
	defer closeFDs(f.PIDFDs)
	if err := tracer.SetFilter(f); err != nil {
		t.Fatal(err)
	}
	l.after.Run()
	<-ended
	return tracer
}

func closeFDs(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// One set of programs serves all modes: account, and watch, which calls us back, tell for
// the others.
func TestAdoption(t *testing.T) {
	t.Run("account", func(t *testing.T) {
		l := startLives(t)
		tracer := l.over(t, modes["account"])
		l.wantExact(t, tracer)
		l.wantSlow(t, tracer)
		wantAway(t, tracer)
	})
	t.Run("watch", func(t *testing.T) {
		needWatch(t)
		l := startLives(t)
		l.wantSlow(t, l.over(t, watchMode))
	})
}

func (l lives) wantExact(t *testing.T, tracer *Tracer) {
	t.Helper()
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	rows := sums(t, tracer)
	for child, want := range map[*bpftest.Child]int{l.before: 1, l.between: 2, l.after: 3, l.through: 20} {
		group, _ := groupOf(t, tracer, child.PID())
		want *= loadCalls(t) / 20
		if got := rows[group][unix.SYS_GETPPID]; !within(got.Count, uint64(want), c.RecursionMisses) {
			t.Errorf("process %d: %d calls; want %d, less at most %d", child.PID(), got.Count, want, c.RecursionMisses)
		}
	}
	if c.RecursionMisses == 0 && c.Overwritten+c.Refiltered != 0 {
		t.Errorf("counters %+v", c)
	}
}

// wantSlow wants the slow call of the time without a process, once; or not, where the kernel
// has skipped runs of our programs.
func (l lives) wantSlow(t *testing.T, tracer *Tracer) {
	t.Helper()
	if err := tracer.FlushSlow(); err != nil {
		t.Fatal(err)
	}
	found := 0
	for {
		call, err := tracer.NextSlow()
		if errors.Is(err, ErrFlushed) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if int(call.PID) == l.between.PID() && call.Syscall == own(unix.SYS_CLOCK_NANOSLEEP) {
			found++
		}
	}
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 && c.RecursionMisses > 0 {
		t.Logf("the slow call is not to be found: the kernel skipped %d runs", c.RecursionMisses)
	} else if found != 1 {
		t.Errorf("%d slow calls of the time without a process; want 1", found)
	}
}

// wantAway: the kernel knows how long nobody was there, and tells it once. It does not if
// it has skipped the program.
func wantAway(t *testing.T, tracer *Tracer) {
	t.Helper()
	misses, err := tracer.Misses()
	if err != nil {
		t.Fatal(err)
	}
	away, err := tracer.Away()
	if err == nil && away == 0 && misses["sched_process_exit"] > 0 {
		t.Logf("not known how long: the kernel skipped %d runs of sched_process_exit", misses["sched_process_exit"])
		return
	}
	if err != nil || away < 2*slowSleep || away > time.Minute {
		t.Errorf("away for %v, %v; want at least %v", away, err, 2*slowSleep)
	}
	if again, err := tracer.Away(); err != nil || again != 0 {
		t.Errorf("told again: %v, %v", again, err)
	}
}

// What is not whole is refused, and nothing of it stays open: TestMain counts.
func TestHalfATracerIsRefused(t *testing.T) {
	opts := modes["account"]
	_, parts := startAgent(t, agentTask{Options: opts, PIDs: []int{1}}) // who makes few calls
	without := func(name string) map[string]int {
		some := map[string]int{}
		for n, fd := range parts {
			if n != name {
				some[n] = fd
			}
		}
		return some
	}
	with := func(name string, fd int) map[string]int {
		all := without(name)
		all[name] = fd
		return all
	}
	for name, test := range map[string]struct {
		parts map[string]int
		says  string
	}{
		"no parts":                     {nil, "it has no map"},
		"a map is missing":             {without("map.cpus"), "it has no map cpus"},
		"a link is missing":            {without("link.sys_exit"), "nothing is attached to sys_exit"},
		"a program is missing":         {without("program.sys_exit"), "is attached to sys_exit"},
		"a link of another program":    {with("link.sys_exit", parts["link.sys_enter"]), "is attached to sys_exit"},
		"a map that is none":           {with("map.cpus", parts["link.sys_exit"]), "map cpus"},
		"a map of another kind":        {with("map.cpus", parts["map.rows"]), "map cpus"},
		"a part of an unknown kind":    {with("colour", parts["map.rows"]), "it is no map, program or link"},
		"a descriptor that is not one": {with("map.cpus", 1<<20), "copy the descriptor of map.cpus"},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, err := Adopt(opts, test.parts)
			if err == nil {
				tracer.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v; want %q", err, test.says)
			}
		})
	}
}

func TestEachDifferenceIsAnotherLayout(t *testing.T) {
	seen := map[string]Options{}
	for _, opts := range []Options{
		{GroupBy: GroupByProcess, Rows: 4096}, {GroupBy: GroupByCgroup, Rows: 4096}, {GroupBy: GroupByProcess, Rows: 8192},
		{GroupBy: GroupByProcess, Rows: 4096, NoWaits: true},
	} {
		layout, err := LayoutOf(opts)
		if err != nil || len(layout) != 16 {
			t.Fatalf("%q, %v", layout, err)
		}
		if same, ok := seen[layout]; ok {
			t.Errorf("%+v and %+v have the layout %s", opts, same, layout)
		}
		seen[layout] = opts
		other := opts
		other.Mode, other.Sample = ModeCount, 16 // which can be switched to
		if again, err := LayoutOf(other); err != nil || again != layout {
			t.Errorf("%+v: first %s, then %s, %v", opts, layout, again, err)
		}
	}
}
