package bpf

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Part is one of the kernel's objects that a tracer is made of: a map, an attached
// program, or its link. While somebody holds all of them, the kernel side goes on
// without us. The name is the same in each process.
type Part struct {
	Name string
	FD   int // the tracer's
}

// What a part is, as the beginning of its name.
const (
	mapPart     = "map."
	programPart = "program."
	linkPart    = "link."
)

// Parts are those of an attached tracer.
func (t *Tracer) Parts() ([]Part, error) {
	if t.byFunction() {
		return nil, errors.New("calls that are followed by their functions are not followed while no process runs")
	}
	var parts []Part
	for _, name := range slices.Sorted(maps.Keys(t.parts.Maps)) {
		parts = append(parts, Part{mapPart + name, t.parts.Maps[name].FD()})
	}
	if wanted := len(t.programs()); len(t.links) != wanted {
		return nil, fmt.Errorf("hand the programs over: %d of %d are attached", len(t.links), wanted)
	}
	for _, a := range t.links {
		file, ok := a.Link.(interface{ FD() int })
		if !ok {
			return nil, fmt.Errorf("hand the programs over: the attachment of %s has no descriptor", a.name)
		}
		parts = append(parts, Part{programPart + t.nameOf(a.Program), a.Program.FD()}, Part{linkPart + a.name, file.FD()})
	}
	return parts, nil
}

// nameOf is a program's name in the object file.
func (t *Tracer) nameOf(prog *ebpf.Program) string {
	for name, p := range t.parts.Programs {
		if p == prog {
			return name
		}
	}
	return ""
}

// Layout is a name for all that has to be the same in two processes for one to go on
// with the parts of the other: the compiled programs, and what they were loaded with.
func (t *Tracer) Layout() string { return t.layout }

// LayoutOf is the layout of the tracer that Load makes with these options.
func LayoutOf(opts Options) (string, error) {
	t, _, err := newTracer(opts, choose(opts, kernelFunctions()))
	if err != nil {
		return "", err
	}
	return t.layout, nil
}

// layoutOf is 16 hexadecimal digits. The mode and how it samples are no part of it: they
// can be changed.
func layoutOf(spec *ebpf.CollectionSpec, opts Options) string {
	opts.Mode, opts.Sample, opts.Only = 0, 0, "" // functions have maps of their own
	sum := sha256.New()
	sum.Write(_SyscountBytes)
	fmt.Fprintf(sum, "%+v %s\n", opts, release())
	for _, name := range slices.Sorted(maps.Keys(spec.Maps)) {
		m := spec.Maps[name]
		fmt.Fprintln(sum, name, m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags)
	}
	constants := maps.Clone(spec.Variables)
	delete(constants, "edition") // which is stored with the programs
	for _, name := range slices.Sorted(maps.Keys(constants)) {
		writeConstant(sum, name, spec.Variables[name])
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

func writeConstant(w io.Writer, name string, v *ebpf.VariableSpec) {
	if v.Constant() {
		fmt.Fprintln(w, name, v.Value)
	}
}

// stored are parts of another process's tracer. The zero stored has none.
type stored struct {
	maps     map[string]*ebpf.Map
	programs map[string]*ebpf.Program
	links    map[string]link.Link // by tracepoint
}

// assemble makes the kernel's objects, but for those that are stored, which become
// the tracer's.
func (t *Tracer) assemble(spec *ebpf.CollectionSpec, from stored) error {
	for name := range from.programs {
		delete(spec.Programs, name)
	}
	parts, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: from.maps, Cache: typesOfKernel()})
	if err != nil {
		return explainLoad("load the programs", err)
	}
	t.parts = parts
	t.targeted.take(parts)
	if parts.Programs == nil {
		parts.Programs = map[string]*ebpf.Program{}
	}
	maps.Copy(parts.Programs, from.programs)
	// Assign takes what it gives away out of its collection.
	all := ebpf.Collection{Programs: maps.Clone(parts.Programs), Maps: maps.Clone(parts.Maps), Variables: maps.Clone(parts.Variables)}
	if err := all.Assign(&t.objs); err != nil {
		return fmt.Errorf("name the programs and maps: %w", err)
	}
	return nil
}
