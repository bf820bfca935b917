package bpf

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Adopt goes on with the parts of another process's tracer, which was loaded with the
// same options and is attached: it has counted on, slow calls wait in its ring. Its mode
// is the one that it was in, which Options tells. The
// parts are descriptors by their names; they stay the caller's. Only programs that we
// run ourselves are loaded anew, over the same maps. Its filter and settings stay in
// force until they are set.
func Adopt(opts Options, parts map[string]int) (_ *Tracer, err error) {
	t, spec, err := newTracer(opts, plan{})
	if err != nil {
		return nil, err
	}
	defer closeOnError(t, &err)
	from, err := openParts(parts)
	if err == nil {
		err = from.hasMaps(spec)
	}
	if err != nil {
		return nil, errors.Join(err, from.closeLinks(), from.closePrograms(), from.closeMaps())
	}
	defer from.closeMaps() // assemble has copies
	if err := t.load(spec, from); err != nil {
		if t.parts == nil {
			err = errors.Join(err, from.closePrograms())
		}
		return nil, errors.Join(err, from.closeLinks())
	}
	if err := t.readMode(); err != nil {
		return nil, errors.Join(err, from.closeLinks())
	}
	t.wakers = t.mode == ModeWatch && from.links["sched_waking"] != nil
	if err := t.takeLinks(from.links); err != nil {
		return nil, err
	}
	return t, t.readGenerations()
}

// openParts makes objects of descriptors; on error, of some of them.
func openParts(parts map[string]int) (stored, error) {
	s := stored{map[string]*ebpf.Map{}, map[string]*ebpf.Program{}, map[string]link.Link{}}
	for name, fd := range parts {
		own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return s, fmt.Errorf("copy the descriptor of %s: %w", name, err)
		}
		if err := s.open(name, own); err != nil {
			return s, fmt.Errorf("open the stored %s: %w", name, err)
		}
	}
	return s, nil
}

// open takes the descriptor, also on error.
func (s *stored) open(name string, fd int) (err error) {
	kind, rest, _ := strings.Cut(name, ".")
	switch kind + "." {
	case mapPart:
		var m *ebpf.Map
		if m, err = ebpf.NewMapFromFD(fd); err == nil {
			s.maps[rest] = m
		}
	case programPart:
		var p *ebpf.Program
		if p, err = ebpf.NewProgramFromFD(fd); err == nil {
			s.programs[rest] = p
		}
	case linkPart:
		var l link.Link
		if l, err = link.NewFromFD(fd); err == nil {
			s.links[rest] = l
		}
	default:
		return errors.Join(errors.New("it is no map, program or link"), unix.Close(fd))
	}
	return err
}

// hasMaps says which one is missing: half a tracer is none.
func (s *stored) hasMaps(spec *ebpf.CollectionSpec) error {
	for name := range spec.Maps {
		if s.maps[name] == nil {
			return fmt.Errorf("the stored tracer is not whole: it has no map %s", name)
		}
	}
	return nil
}

func (s *stored) closeMaps() error {
	var errs []error
	for _, m := range s.maps {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

func (s *stored) closePrograms() error {
	var errs []error
	for _, p := range s.programs {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

func (s *stored) closeLinks() error {
	var errs []error
	for _, l := range s.links {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// takeLinks makes the tracer an attached one. Each program's link has to be there, and
// no other.
func (t *Tracer) takeLinks(links map[string]link.Link) (err error) {
	defer func() {
		for _, l := range links {
			err = errors.Join(err, l.Close())
		}
	}()
	for _, prog := range t.programs() {
		l, ok := links[prog.name]
		if !ok {
			return fmt.Errorf("the stored tracer is not whole: nothing is attached to %s", prog.name)
		}
		if err := isOf(l, prog); err != nil {
			return err
		}
		delete(links, prog.name)
		t.links = append(t.links, attached{prog, l})
	}
	if len(links) > 0 {
		return fmt.Errorf("the stored tracer has %d attachments too many", len(links))
	}
	return nil
}

// isOf says whether the link is the program's. One that was loaded just now has none.
func isOf(l link.Link, prog program) error {
	is, err := l.Info()
	if err != nil {
		return fmt.Errorf("ask for the program at %s: %w", prog.name, err)
	}
	info, err := prog.Info()
	if err != nil {
		return fmt.Errorf("ask for the program of %s: %w", prog.name, err)
	}
	if id, _ := info.ID(); id != is.Program {
		return fmt.Errorf("the stored tracer is not whole: program %d is attached to %s, stored is %d", is.Program, prog.name, id)
	}
	return nil
}

// readMode goes on in the mode of the process before.
func (t *Tracer) readMode() error {
	var inForce syscountValidity
	var sample uint32
	if err := errors.Join(t.objs.InForce.Get(&inForce), t.objs.Sample.Get(&sample)); err != nil {
		return fmt.Errorf("read the mode in force: %w", err)
	}
	t.mode = Mode(inForce.Mode)
	t.opts.Mode, t.opts.Sample = t.mode, int(sample)
	return nil
}

// Options are those in force: Switch changes some of them.
func (t *Tracer) Options() Options { return t.opts }

// readGenerations goes on with the numbers of the process before. It may have marked
// processes with the filter's next number, and ended before that came into force.
func (t *Tracer) readGenerations() error {
	var inForce syscountValidity
	if err := errors.Join(t.objs.Interval.Get(&t.interval), t.objs.InForce.Get(&inForce), t.objs.Attachment.Get(&t.attached)); err != nil {
		return fmt.Errorf("read the numbers of interval, filter and attachment: %w", err)
	}
	t.filter = inForce.Generation + 1
	return t.voidFloors() // nobody knows any more which they are
}

// Away is how long the adopted tracer had no process, until now; 0: it was never
// without one, or the kernel missed its end. A second call gives 0.
func (t *Tracer) Away() (time.Duration, error) {
	var ended uint64
	if err := t.objs.AgentEndedNs.Get(&ended); err != nil || ended == 0 {
		return 0, err
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, fmt.Errorf("read the clock: %w", err)
	}
	return time.Duration(uint64(now.Nano()) - ended), t.objs.AgentEndedNs.Set(uint64(0))
}
