// Package kstack reads a kernel stack as a person would: it leaves out what
// every stack has, and says where and for what the thread waited. It knows
// names, not addresses: no kernel, no clock, no state.
package kstack

// Stack is what a kernel stack tells.
type Stack struct {
	Frames []string // innermost first, without the scheduler's frames and those of the kernel's entry
	Site   string   // the function that says most about the wait; "" when no name is known
	Class  string   // what was waited for, in words; "" when we do not know
}

// Read makes sense of the symbols of a stack, innermost first, in any spelling
// that the kernel prints: with an offset, a module, a compiler's suffix, or just
// an address where there is no symbol.
func Read(symbols []string) Stack {
	frames := make([]string, len(symbols))
	for i, symbol := range symbols {
		frames[i] = Clean(symbol)
	}
	scheduling, frames := cutTop(frames)
	frames = cutBottom(frames)
	return Stack{Frames: frames, Site: site(frames), Class: class(scheduling, frames)}
}

// cutTop parts the frames of the scheduler, and of who traces it, from those
// that led there. An address without a name counts as theirs when one of
// theirs follows: BPF's trampolines have no name on every kernel.
func cutTop(frames []string) (scheduling, rest []string) {
	end := 0
	for i, frame := range frames {
		if scheduler.has(frame) || tracing.has(frame) {
			end = i + 1
		} else if !unknown(frame) {
			break
		}
	}
	return frames[:end], frames[end:]
}

// cutBottom leaves out how the kernel was entered. The function of the call
// (__x64_sys_fsync) is not part of that.
func cutBottom(frames []string) []string {
	end := len(frames)
	for i := len(frames) - 1; i >= 0; i-- {
		if entry.has(frames[i]) {
			end = i
		} else if !unknown(frames[i]) {
			break
		}
	}
	return frames[:end]
}

// site is the innermost frame that is more than a way to wait. When all of them
// are that, the innermost will do.
func site(frames []string) string {
	first := ""
	for _, frame := range frames {
		switch {
		case unknown(frame):
		case !waiting.has(frame):
			return frame
		case first == "":
			first = frame
		}
	}
	return first
}
