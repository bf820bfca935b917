package dbusapi

import (
	"math"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent"
)

// The keys of OwnCPU; the contract explains them.
const (
	processNs = "process_ns"
	kernelNs  = "kernel_ns"
	callPS    = "call_ps"
	switchPS  = "switch_ps"
	sharePPM  = "share_ppm"
	ownPPM    = "own_ppm"
	budgetPPM = "budget_ppm"
)

func costToBus(c agent.Cost) map[string]uint64 {
	return map[string]uint64{
		processNs: ownCPU(), kernelNs: uint64(c.Kernel.Nanoseconds()), callPS: c.CallPS, switchPS: c.SwitchPS,
		sharePPM: c.SharePPM, ownPPM: c.OwnPPM, budgetPPM: c.BudgetPPM,
	}
}

func costFromBus(cost map[string]uint64) (process time.Duration, c agent.Cost) {
	c = agent.Cost{
		Kernel: nanoseconds(cost[kernelNs]), CallPS: cost[callPS], SwitchPS: cost[switchPS],
		SharePPM: cost[sharePPM], OwnPPM: cost[ownPPM], BudgetPPM: cost[budgetPPM],
	}
	return nanoseconds(cost[processNs]), c
}

func nanoseconds(n uint64) time.Duration { return time.Duration(min(n, math.MaxInt64)) }

// ownCPU is what this process has used of all CPUs since its start, in nanoseconds.
func ownCPU() uint64 {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return 0 // never: the arguments are right
	}
	return uint64(used.Utime.Nano() + used.Stime.Nano())
}
