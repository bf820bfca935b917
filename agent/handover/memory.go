// Package handover is what one process of the service leaves to the next: a memory file
// whose descriptor somebody else holds meanwhile, so that it survives a SIGKILL.
//
// It has a base, the accounts as they were closed last, which changes as a whole or not
// at all; and numbers that are right at any moment.
package handover

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Words is how many numbers the memory has besides the number of the last record.
const Words = 8

// page is the beginning of the file, mapped.
type page struct {
	magic     uint64
	committed atomic.Uint64 // the Draft in force; 0: there is none
	lengths   [2]uint64     // of the bases, in bytes
	seq       atomic.Uint64
	words     [Words]atomic.Uint64
}

const (
	magic     = 0x79736376_68616e31 // changes with the layout of the file
	pageBytes = 4096
	// A base has some 100 bytes for each row of the kernel side, of which there are fewer
	// than 200,000. The file is sparse: what is not written takes no memory.
	baseBytes = 1 << 30
)

// Memory is safe for concurrent use, but for Write, which one goroutine may call.
type Memory struct {
	file   *os.File
	mapped []byte
	page   *page

	mu    sync.Mutex // held to commit
	draft Draft      // the base that was written last; 0: it is in force, or another one is being written
	count uint64     // of bases that were begun
}

// New makes an empty memory.
func New() (*Memory, error) {
	fd, err := unix.MemfdCreate("syscountd-handover", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create the memory for the next process: %w", err)
	}
	file := os.NewFile(uintptr(fd), "handover")
	if err := file.Truncate(pageBytes + 2*baseBytes); err != nil {
		return nil, errors.Join(fmt.Errorf("size the memory for the next process: %w", err), file.Close())
	}
	m, err := open(file)
	if err != nil {
		return nil, err
	}
	m.page.magic = magic
	return m, nil
}

// Open opens the memory of an earlier process. The descriptor stays the caller's.
func Open(fd int) (*Memory, error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("copy the descriptor of the memory: %w", err)
	}
	file := os.NewFile(uintptr(own), "handover")
	info, err := file.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() != pageBytes+2*baseBytes) {
		err = fmt.Errorf("it is no memory of ours: %v, %d bytes", info.Mode(), info.Size())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the memory of the process before: %w", err), file.Close())
	}
	m, err := open(file)
	if err != nil {
		return nil, err
	}
	if m.page.magic != magic {
		return nil, errors.Join(errors.New("the memory of the process before has another layout"), m.Close())
	}
	m.count = m.page.committed.Load() >> 1
	return m, nil
}

// open takes the file.
func open(file *os.File) (*Memory, error) {
	mapped, err := unix.Mmap(int(file.Fd()), 0, pageBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("map the memory for the next process: %w", err), file.Close())
	}
	return &Memory{file: file, mapped: mapped, page: (*page)(unsafe.Pointer(unsafe.SliceData(mapped)))}, nil
}

// FD is the memory's descriptor.
func (m *Memory) FD() int { return int(m.file.Fd()) }

// Seq is the number of the last record; it belongs to the memory until Close.
func (m *Memory) Seq() *atomic.Uint64 { return &m.page.seq }

// Word is one of the numbers; it belongs to the memory until Close.
func (m *Memory) Word(i int) *atomic.Uint64 { return &m.page.words[i] }

// Close unmaps and closes; what is in the memory stays for who holds it.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.draft = 0
	return errors.Join(unix.Munmap(m.mapped), m.file.Close())
}

// Draft names a base that was written: its number, and in the lowest bit its place.
type Draft uint64

func (d Draft) place() uint64 { return uint64(d) & 1 }

func (d Draft) offset() int64 { return pageBytes + int64(d.place())*baseBytes }

// Write writes a base, which comes into force with Commit. An earlier one that was not
// committed by now never will be: it is written over.
func (m *Memory) Write(fill func(io.Writer) error) (Draft, error) {
	d := m.begin()
	into := io.NewOffsetWriter(m.file, d.offset())
	buffered := bufio.NewWriterSize(into, 64<<10)
	if err := errors.Join(fill(buffered), buffered.Flush()); err != nil {
		return 0, fmt.Errorf("write the accounts for the next process: %w", err)
	}
	length, err := into.Seek(0, io.SeekCurrent)
	if err == nil {
		err = m.shrink(d, length)
	}
	if err != nil {
		return 0, fmt.Errorf("write the accounts for the next process: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.draft = d
	return d, nil
}

// begin gives the name of a base in whose place there is none in force.
func (m *Memory) begin() Draft {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.draft = 0
	m.count++
	return Draft(m.count<<1 | m.page.committed.Load()&1 ^ 1)
}

// shrink gives back the memory that a longer base had in that place.
func (m *Memory) shrink(d Draft, length int64) error {
	was := int64(m.page.lengths[d.place()])
	m.page.lengths[d.place()] = uint64(length)
	if was <= length {
		return nil
	}
	const punch = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	return unix.Fallocate(int(m.file.Fd()), punch, d.offset()+length, was-length)
}

// Commit puts a base in force, unless a newer one was begun.
func (m *Memory) Commit(d Draft) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d != 0 && d == m.draft {
		m.page.committed.Store(uint64(d))
		m.draft = 0
	}
}

// Base is the one in force; false: there is none.
func (m *Memory) Base() (io.Reader, bool) {
	d := Draft(m.page.committed.Load())
	if d == 0 {
		return nil, false
	}
	return bufio.NewReader(io.NewSectionReader(m.file, d.offset(), int64(m.page.lengths[d.place()]))), true
}
