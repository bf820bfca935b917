package causes

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// operations are what children can do.
var operations map[string]func(*worker, job) result

func init() {
	operations = map[string]func(*worker, job) result{
		"nothing": func(*worker, job) result { return result{TID: unix.Gettid()} },
		"pin": func(w *worker, j job) result {
			var set unix.CPUSet
			set.Set(j.CPU)
			must(unix.SchedSetaffinity(0, &set))
			return result{}
		},
		"first in line": func(w *worker, j job) result { // SCHED_FIFO
			must(unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 50}, 0))
			return result{}
		},

		// The slow calls.
		"read new": func(w *worker, j job) result {
			fd := must1(unix.Open(j.Path, unix.O_RDONLY, 0))
			r := timed(unix.SYS_READ, uintptr(fd), address(w.buf), 64)
			unix.Close(fd)
			return r
		},
		"open new": func(w *worker, j job) result {
			w.open(j.Path, unix.O_RDONLY)
			return result{}
		},
		"read": func(w *worker, j job) result {
			return timed(unix.SYS_READ, uintptr(w.open(j.Path, unix.O_RDONLY)), address(w.buf), 64)
		},
		"read fifo": func(w *worker, j job) result {
			return timed(unix.SYS_READ, uintptr(w.open(j.Path, unix.O_RDWR)), address(w.buf), 64)
		},
		"fsync": func(w *worker, j job) result {
			fd := w.open(j.Path, unix.O_RDWR|unix.O_CREAT)
			must1(unix.Pwrite(fd, w.buf[:4096], int64(j.N)*4096))
			return timed(unix.SYS_FSYNC, uintptr(fd))
		},
		"flock": func(w *worker, j job) result { // and keeps it
			return timed(unix.SYS_FLOCK, uintptr(w.open(j.Path, unix.O_RDWR)), unix.LOCK_EX)
		},
		"fcntl": func(w *worker, j job) result { // likewise
			lock := &unix.Flock_t{Type: unix.F_WRLCK}
			return timed(unix.SYS_FCNTL, uintptr(w.open(j.Path, unix.O_RDWR)), unix.F_SETLKW, uintptr(unsafe.Pointer(lock)))
		},
		"flock and unlock": func(w *worker, j job) result {
			fd := w.open(j.Path, unix.O_RDWR)
			r := timed(unix.SYS_FLOCK, uintptr(fd), unix.LOCK_EX)
			must(unix.Flock(fd, unix.LOCK_UN))
			return r
		},
		"futex": func(w *worker, j job) result {
			word := w.word(j.Path)
			atomic.StoreUint32(word, 0)
			return timed(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), 0 /* FUTEX_WAIT */, 0, 0)
		},
		"nanosleep": func(w *worker, j job) result {
			ts := unix.NsecToTimespec(j.Ns)
			return timed(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, uintptr(unsafe.Pointer(&ts)))
		},
		"getrandom": func(w *worker, j job) result {
			return timed(unix.SYS_GETRANDOM, address(w.buf), uintptr(j.N), 0)
		},
		"read random numbers": func(w *worker, j job) result { // N MiB, into the same MiB
			fd := w.open("/dev/urandom", unix.O_RDONLY)
			vectors := make([]unix.Iovec, min(j.N, 1024))
			for i := range vectors {
				vectors[i].Base, vectors[i].Len = &w.buf[0], 1<<20
			}
			return timed(unix.SYS_PREADV, uintptr(fd), uintptr(unsafe.Pointer(&vectors[0])), uintptr(len(vectors)), 0)
		},
		"read and seek": readAndSeek,

		// The injectors.
		"sleep and write": func(w *worker, j job) result {
			fd := w.open(j.Path, unix.O_WRONLY)
			r := sleep(j.Ns)
			must1(unix.Write(fd, []byte{1}))
			return r
		},
		"sleep and unlock": func(w *worker, j job) result {
			r := sleep(j.Ns)
			must(unix.Flock(w.open(j.Path, unix.O_RDWR), unix.LOCK_UN))
			return r
		},
		"sleep and wake": func(w *worker, j job) result {
			word := w.word(j.Path)
			r := sleep(j.Ns)
			atomic.StoreUint32(word, 1)
			unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), 1 /* FUTEX_WAKE */, 1, 0, 0, 0)
			return r
		},
		"burn": func(w *worker, j job) result { return burn(j.Ns) },
		"make short calls": func(w *worker, j job) (r result) { // and tell how many
			for end := monoNow() + uint64(j.Ns); monoNow() < end; r.Ret += 1000 {
				for range 1000 {
					unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
				}
			}
			return r
		},
		"write and burn": func(w *worker, j job) result {
			must1(unix.Write(w.open(j.Path, unix.O_WRONLY), []byte{1}))
			return burn(j.Ns)
		},
		"work and write": func(w *worker, j job) result { // until it has had so much CPU time
			fd := w.open(j.Path, unix.O_WRONLY)
			r := result{TID: unix.Gettid(), Before: monoNow()}
			begin := cpuTime()
			for r.CPUNs < j.Ns {
				r.CPUNs = cpuTime() - begin
			}
			r.After = monoNow()
			must1(unix.Write(fd, []byte{1}))
			return r
		},

		"open many": openMany,
		"read all":  readAll,
		"paths":     walkPaths,
		"long way":  walkLong,
	}
}

// readAndSeek: one thread reads, and holds the lock of the file's position for as
// long as that takes; another one, whose calls are the slow ones, wants it.
func readAndSeek(w *worker, j job) result {
	fd := must1(unix.Open(j.Path, unix.O_RDONLY, 0))
	defer unix.Close(fd)
	var peer result
	var began atomic.Bool
	var holder sync.WaitGroup
	holder.Go(func() {
		runtime.LockOSThread() // and never unlocked: the thread ends
		setComm("holder")
		peer = result{TID: unix.Gettid(), Before: monoNow()}
		began.Store(true)
		unix.RawSyscall(unix.SYS_READ, uintptr(fd), address(w.buf), 64)
		peer.After = monoNow()
	})
	for !began.Load() {
		runtime.Gosched()
	}
	sleep(5e6)
	r := timed(unix.SYS_LSEEK, uintptr(fd), 0, 0)
	holder.Wait()
	r.Peer = &peer
	return r
}

// openMany opens the file N times.
func openMany(w *worker, j job) result {
	for i := range j.N {
		w.fds[fmt.Sprint("many", i)] = must1(unix.Open(j.Path, unix.O_RDONLY, 0))
	}
	return result{}
}

// readAll reads all of these, each in a thread of its own.
func readAll(w *worker, j job) result {
	r := result{TID: unix.Gettid(), Before: monoNow()}
	var readers sync.WaitGroup
	for i := range j.N {
		readers.Go(func() {
			runtime.LockOSThread()
			setComm("caller")
			b := make([]byte, 64)
			unix.Syscall(unix.SYS_READ, uintptr(w.fds[fmt.Sprint("many", i)]), address(b), 64)
		})
	}
	readers.Wait()
	r.After = monoNow()
	return r
}
