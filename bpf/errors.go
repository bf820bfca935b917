package bpf

import "errors"

// ErrNotSupported: this kernel lacks something that we cannot do without; the
// error's text says what, and which kernel has it.
var ErrNotSupported = errors.New("not supported by this kernel")

// ErrPermission: the process lacks CAP_BPF or CAP_PERFMON.
var ErrPermission = errors.New("CAP_BPF and CAP_PERFMON are needed")

// ErrClosed: the tracer was closed.
var ErrClosed = errors.New("tracer is closed")

// ErrFlushed: all slow calls from before a FlushSlow have been read.
var ErrFlushed = errors.New("ring of slow calls is flushed")
