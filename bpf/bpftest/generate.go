package bpftest

// With the compiler of package bpf, whose tests also check what it makes of the
// functions that have a twin in Go.
//go:generate go tool bpf2go -cc clang-16 -strip llvm-strip-16 -target amd64,arm64 slot slot.bpf.c -- -std=gnu11 -O2 -Wall -Wextra -Werror -Wno-unused-parameter -I/usr/include/x86_64-linux-gnu
