package bpftest

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Tally is a known answer: the calls of one syscall, and how many of them fail.
type Tally struct{ Calls, Errors uint64 }

// Door is a way into the kernel, which has numbers of its own.
type Door bool

// The doors: the architecture's own, and that of i386, int $0x80.
const (
	OwnDoor Door = false
	Door386 Door = true
)

// Number names a syscall.
type Number struct {
	Door
	Nr int32
}

// Thread is a call that starts a thread with steps of its own, the last of which
// has to be exit.
func (p *Program) Thread(steps ...Step) Step {
	const flags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM
	return Call(unix.SYS_CLONE, flags, p.Stack()).IfZero(p.Steps(steps...))
}

// Migrating are threads that make about so many calls each, by all doors that the
// architecture has, and move to the next CPU after each hundred; and the known answer.
func (p *Program) Migrating(t testing.TB, threads, callsEach int) ([]Step, map[Number]Tally) {
	t.Helper()
	cpus := p.Masks(t)
	rounds := max(callsEach/((101+otherDoorsCalls())*len(cpus)), 1)
	b, missing := p.Words(0), p.Text("/nonexistent/syscountd")
	var mix []Step
	for _, mask := range cpus {
		mix = append(mix,
			Call(unix.SYS_SCHED_SETAFFINITY, 0, 128, mask),
			Call(unix.SYS_GETPPID).Times(45), Call(unix.SYS_READ, 3, b, 1).Times(30))
		mix = append(mix, otherDoors...)
		mix = append(mix,
			Call(unix.SYS_GETSID, 0).Times(15), Call(unix.SYS_GETSID, 1<<31).Times(5),
			Call(unix.SYS_OPENAT, 0, missing, 0).Times(5))
	}
	mix = append(mix, Loop(len(mix), rounds), Call(unix.SYS_EXIT, 0))
	steps := []Step{Call(unix.SYS_OPENAT, 0, p.Text("/dev/zero"), 0)}
	for range threads {
		steps = append(steps, p.Thread(mix...))
	}
	n := uint64(threads * rounds * len(cpus))
	answer := map[Number]Tally{
		{Nr: unix.SYS_CLONE}: {uint64(threads), 0}, {Nr: unix.SYS_SCHED_SETAFFINITY}: {n, 0}, {Nr: unix.SYS_GETPPID}: {45 * n, 0},
		{Nr: unix.SYS_READ}: {30 * n, 0}, {Nr: unix.SYS_GETSID}: {20 * n, 5 * n}, {Nr: unix.SYS_OPENAT}: {5*n + 1, 5 * n},
	}
	for number, each := range otherDoorsAnswer {
		answer[number] = Tally{each.Calls * n, each.Errors * n}
	}
	return append(steps, Call(unix.SYS_EXIT, 0)), answer
}

// otherDoorsCalls is how many calls a thread makes by them before it moves on.
func otherDoorsCalls() (n int) {
	for _, each := range otherDoorsAnswer {
		n += int(each.Calls)
	}
	return n
}

// Masks are the CPUs that we may run on, each in a mask of its own.
func (p *Program) Masks(t testing.TB) (addresses []uintptr) {
	t.Helper()
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		t.Fatal(err)
	}
	for cpu := range len(allowed) * 64 {
		if allowed.IsSet(cpu) {
			mask := make([]uintptr, len(allowed))
			mask[cpu/64] = 1 << (cpu % 64)
			addresses = append(addresses, p.Words(mask...))
		}
	}
	return addresses
}
