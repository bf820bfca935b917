package bpftest

import (
	"bytes"
	"unsafe"
)

// machineAddress is where the machine is in this very program.
func machineAddress() unsafe.Pointer

// machineCode is a copy of the machine, which runs at any address.
func machineCode() []byte {
	code := unsafe.Slice((*byte)(machineAddress()), 1024)
	return bytes.Clone(code[:bytes.Index(code, []byte("end-of-m"))])
}
