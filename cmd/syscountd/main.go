// Command syscountd is the service: the flight recorder for slow system calls.
package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
)

// version is set by the Makefile (-ldflags -X main.version=...).
var version = "unreleased"

// memoryGoal makes the garbage collector work harder before the heap passes it:
// 50,000 busy rows need about 36 MB, each a process or not, and twice that if garbage may pile up.
const memoryGoal = 48 << 20

// cpus is how many we use at a time. With more of them each thing to do wakes another thread of ours to look for a share
// of it: on an idle host that was a good part of our CPU time.
const cpus = 1

func main() {
	debug.SetMemoryLimit(memoryGoal)
	limitCPUs()
	os.Exit(run(context.Background(), hostEnv(), os.Args[1:]))
}

func limitCPUs() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(cpus)
	}
}
