package bpf

import "github.com/syscountd/syscountd/bpf/bpftest"

// EntryPoints is entryPoints, for tests that know calls by name.
var EntryPoints = entryPoints

// KernelTables are read by TestMain, while it has the capabilities: none where
// SYSCOUNT_TEST_FUNCTIONS is not set.
var KernelTables map[string]bpftest.CallTable
