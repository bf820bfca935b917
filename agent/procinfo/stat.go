package procinfo

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Stat is what we read of /proc/PID/stat, see proc_pid_stat(5).
type Stat struct {
	Comm       string // any bytes but NUL: the process chooses them
	ParentPID  uint32 // 0 when the parent is outside of our PID namespace
	StartTicks uint64 // since boot, in units of 10 ms (USER_HZ is 100 on all architectures we run on)
}

// The fields after the name, counted from the state, which is field 3.
const (
	statParent = 4 - 3
	statStart  = 22 - 3
)

// ParseStat parses the text of /proc/PID/stat. The name in it is written as it
// is, parentheses and newlines included; it ends at the last parenthesis, since
// only numbers and the letter of the state follow.
func ParseStat(text []byte) (Stat, error) {
	begin, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if begin < 0 || end < begin {
		return Stat{}, errors.New("parse stat: no name in parentheses")
	}
	fields := bytes.Fields(text[end+1:])
	if len(fields) <= statStart {
		return Stat{}, fmt.Errorf("parse stat: %d fields after the name, at least %d wanted", len(fields), statStart+1)
	}
	parent, err := strconv.ParseUint(string(fields[statParent]), 10, 32)
	if err != nil {
		return Stat{}, fmt.Errorf("parse stat: parent: %w", err)
	}
	start, err := strconv.ParseUint(string(fields[statStart]), 10, 64)
	if err != nil {
		return Stat{}, fmt.Errorf("parse stat: start time: %w", err)
	}
	return Stat{Comm: string(text[begin+1 : end]), ParentPID: uint32(parent), StartTicks: start}, nil
}

// ParseUID finds the effective user id in the text of /proc/PID/status, see
// proc_pid_status(5). The name in that file is escaped by the kernel: it cannot
// begin a line of its own.
func ParseUID(status []byte) (uint32, error) {
	for line := range bytes.Lines(status) {
		rest, ok := bytes.CutPrefix(line, []byte("Uid:"))
		if !ok {
			continue
		}
		ids := bytes.Fields(rest) // real, effective, saved, file system
		if len(ids) != 4 {
			return 0, fmt.Errorf("parse status: %d user ids, 4 wanted", len(ids))
		}
		uid, err := strconv.ParseUint(string(ids[1]), 10, 32)
		if err != nil {
			return 0, fmt.Errorf("parse status: user id: %w", err)
		}
		return uint32(uid), nil
	}
	return 0, errors.New("parse status: no line Uid")
}
