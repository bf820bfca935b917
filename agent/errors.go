package agent

import "errors"

// What Agent.Do refuses; test with errors.Is. The error's text is the whole
// sentence for the person who asked.
var (
	ErrInvalid       = errors.New("invalid argument")  // absurd value, empty name, unknown syscall
	ErrNoSuchProcess = errors.New("no such process")   // dead or never existing PID
	ErrNoSuchUnit    = errors.New("no such unit")      // malformed unit name or no such cgroup
	ErrPolicy        = errors.New("policy refused")    // reload: the old policy stays in force
	ErrKernel        = errors.New("refused by kernel") // attach or map update failed
	ErrStopping      = errors.New("service is stopping")
)
