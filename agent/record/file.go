package record

import "fmt"

// File is what a descriptor refers to.
type File struct {
	FD      int32   `json:"fd"`
	Kind    string  `json:"kind,omitzero"`     // "file", "dir", "block", "char", "tty", "pipe", "socket", "anon" or "pseudo"
	Path    string  `json:"path,omitzero"`     // as the process sees it; pipes, sockets and the like have none
	Deleted bool    `json:"deleted,omitzero"`  // the path leads to it no more
	PathCut bool    `json:"path_cut,omitzero"` // it is longer than the kernel side keeps: its beginning is missing
	Inode   uint64  `json:"inode,omitzero"`    // with Device it names the file, whatever its path
	Device  string  `json:"device,omitzero"`   // "major:minor" of the file system, as in /proc/self/mountinfo
	Socket  *Socket `json:"socket,omitzero"`
}

// label names the file in a sentence.
func (f *File) label() string {
	switch {
	case f.Path != "":
		return f.pathLabel()
	case f.Socket != nil && f.Socket.Family != "":
		return f.Socket.label()
	case f.Kind != "":
		return fmt.Sprintf("%s fd %d", f.Kind, f.FD)
	}
	return fmt.Sprintf("fd %d", f.FD)
}

func (f *File) pathLabel() string {
	text := f.Path
	if f.PathCut {
		text = mark + text
	}
	text = pathLabel(text)
	if f.Deleted {
		text += " (deleted)"
	}
	return text
}

// pathLabel is a path for a sentence: a long one would bury what follows it,
// and the record has it in full.
func pathLabel(path string) string {
	const longest = 160
	return cutStart(clipStart(path), longest)
}
