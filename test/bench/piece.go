package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A whole program runs for too long to be left alone: some neighbour always disturbs a part of it, and
// a few per cent cannot be told. So programs that go on for ever are measured in
// pieces that are short enough: the load asks another process on its own CPU for one thing
// after the other, and waits for each.

// pieceNames are what the load can ask for, in the order of the tables: the handing over of a
// byte there and back, as in "perf bench sched pipe"; HTTP requests; transactions; a process; a file of a build.
// The processes come last: they leave rows behind, which take the places of the others'.
var pieceNames = [...]string{pipeKey, serverKey, databaseKey, processKey, buildKey}

// pieceTexts say what each of them is.
var pieceTexts = map[string]string{
	pipeKey:     "a byte through a pipe to another process and one back, as in `perf bench sched pipe`",
	serverKey:   fmt.Sprintf("%d requests to a web server (Go's net/http), each over a connection of its own of loopback", pieceClients),
	databaseKey: fmt.Sprintf("%d transactions of sqlite3, each of which changes a row of a file in memory", pieceTransactions),
	processKey:  "a process of /bin/true, which a shell starts and waits for: fork, exec, page faults and exit, as in a build",
	buildKey:    "a C file that cc compiles in memory, which a shell starts and waits for: three processes, some 2,000 calls",
}

// processKey has no program that runs as a whole: some of the build's processes are like these.
const processKey = "process"

// piece asks for one thing, and waits for it.
type piece func() error

// pieceMakers start the process that answers, on that CPU. It ends when we do.
var pieceMakers = map[string]func(cpu int) (piece, error){
	pipeKey: openPipe, serverKey: openServer, databaseKey: openDatabase, processKey: openProcess, buildKey: openBuild,
}

// partner starts a program on a CPU and gives the ends of its standard input and output.
func partner(cpu int, argv ...string) (ask, answers int, err error) {
	var in, out [2]int
	if err := errors.Join(unix.Pipe2(in[:], unix.O_CLOEXEC), unix.Pipe2(out[:], unix.O_CLOEXEC)); err != nil {
		return 0, 0, fmt.Errorf("make pipes: %w", err)
	}
	cmd := exec.Command("taskset", append([]string{"-c", strconv.Itoa(cpu)}, argv...)...)
	cmd.Env = append(os.Environ(), "GOGC=100")
	stdin, stdout := os.NewFile(uintptr(in[0]), "stdin"), os.NewFile(uintptr(out[1]), "stdout")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, 0, fmt.Errorf("start %s: %w", argv[0], err)
	}
	return in[1], out[0], errors.Join(stdin.Close(), stdout.Close())
}

// ownPartner is a partner that is this program, with a command of its own.
func ownPartner(cpu int, command string) (ask, answers int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, 0, fmt.Errorf("find own executable: %w", err)
	}
	return partner(cpu, self, command, "0")
}

// openPipe is a process that gives each byte back.
func openPipe(cpu int) (piece, error) {
	ask, answers, err := ownPartner(cpu, echoCommand)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 1)
	return func() error { return roundTrip(ask, answers, b, b) }, nil
}

// roundTrip writes one thing and reads the answer to it, all of which is there at once.
func roundTrip(ask, answers int, question, answer []byte) error {
	if err := tell(ask, question); err != nil {
		return err
	}
	return hear(answers, answer)
}

// The calls are raw: to the runtime this thread runs on, and gives nothing to others meanwhile.
func rawCall(call uintptr, fd int, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func tell(fd int, b []byte) error {
	n, err := rawCall(unix.SYS_WRITE, fd, b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	return nil
}

func hear(fd int, b []byte) error {
	n, err := rawCall(unix.SYS_READ, fd, b)
	if err == nil && n == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// echo gives each byte back.
func echo() error {
	b := make([]byte, 1)
	for {
		if n, err := rawCall(unix.SYS_READ, 0, b); n == 0 || err != nil {
			return err
		}
		if _, err := rawCall(unix.SYS_WRITE, 1, b); err != nil {
			return err
		}
	}
}

// pieceClients are the connections that ask the web server at once.
const pieceClients = 8

// openServer is a web server in a process of its own, and some connections to it.
func openServer(cpu int) (piece, error) {
	_, answers, err := ownPartner(cpu, webCommand)
	if err != nil {
		return nil, err
	}
	port, err := bufio.NewReader(os.NewFile(uintptr(answers), "web server")).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("read the web server's port: %w", err)
	}
	number, err := strconv.Atoi(port[:len(port)-1])
	if err != nil {
		return nil, fmt.Errorf("read the web server's port: %w", err)
	}
	var clients [pieceClients]int
	for i := range clients {
		if clients[i], err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return nil, fmt.Errorf("make a socket: %w", err)
		}
		if err := unix.Connect(clients[i], &unix.SockaddrInet4{Port: number, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			return nil, fmt.Errorf("connect to the web server: %w", err)
		}
	}
	question, answer := []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), make([]byte, 4096)
	return func() error {
		for _, client := range clients {
			if err := tell(client, question); err != nil {
				return err
			}
		}
		for _, client := range clients {
			if err := hear(client, answer); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// serveWeb answers requests until its input ends, and says at which port.
func serveWeb(in io.Reader, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: http.HandlerFunc(hello), ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintln(out, listener.Addr().(*net.TCPAddr).Port)
	_, err = io.Copy(io.Discard, in)
	err = errors.Join(err, server.Close())
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello\n") }

// The table that transactions change has so many rows, and each piece is some of these.
const (
	pieceRows         = 100
	pieceTransactions = 25
)

// openDatabase is sqlite3 with a small table in a file. Without fsync, which would measure the disk.
func openDatabase(cpu int) (piece, error) {
	path, err := filepath.Abs(fmt.Sprintf("load-%d.db", os.Getpid()))
	if err != nil {
		return nil, err
	}
	ask, answers, err := partner(cpu, "sqlite3", "-batch", path)
	if err != nil {
		return nil, err
	}
	script := []byte(databaseScript(pieceRows) + ".print\n")
	answer := make([]byte, 4096)
	if err := roundTrip(ask, answers, script, answer); err != nil {
		return nil, err
	}
	row, changes := 0, []byte(nil)
	return func() error {
		changes = changes[:0]
		for range pieceTransactions {
			row = (row + 1) % pieceRows
			changes = fmt.Appendf(changes, "UPDATE rows SET text = 'row %d, once more' WHERE id = %d;\n", row, row)
		}
		return roundTrip(ask, answers, append(changes, ".print\n"...), answer)
	}, nil
}

// openProcess is a shell that starts a process for each line.
func openProcess(cpu int) (piece, error) { return openShell(cpu, "/bin/true") }

// openBuild is a shell that compiles a file for each line; what cc writes meanwhile is in memory, too.
func openBuild(cpu int) (piece, error) {
	const source = "part0.c"
	if err := os.WriteFile(source, []byte(buildSources(1)[source]), 0o644); err != nil {
		return nil, fmt.Errorf("write the source: %w", err)
	}
	return openShell(cpu, "TMPDIR=. cc -c "+source+" || exit")
}

// openShell is a shell that does something for each line, and ends if it does so itself.
func openShell(cpu int, command string) (piece, error) {
	ask, answers, err := partner(cpu, "/bin/sh", "-c", "while read -r _; do "+command+"; echo; done")
	if err != nil {
		return nil, err
	}
	line, answer := []byte("\n"), make([]byte, 16)
	return func() error { return roundTrip(ask, answers, line, answer) }, nil
}
