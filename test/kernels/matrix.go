// Package kernels runs the BPF tests on kernels that this machine does not have:
// Debian's, from the one below the floor to the newest, under qemu, for both
// architectures. "make test-kernels" runs it.
//
// matrix.go says which kernels. mirror.go, apt.go and deb.go fetch them from Debian,
// build.go and cpio.go make the initramfs, machine.go boots it with the command
// init in it as PID 1, console.go reads what that has printed, and verdict.go says
// what is wrong with it.
package kernels

// kernel is one row of the matrix.
type kernel struct {
	suite string // Debian's, whose newest cloud kernel is taken
	arch  arch
	cpu   string // QEMU's name of the processor, with its features
	// refusal: a pattern for all that syscountd says here, with exit status 69.
	// "": the kernel is supported.
	refusal string
	// noTaskWork: mode watch is refused here, and mode auto does without.
	noTaskWork bool
	// skips are the tests of package bpf that may be skipped here, each with
	// the kernel version that has what it needs.
	skips map[string]string
	// skipsRuns: since 7.2 the kernel now and then skips the programs of system calls (it counts
	// how often), and with them what a test waits for. A test that fails here runs once more.
	skipsRuns bool
	// countInstructions: how many a call takes is measured here too.
	countInstructions bool
}

func (k kernel) name() string { return k.suite + "-" + k.arch.debian }

// matrix is in the order of how long they take, the longest first.
var matrix = []kernel{
	{suite: "trixie-backports", arch: amd64, cpu: newAMD64, skipsRuns: true, countInstructions: true},             // 7.3 in November 2026
	{suite: "bookworm", arch: amd64, cpu: oldAMD64, noTaskWork: true, skips: needTaskWork},                        // 6.1
	{suite: "trixie", arch: amd64, cpu: oldAMD64, noTaskWork: true, skips: needTaskWork, countInstructions: true}, // 6.12
	{suite: "trixie", arch: arm64, cpu: newARM64, noTaskWork: true, skips: needTaskWork},
	{
		suite: "bullseye", arch: amd64, cpu: oldAMD64, // 5.10
		refusal: `^syscountd: not supported by this kernel: Linux 5\.10\.\S+ has no BPF task-local storage, ` +
			`which came with Linux 5\.11; syscountd needs Linux 5\.15 or newer$`,
	},
}

// needTaskWork are the tests of mode watch.
var needTaskWork = map[string]string{
	"TestAdoption/watch":                                   taskWork,
	"TestSwitchesAreCountedAndSomeAreTimed/watch":          taskWork,
	"TestACallThatIsLostToModeWatchIsCounted":              taskWork,
	"TestACallThatIsLostToModeWatchIsCountedAtTheNextWait": taskWork,
	"TestALeavingThatIsLostToModeWatchIsCounted":           taskWork,
	"TestAComingFromAShortWaitIsNoLoss":                    taskWork,
	"TestAWaitElsewhereIsNotTakenForAMissedSwitch":         taskWork,
	"TestWakersOverAChangeOfMode":                          taskWork,
	"TestWakersOverAnAdoption":                             taskWork,
	"TestWatchAddsUpShortWaits":                            taskWork,
	"TestWatchCountsACallThatIsKilled":                     taskWork,
	"TestWatchCountsACallbackInALoopOfTheKernel":           taskWork,
	"TestWatchCountsACallbackInsideACall":                  taskWork,
	"TestWatchCountsACallbackThatDies":                     taskWork,
	"TestWatchCountsWhatItCannotAskFor":                    taskWork,
	"TestWatchEndsWithCallbacksToCome/attached":            taskWork,
	"TestWatchEndsWithCallbacksToCome/closed":              taskWork,
	"TestWatchEndsWithCallbacksToCome/detached":            taskWork,
	"TestWatchFollowsARestart":                             taskWork,
	"TestWatchFollowsWakersWhenItIsTold":                   taskWork,
	"TestWatchFollowsAStoppedCall":                         taskWork,
	"TestWatchLeavesOutOtherWaits":                         taskWork,
	"TestWatchOfAThreadKilledWithACallbackToCome":          taskWork,
	"TestWatchSeesAHandlerEndACall":                        taskWork,
	"TestWatchSeesAParentWaitForItsChild":                  taskWork,
	"TestWatchSeesAnExecOfAThread":                         taskWork,
	"TestWatchTellsCallsApart":                             taskWork,
}

const taskWork = "Linux 6.18, with BPF task work"

// The processors are chosen for what QEMU makes of them.
//
// QEMU before 8.0 emulates CMPXCHG16B wrongly: its helper computes the flags from a
// stale cc_op, and the flags register gets part of an address. When an interrupt
// comes before the next instruction that sets them, the kernel goes on with
// direction, trap and interrupt flags at random, and dies: so ended one in three
// runs of the BPF tests on 6.12, where the instruction is in each kmalloc. Without
// it, these kernels do the same under a lock. Linux 6.19 and later cannot do without
// it: BPF takes task storage from kmalloc_nolock(), which needs it, and every update
// fails with ENOMEM. But there it is no longer in each kmalloc.
//
// On arm64 each processor but the newest costs several times as much, in
// mitigations (unmapping the kernel, calls of firmware). And so does PAC, because
// QEMU computes the architected algorithm.
const (
	oldAMD64 = "qemu64,cx16=off"
	newAMD64 = "qemu64"
	newARM64 = "max,pauth=off"
)

// busyboxSuite has the shell of all machines.
const busyboxSuite = "trixie"

// arch is a processor architecture. Every machine is an emulated one: KVM is not
// to be had everywhere, and with one way only, results are the same everywhere.
type arch struct {
	debian      string // Debian's name, which is Go's too
	qemu        string // the program that emulates it
	qemuPackage string // its Debian package
	machine     string // QEMU's name of the board
	console     string // the kernel's name of the serial port
}

var (
	amd64 = arch{"amd64", "qemu-system-x86_64", "qemu-system-x86", "q35", "ttyS0"}
	arm64 = arch{"arm64", "qemu-system-aarch64", "qemu-system-arm", "virt", "ttyAMA0"}
)
