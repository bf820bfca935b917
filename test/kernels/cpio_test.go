package kernels

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
)

// member is what a reader of the format finds.
type member struct {
	name, content      string
	mode, major, minor int
}

// readCpio is a reader by the book: buffer-format.rst of the kernel.
func readCpio(t *testing.T, archive []byte) (members []member) {
	t.Helper()
	at := 0
	take := func(n int) string {
		if at+n > len(archive) {
			t.Fatalf("the archive ends at %d, within %d bytes from %d", len(archive), n, at)
		}
		at += n
		return string(archive[at-n : at])
	}
	number := func() int {
		n, err := strconv.ParseInt(take(8), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	inodes := map[int]bool{}
	for {
		if magic := take(6); magic != "070701" {
			t.Fatalf("magic %q at %d", magic, at-6)
		}
		var fields [13]int
		for i := range fields {
			fields[i] = number()
		}
		if fields[2] != 0 || fields[3] != 0 || fields[4] != 1 {
			t.Errorf("uid %d, gid %d, %d links; want 0, 0, 1", fields[2], fields[3], fields[4])
		}
		name := take(fields[11])
		take(-at & 3)
		m := member{name: name[:len(name)-1], mode: fields[1], content: take(fields[6]), major: fields[9], minor: fields[10]}
		take(-at & 3)
		if m.name == "TRAILER!!!" {
			if at != len(archive) {
				t.Errorf("%d bytes after the end", len(archive)-at)
			}
			return members
		}
		if inodes[fields[0]] {
			t.Errorf("%s: inode %d is another's: the kernel would link them", m.name, fields[0])
		}
		inodes[fields[0]] = true
		members = append(members, m)
	}
}

func TestAnArchiveIsReadAsItWasWritten(t *testing.T) {
	host := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(host, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("tree/sub/a", "A")
	write("tree/b", "")
	if err := os.Symlink("b", filepath.Join(host, "tree/link")); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	c := &cpioWriter{w: &archive}
	c.dir("bin")
	c.program("bin/x", write("x", "12345"))
	c.symlink("bin/sh", "x")
	c.char("dev", 5, 1)
	c.file("name", "text")
	c.tree("src", filepath.Join(host, "tree"))
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	want := []member{
		{name: "bin", mode: 0o040755},
		{name: "bin/x", content: "12345", mode: 0o100755},
		{name: "bin/sh", content: "x", mode: 0o120777},
		{name: "dev", mode: 0o020600, major: 5, minor: 1},
		{name: "name", content: "text", mode: 0o100644},
		{name: "src", mode: 0o040755},
		{name: "src/b", mode: 0o100644},
		{name: "src/sub", mode: 0o040755},
		{name: "src/sub/a", content: "A", mode: 0o100644},
	}
	if got := readCpio(t, archive.Bytes()); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAnArchiveThatLacksAFileIsAnError(t *testing.T) {
	for name, add := range map[string]func(*cpioWriter, string){
		"program": func(c *cpioWriter, path string) { c.program("x", path) },
		"tree":    func(c *cpioWriter, path string) { c.tree("x", path) },
	} {
		c := &cpioWriter{w: new(bytes.Buffer)}
		add(c, filepath.Join(t.TempDir(), "missing"))
		c.dir("more")
		if err := c.close(); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v; want that the file does not exist", name, err)
		}
	}
}

type fullDisk struct{}

var errFull = errors.New("full")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestAnArchiveThatCannotBeWrittenIsAnError(t *testing.T) {
	c := &cpioWriter{w: fullDisk{}}
	c.dir("x")
	if err := c.close(); !errors.Is(err, errFull) {
		t.Errorf("%v; want %v", err, errFull)
	}
}
