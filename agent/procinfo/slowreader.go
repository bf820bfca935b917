package procinfo

import (
	"io"
	"os"
	"time"
)

// commandLineWait is how long we wait for a command line. It takes some
// microseconds, or for ever: /proc/PID/cmdline is read from the memory of the
// process, which takes its mmap_lock and may fault the page in from a disk. Those
// are just the things that a process with a slow call is waiting for; the agent
// must not hang with it.
const commandLineWait = 20 * time.Millisecond

// slowReader reads files that may block. At most one read is under way: while
// it hangs, nothing else is read, so that a stuck process costs one goroutine
// and no more.
type slowReader struct {
	wait time.Duration
	busy chan struct{} // full while a read is under way
}

func newSlowReader(wait time.Duration) *slowReader {
	return &slowReader{wait: wait, busy: make(chan struct{}, 1)}
}

// read gives the first bytes of a file, nothing when that takes too long, fails
// or when an earlier read still hangs. The directory may be closed afterwards.
func (r *slowReader) read(dir *os.Root, name string, size int64) []byte {
	select {
	case r.busy <- struct{}{}:
	default:
		return nil
	}
	text := make(chan []byte, 1)
	go func() {
		t := readAtMost(dir, name, size)
		<-r.busy // before the answer, so that the next read finds it free
		text <- t
	}()
	timeout := time.NewTimer(r.wait)
	defer timeout.Stop()
	select {
	case t := <-text:
		return t
	case <-timeout.C:
		return nil
	}
}

// readAtMost reads the beginning of a file.
func readAtMost(dir *os.Root, name string, size int64) []byte {
	f, err := dir.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, size))
	return text
}
