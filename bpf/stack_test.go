package bpf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
)

// Linux counts a function's stack in steps of this until 6.8 (check_max_stack_depth
// in kernel/bpf/verifier.c), and in steps of 16 since.
const (
	stackStep  = 32
	stackLimit = 512
)

// frame is a function of a program, as far as its stack is concerned.
type frame struct {
	bytes int
	calls map[string]bool
}

// stackFunctions splits a program into its functions; main is the first.
//
// clang reaches the stack by the frame pointer and a constant, or by a copy of it
// to which the next instruction adds one.
func stackFunctions(program asm.Instructions) (functions map[string]*frame, main string) {
	functions = map[string]*frame{}
	var current *frame
	var copied bool
	var of asm.Register
	for _, in := range program {
		if name := in.Symbol(); name != "" && functions[name] == nil {
			current = &frame{calls: map[string]bool{}}
			functions[name] = current
			if main == "" {
				main = name
			}
		}
		class := in.OpCode.Class()
		var below int64
		switch {
		case class.IsLoad() && in.Src == asm.RFP, class.IsStore() && in.Dst == asm.RFP:
			below = -int64(in.Offset)
		case copied && in.Dst == of && class == asm.ALU64Class && in.OpCode.ALUOp() == asm.Add && in.OpCode.Source() == asm.ImmSource:
			below = -in.Constant
		}
		current.bytes = max(current.bytes, int(below))
		copied, of = class == asm.ALU64Class && in.OpCode.ALUOp() == asm.Mov && in.OpCode.Source() == asm.RegSource && in.Src == asm.RFP, in.Dst
		if in.IsFunctionCall() || in.IsFunctionReference() {
			current.calls[in.Reference()] = true
		}
	}
	return functions, main
}

// deepest is the chain of calls from a function that needs most.
func deepest(functions map[string]*frame, from string) (bytes int, chain []string) {
	f := functions[from]
	for callee := range f.calls {
		if b, c := deepest(functions, callee); b > bytes {
			bytes, chain = b, c
		}
	}
	own := (max(f.bytes, 1) + stackStep - 1) / stackStep * stackStep
	return own + bytes, append([]string{fmt.Sprintf("%s %d", from, f.bytes)}, chain...)
}

// A chain of calls that is too deep would be seen on an old kernel only.
func TestTheStackIsDeepEnoughOnTheOldestKernel(t *testing.T) {
	spec, err := loadSyscount()
	if err != nil {
		t.Fatal(err)
	}
	used := 0
	for name, program := range spec.Programs {
		functions, main := stackFunctions(program.Instructions)
		bytes, chain := deepest(functions, main)
		if used = max(used, bytes); bytes > stackLimit {
			t.Errorf("%s: %d bytes of stack; %d is the limit: %s", name, bytes, stackLimit, strings.Join(chain, ", "))
		}
	}
	if used < stackLimit/4 {
		t.Errorf("the deepest chain has %d bytes: this test has lost sight of the stack", used)
	}
}
