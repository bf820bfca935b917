package kernels

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// cpioWriter writes an archive in the "newc" format, which is what the kernel
// unpacks as initramfs (Documentation/driver-api/early-userspace/buffer-format.rst).
// Everything in it belongs to root; it takes no privilege to make, devices included.
type cpioWriter struct {
	w     io.Writer
	inode int
	err   error // the first one; what comes after is not written
}

// File types of cpio, those of stat(2).
const (
	modeDir  = 0o040000
	modeFile = 0o100000
	modeLink = 0o120000
	modeChar = 0o020000
)

// The members of an archive. Directories have to come before what is in them.
func (c *cpioWriter) dir(name string)            { c.member(name, modeDir|0o755, nil, 0, 0) }
func (c *cpioWriter) symlink(name, to string)    { c.member(name, modeLink|0o777, []byte(to), 0, 0) }
func (c *cpioWriter) file(name, text string)     { c.member(name, modeFile|0o644, []byte(text), 0, 0) }
func (c *cpioWriter) char(name string, a, b int) { c.member(name, modeChar|0o600, nil, a, b) }

// program adds a file of the host as an executable.
func (c *cpioWriter) program(name, hostPath string) {
	content, err := os.ReadFile(hostPath)
	if err != nil {
		c.err = errors.Join(c.err, err)
		return
	}
	c.member(name, modeFile|0o755, content, 0, 0)
}

// tree adds a directory of the host and all that is below it.
func (c *cpioWriter) tree(name, hostPath string) {
	c.err = errors.Join(c.err, filepath.WalkDir(hostPath, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := name + strings.TrimPrefix(path, hostPath)
		switch {
		case d.IsDir():
			c.dir(target)
		case d.Type().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			c.member(target, modeFile|0o644, content, 0, 0)
		}
		return nil
	}))
}

// close ends the archive. Its error is the first one of all.
func (c *cpioWriter) close() error {
	c.inode = -1
	c.member("TRAILER!!!", 0, nil, 0, 0)
	if c.err != nil {
		return fmt.Errorf("write cpio archive: %w", c.err)
	}
	return nil
}

// member writes a header of thirteen fields in hexadecimal, the name and the
// content, each padded to four bytes.
func (c *cpioWriter) member(name string, mode int, content []byte, devMajor, devMinor int) {
	if c.err != nil {
		return
	}
	c.inode++
	fields := []int{
		c.inode, mode, 0 /* uid */, 0 /* gid */, 1 /* link */, 0 /* mtime */, len(content),
		0, 0 /* device that the file is on */, devMajor, devMinor, len(name) + 1, 0, /* checksum: not in newc */
	}
	header := "070701"
	for _, field := range fields {
		header += fmt.Sprintf("%08x", field)
	}
	header += name + "\x00"
	for _, part := range []string{header, string(content)} {
		if _, c.err = io.WriteString(c.w, part+strings.Repeat("\x00", -len(part)&3)); c.err != nil {
			return
		}
	}
}
