package procinfo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// fakeTree makes a cgroup tree of plain directories and a /proc that says that
// it is mounted there.
func fakeTree(t *testing.T, cgroups ...string) *CgroupTree {
	t.Helper()
	proc, mount := t.TempDir(), filepath.Join(t.TempDir(), "cgroup tree")
	write(t, proc, "self/mountinfo", fmt.Sprintf("22 1 0:20 / /proc rw - proc proc rw\n"+
		"31 23 0:28 / %s rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n", filepath.Dir(mount)+`/cgroup\040tree`))
	mkdir(t, mount)
	for _, c := range cgroups {
		mkdir(t, mount+c)
	}
	tree, err := NewCgroupTree(proc)
	if err != nil {
		t.Fatal(err)
	}
	if tree.Mount() != mount {
		t.Fatalf("mount %q, want %q", tree.Mount(), mount)
	}
	return tree
}

func mkdir(t *testing.T, directory string) {
	t.Helper()
	if err := os.MkdirAll(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, "cgroup.procs"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func id(t *testing.T, tree *CgroupTree, cgroup string) uint64 {
	t.Helper()
	n, err := tree.ID(cgroup)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func wantPath(t *testing.T, tree *CgroupTree, id uint64, now time.Duration, want string) {
	t.Helper()
	got, ok := tree.Path(id, now)
	if got != want || ok != (want != "") {
		t.Errorf("path of %d at %v: %q, %v; want %q", id, now, got, ok, want)
	}
}

func TestCgroupTreeFindsEachPath(t *testing.T) {
	cgroups := []string{"/", "/system.slice", "/system.slice/a.service", "/system.slice/a.service/sub", "/user.slice"}
	tree := fakeTree(t, cgroups...)
	for _, c := range cgroups {
		wantPath(t, tree, id(t, tree, c), 0, c)
	}
}

func TestCgroupTreeWalksAgainForANewId(t *testing.T) {
	tree := fakeTree(t, "/a")
	wantPath(t, tree, id(t, tree, "/a"), 5*time.Second, "/a")
	mkdir(t, tree.Mount()+"/b")
	b := id(t, tree, "/b")
	wantPath(t, tree, b, 5*time.Second+999*time.Millisecond, "") // too early for another walk
	wantPath(t, tree, b, 6*time.Second, "/b")
}

func TestCgroupTreeRemembersTheDead(t *testing.T) {
	tree := fakeTree(t, "/a")
	a := id(t, tree, "/a")
	wantPath(t, tree, a, 0, "/a")
	if err := os.RemoveAll(tree.Mount() + "/a"); err != nil {
		t.Fatal(err)
	}
	wantPath(t, tree, 1<<63, time.Hour, "") // walks
	wantPath(t, tree, a, time.Hour, "/a")
}

// An id that was looked for in vain does not cost a walk per second for ever.
func TestCgroupTreeRemembersWhatIsNotThere(t *testing.T) {
	tree := fakeTree(t, "/a")
	const stranger = 1 << 63
	wantPath(t, tree, stranger, 0, "")
	wantPath(t, tree, stranger, time.Hour, "")
	mkdir(t, tree.Mount()+"/b")
	b := id(t, tree, "/b")
	wantPath(t, tree, b, time.Hour, "/b") // only now walked again
	if tree.last != time.Hour {
		t.Errorf("last walk at %v", tree.last)
	}
}

func TestCgroupTreeIsBounded(t *testing.T) {
	tree := fakeTree(t, "/a")
	for i := range uint64(maxCgroups) {
		tree.paths[1<<63+i] = "/gone"
	}
	a := id(t, tree, "/a")
	wantPath(t, tree, a, 0, "/a")
	if len(tree.paths) > 10 {
		t.Errorf("%d cgroups are remembered", len(tree.paths))
	}
}

func TestCgroupTreeThatWasNotSeenWholly(t *testing.T) {
	tree := fakeTree(t, "/a")
	full := map[uint64]string{}
	for i := range uint64(maxCgroups) {
		full[1<<63+i] = "/x"
	}
	if tree.visit("/", full) {
		t.Error("a walk that found too many cgroups claims to be complete")
	}
	if !tree.visit("/vanished", map[uint64]string{}) {
		t.Error("a cgroup that vanished makes the walk incomplete")
	}
	tree.mount = filepath.Join(tree.mount, "a", "cgroup.procs") // a file: ENOTDIR
	wantPath(t, tree, 42, 0, "")
	if _, ok := tree.paths[42]; ok {
		t.Error("an incomplete walk proves nothing, but was remembered")
	}
}

func TestCgroupTreeID(t *testing.T) {
	tree := fakeTree(t, "/a")
	if _, err := tree.ID("/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such cgroup: %v", err)
	}
	if _, err := tree.ID("/a/cgroup.procs"); err == nil {
		t.Error("a file is a cgroup")
	}
	for _, bad := range []string{"", "a", "/a/", "/a/../..", "//a", "/./a", ".."} {
		if n, err := tree.ID(bad); err == nil {
			t.Errorf("%q has the id %d", bad, n)
		}
	}
}

func TestFindCgroup2(t *testing.T) {
	const v1 = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
	tests := map[string]struct{ text, want string }{
		"none":                   {v1, ""},
		"empty":                  {"", ""},
		"unified":                {"26 22 0:23 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n", "/sys/fs/cgroup"},
		"hybrid":                 {v1 + "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n", "/sys/fs/cgroup/unified"},
		"many optional fields":   {"26 22 0:23 / /c rw shared:9 master:2 propagate_from:1 - cgroup2 none rw\n", "/c"},
		"a part, then the whole": {"1 1 0:1 /docker/x /part rw - cgroup2 c rw\n2 1 0:1 / /whole rw - cgroup2 c rw\n", "/whole"},
		"only a part":            {"1 1 0:1 /docker/x /part rw - cgroup2 c rw\n2 1 0:1 /b /other rw - cgroup2 c rw\n", "/part"},
		"escaped":                {`1 1 0:1 / /a\040b\134040\011 rw - cgroup2 c rw`, "/a b\\040\t"},
		"name in another field":  {"1 1 0:1 / /cgroup2 rw - tmpfs cgroup2 rw\n", ""},
		"torn":                   {"1 1 0:1 - cgroup2\n1 1 0:1 / /x\n -  - \n", ""},
	}
	for name, tt := range tests {
		if got := findCgroup2(tt.text); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestNoCgroup2(t *testing.T) {
	proc := t.TempDir()
	if _, err := NewCgroupTree(proc); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without mountinfo: %v", err)
	}
	write(t, proc, "self/mountinfo", "")
	if _, err := NewCgroupTree(proc); !errors.Is(err, ErrNoCgroup2) {
		t.Errorf("without cgroup2: %v", err)
	}
}

// On the machine itself: our own cgroup, there and back.
func TestCgroupTreeOfThisHost(t *testing.T) {
	tree, err := NewCgroupTree("/proc")
	if err != nil {
		t.Fatal(err)
	}
	own := NewProcfs("/proc", false).Lookup(os.Getpid(), 0).Cgroup
	wantPath(t, tree, id(t, tree, own), 0, own)
}
