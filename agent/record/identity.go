package record

// Syscall names a system call of one ABI.
type Syscall struct {
	Name string `json:"name"` // "read"; "unknown" for numbers that the kernel has no call for
	Nr   int32  `json:"nr"`   // in its own ABI; -1 for "unknown"
	ABI  string `json:"abi"`  // "x86_64", "i386", "x32", "aarch64" or "arm"
}

// Process is the process that made a call, as the agent's own PID namespace
// numbers it. Keys as in OpenTelemetry's process conventions.
type Process struct {
	PID         uint32     `json:"pid,omitzero"` // thread group id
	TID         uint32     `json:"tid,omitzero"` // the thread that made the call
	ParentPID   uint32     `json:"parent_pid,omitzero"`
	Comm        string     `json:"comm,omitzero"` // of the thread; any process can set it to any bytes
	Executable  Executable `json:"executable,omitzero"`
	CommandLine string     `json:"command_line,omitzero"` // may hold secrets: [output] cmdline = false leaves it out
	User        *User      `json:"user,omitzero"`
	StartTime   string     `json:"start_time,omitzero"` // FormatTime, known to 10 ms
}

// Executable is the file that a process runs.
type Executable struct {
	Name string `json:"name,omitzero"` // last element of the path
	Path string `json:"path,omitzero"` // ends in " (deleted)" when the file was replaced
}

// User is the effective user of a process.
type User struct {
	ID uint32 `json:"id"` // in the agent's own user namespace
}

// Systemd says which unit a process belongs to.
type Systemd struct {
	Unit     string `json:"unit,omitzero"`      // of the system manager
	UserUnit string `json:"user_unit,omitzero"` // of a user's manager, which itself runs in Unit
	Slice    string `json:"slice,omitzero"`
}

// Container says which container a process runs in, the innermost one.
type Container struct {
	ID      string `json:"id,omitzero"`
	Runtime string `json:"runtime,omitzero"` // "docker", "containerd", "cri-o", "podman", "systemd-nspawn", "lxc"
}

// Kubernetes says which pod that container belongs to, as OpenTelemetry names it: k8s.pod.uid.
type Kubernetes struct {
	Pod Pod `json:"pod"`
}

// Pod is one of Kubernetes.
type Pod struct {
	UID string `json:"uid"`
}

// place is the name that says most about where a process runs; "" when nothing
// is known.
func place(c Container, s Systemd) string {
	switch {
	case c.ID != "":
		return "container " + shortID(c.ID)
	case s.UserUnit != "":
		return s.UserUnit
	}
	return s.Unit
}

// shortID cuts a container id of 64 hex digits to the 12 that docker ps shows.
func shortID(id string) string {
	if len(id) == 64 {
		return id[:12]
	}
	return id
}

// label is the name, with the ABI when it is not the machine's own.
func (s Syscall) label() string {
	switch s.ABI {
	case "i386", "x32", "arm":
		return s.Name + " (" + s.ABI + ")"
	}
	return s.Name
}
