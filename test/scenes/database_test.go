package scenes

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// database is a PostgreSQL server with the tables of pgbench.
type database struct {
	t          *testing.T
	stage      *stage
	bin        string // directory of its programs
	sockets    string // directory
	credential *syscall.Credential
}

// newDatabase starts one, with its files in a directory of its own below dir.
func newDatabase(t *testing.T, s *stage, dir string) *database {
	t.Helper()
	d := &database{t: t, stage: s, bin: firstOf(t, "/usr/lib/postgresql/*/bin"), sockets: s.dir(), credential: userNamed(t, "postgres")}
	data := filepath.Join(dir, "data")
	for _, dir := range []string{data, d.sockets} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir, int(d.credential.Uid), int(d.credential.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	s.run(d.program("initdb", "--no-sync", "--auth=trust", "-D", data))
	server := d.program("postgres", "-D", data, "-k", d.sockets, "-c", "listen_addresses=", "-c", "log_min_messages=panic")
	s.serve(server, syscall.SIGINT)
	await(t, "database", func() bool { return d.program("pg_isready", "-q", "-h", d.sockets).Run() == nil })
	s.run(d.program("pgbench", "-i", "-q", "-s", "5", "-h", d.sockets, "postgres"))
	return d
}

// program is one of PostgreSQL's own, run by its own user.
func (d *database) program(name string, args ...string) *exec.Cmd {
	cmd := d.stage.command(filepath.Join(d.bin, name), args...)
	cmd.SysProcAttr.Credential = d.credential
	cmd.Dir = "/"
	return cmd
}

// load has eight clients make transactions.
func (d *database) load(length time.Duration) {
	d.t.Helper()
	d.stage.run(d.program("pgbench", "-n", "-c", "8", "-j", "2", "-T", fmt.Sprint(int(length.Seconds())), "-h", d.sockets, "postgres"))
}

func userNamed(t *testing.T, name string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
