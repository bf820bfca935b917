package bpf

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// deny are the steps that let seccomp deny one call with EPERM, and another
// with SIGSYS.
func deny(p *bpftest.Program, errno, trap uint32) []bpftest.Step {
	program := encodeFilter(
		unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: errno, Jt: 1},
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: trap, Jt: 1, Jf: 2},
		unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_TRAP},
		unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW},
	)
	return []bpftest.Step{
		call(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1),
		call(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, p.Words(uintptr(len(program)), p.Words(program...))),
	}
}

// encodeFilter lays out struct sock_filter: a word each.
func encodeFilter(filter ...unix.SockFilter) (words []uintptr) {
	for _, f := range filter {
		words = append(words, uintptr(f.Code)|uintptr(f.Jt)<<16|uintptr(f.Jf)<<24|uintptr(f.K)<<32)
	}
	return words
}

// A call that seccomp denies never begins; where we see ends only, it is one
// that failed. A trapped one has no result: its end shows what was in the
// register.
func trapDeniedBySeccomp(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	steps := append(deny(p, unix.SYS_GETSID, unix.SYS_GETPGID), p.Handler(unix.SIGSYS, 0),
		call(unix.SYS_GETSID, 0).Times(50), call(unix.SYS_GETPGID, 0).Times(20), call(unix.SYS_GETPPID).Times(10), exit())
	process := p.Start(t, steps...)
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Finish()
	want := calls{
		own(unix.SYS_PRCTL): {1, 0}, own(unix.SYS_SECCOMP): {1, 0}, own(unix.SYS_RT_SIGACTION): {1, 0},
		own(unix.SYS_RT_SIGRETURN): {20, 0}, own(unix.SYS_GETPPID): {10, 0},
	}
	if opts.Mode == ModeCount {
		wantCalls(t, tracer, want.plus(calls{own(unix.SYS_GETSID): {50, 50}, own(unix.SYS_GETPGID): {20, 0}}))
		wantStory(t, tracer, Counters{})
		return
	}
	wantCalls(t, tracer, want)
	wantStory(t, tracer, Counters{Died: 1, ExitWithoutEnter: 70})
}

// traced starts a program under ptrace, stopped before its first step. The
// thread that called has to go on with it.
func traced(t *testing.T, p *bpftest.Program, steps ...bpftest.Step) *bpftest.Process {
	t.Helper()
	return bpftest.StartTraced(t, p.Executable(t, steps...))
}

// ptraceSysemu: stop before the next call, and leave it out (ptrace(2)).
const ptraceSysemu = 31

func trapLeftOutByPtrace(t *testing.T, r *rig, opts Options) {
	process := traced(t, bpftest.NewProgram(), call(unix.SYS_GETSID, 0).Times(50), call(unix.SYS_GETPPID).Times(10), exit())
	tracer := r.watch(t, opts, process)
	for range 50 {
		process.Ptrace(ptraceSysemu)
		process.AwaitStop()
	}
	process.Ptrace(unix.PTRACE_CONT)
	process.Finish()
	want := calls{own(unix.SYS_GETPPID): {10, 0}}
	if opts.Mode == ModeCount {
		wantRows(t, tracer, want.plus(calls{own(unix.SYS_GETSID): {50, 50 * leftOutFails}}))
		wantEnds(t, tracer, Counters{})
		return
	}
	wantRows(t, tracer, want)
	wantEnds(t, tracer, Counters{Died: 1, ExitWithoutEnter: 50})
}

// What a tracer makes of a call is what counts: another call, or none.
func trapRewrittenByPtrace(t *testing.T, r *rig, opts Options) {
	process := traced(t, bpftest.NewProgram(), call(unix.SYS_GETSID, 0).Times(20), exit())
	tracer := r.watch(t, opts, process)
	for i := range 20 {
		process.Ptrace(unix.PTRACE_SYSCALL) // until its beginning
		process.AwaitStop()
		process.SetSyscall([]int{-1, unix.SYS_GETPPID}[i%2])
		process.Ptrace(unix.PTRACE_SYSCALL) // until its end
		process.AwaitStop()
	}
	process.Ptrace(unix.PTRACE_CONT)
	process.Finish()
	wantRows(t, tracer, calls{own(NrUnknown): {10, 10 * leftOutFails}, own(unix.SYS_GETPPID): {10, 0}})
	wantEnds(t, tracer, Counters{Died: 1})
}
