// Command syscountd is the service: the flight recorder for slow system calls.
package main

import (
	"context"
	"os"
	"runtime/debug"
)

// version is set by the Makefile (-ldflags -X main.version=...).
var version = "unreleased"

// memoryGoal makes the garbage collector work harder before the heap passes it:
// 50,000 busy rows need about 36 MB, and twice that if garbage may pile up.
const memoryGoal = 48 << 20

func main() {
	debug.SetMemoryLimit(memoryGoal)
	os.Exit(run(context.Background(), hostEnv(), os.Args[1:]))
}
