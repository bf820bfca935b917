package record

// Request is a system call with what it was given.
type Request struct {
	Syscall
	Args    []string          `json:"args,omitempty"`    // raw, "0x7"; all six
	Paths   []string          `json:"paths,omitempty"`   // the path arguments, as the caller wrote them
	Details map[string]string `json:"details,omitempty"` // decoded arguments by their names: "flags": "O_RDWR|O_CLOEXEC"
}

// Call is a system call with what it was given and what it returned.
type Call struct {
	Request
	Ret   int64  `json:"ret"`
	Errno string `json:"errno,omitzero"` // "ENOENT", "errno 524" without a name; left out when the call succeeded
}
