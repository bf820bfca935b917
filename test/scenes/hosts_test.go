package scenes

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// webServer is nginx with a page, and wrk that asks for it.
func webServer(t *testing.T, s *stage) func(time.Duration) {
	dir := s.dir()
	config, address := filepath.Join(dir, "nginx.conf"), freeAddress(t)
	text := fmt.Sprintf(`daemon off;
worker_processes 2;
error_log stderr;
pid %[1]s/pid;
events { worker_connections 256; }
http {
	access_log %[1]s/access.log;
	client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
	server { listen %[2]s; root %[1]s; }
}
`, dir, address)
	for path, content := range map[string]string{config: text, filepath.Join(dir, "index.html"): fmt.Sprintf("%4096d\n", 0)} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.serve(s.command("nginx", "-p", dir, "-c", config), syscall.SIGTERM)
	await(t, "web server", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return func(length time.Duration) {
		s.run(s.command("wrk", "-t", "2", "-c", "64", "-d", fmt.Sprintf("%ds", int(length.Seconds())), "http://"+address+"/index.html"))
	}
}

// freeAddress is one of the loopback that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// buildHost compiles this repository from nothing, again and again.
func buildHost(t *testing.T, s *stage) func(time.Duration) {
	return func(length time.Duration) {
		for end := time.Now().Add(length); time.Now().Before(end); {
			dir := s.dir()
			cmd := s.command("go", "build", "-buildvcs=false", "-o", filepath.Join(dir, "syscountd"), "./cmd/syscountd")
			cmd.Dir = filepath.Join("..", "..")
			cmd.Env = append(os.Environ(), "GOCACHE="+filepath.Join(dir, "cache"), "CGO_ENABLED=0")
			s.run(cmd)
		}
	}
}
