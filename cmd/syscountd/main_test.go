package main

import (
	"runtime"
	"testing"
)

func TestOneCPUIsUsedUnlessTheEnvironmentSaysOtherwise(t *testing.T) {
	const before = 3
	for env, want := range map[string]int{"": 1, "3": before} {
		t.Setenv("GOMAXPROCS", env)
		was := runtime.GOMAXPROCS(before)
		limitCPUs()
		if got := runtime.GOMAXPROCS(was); got != want {
			t.Errorf("GOMAXPROCS=%q: %d CPUs; want %d", env, got, want)
		}
	}
}
