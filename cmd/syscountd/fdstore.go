package main

import (
	"errors"
	"log/slog"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent"
	"github.com/syscountd/syscountd/agent/handover"
	"github.com/syscountd/syscountd/bpf"
)

// fdStore is systemd's file descriptor store (systemd.service(5), FileDescriptorStoreMax=):
// what is there lives on when we end, and comes back with the next start. It has the
// parts of one tracer and the memory that goes with it. systemd empties it when the
// service is stopped and not started again.
type fdStore struct {
	socket notifySocket
	files  []*os.File // that we were started with, by their names
	memory *handover.Memory
	layout string
	set    string // of files, to go on with; "": none
	unfit  error  // why not with the newest
	stored []string
	log    *slog.Logger
}

// openStore looks at what the process before has left. It takes the files.
func openStore(socket notifySocket, files []*os.File, layout string) (*fdStore, error) {
	s := &fdStore{socket: socket, files: files, layout: layout}
	s.set = newestSet(s.names(), layout)
	if fd, ok := s.parts()[memoryPart]; ok {
		if s.memory, s.unfit = handover.Open(fd); s.unfit == nil {
			return s, nil
		}
		s.set = ""
	}
	var err error
	if s.memory, err = handover.New(); err != nil {
		s.closeFiles()
		return nil, err
	}
	return s, nil
}

func (s *fdStore) names() (names []string) {
	for _, file := range s.files {
		names = append(names, file.Name())
	}
	return names
}

// parts are the descriptors of the set.
func (s *fdStore) parts() map[string]int {
	parts := map[string]int{}
	for _, file := range s.files {
		if n, ok := parseName(file.Name()); ok && n.layout == s.layout && n.set == s.set {
			parts[n.part] = int(file.Fd())
		}
	}
	return parts
}

// Adopt implements agent.Keeper.
func (s *fdStore) Adopt(opts bpf.Options) agent.Kernel {
	defer s.closeFiles()
	var tracer *bpf.Tracer
	if s.set != "" {
		parts := s.parts()
		delete(parts, memoryPart)
		if tracer, s.unfit = bpf.Adopt(opts, parts); s.unfit != nil {
			s.set = ""
		}
	}
	s.refuse()
	if s.set == "" {
		return nil
	}
	return tracer
}

// refuse removes what we do not go on with, and remembers the rest as stored.
func (s *fdStore) refuse() {
	names := s.names()
	refused, because := others(names, s.layout, s.set)
	if s.unfit != nil {
		because = s.unfit.Error()
	}
	if len(refused) > 0 {
		s.log.Warn("descriptors in the store are refused, and removed", "number", len(refused), "because", because)
	}
	if err := s.removeAll(refused); err != nil {
		s.log.Error("remove descriptors from the store", "error", err)
	}
	s.stored = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(refused, name) })
}

func (s *fdStore) closeFiles() {
	for _, file := range s.files {
		file.Close()
	}
	s.files = nil
}

// Keep implements agent.Keeper. The memory goes last: without it the set is none.
func (s *fdStore) Keep(kernel agent.Kernel) error {
	if err := s.Release(); err != nil {
		return err
	}
	parts, err := kernel.Parts()
	if err != nil {
		return err
	}
	set := setName(clockNs(unix.CLOCK_BOOTTIME))
	for _, part := range append(parts, bpf.Part{Name: memoryPart, FD: s.memory.FD()}) {
		name := storedName{kernel.Layout(), set, part.Name}.String()
		s.stored = append(s.stored, name)
		if err := s.socket.store(name, part.FD); err != nil {
			return errors.Join(err, s.Release())
		}
	}
	return nil
}

// Release implements agent.Keeper. It waits, since what systemd still holds is still
// attached. After an error it can be tried again.
func (s *fdStore) Release() error {
	if err := s.removeAll(s.stored); err != nil {
		return err
	}
	s.stored = nil
	return nil
}

func (s *fdStore) removeAll(names []string) error {
	if len(names) == 0 {
		return nil
	}
	for _, name := range slices.Backward(names) { // the memory first: from then on the set is none
		if err := s.socket.remove(name); err != nil {
			return err
		}
	}
	return s.socket.await()
}

// close gives up what is ours; what is stored stays there.
func (s *fdStore) close() {
	s.closeFiles()
	_ = s.memory.Close()
}
