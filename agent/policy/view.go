package policy

import "github.com/syscountd/syscountd/bpf"

// ending is what is known of how a call ended.
type ending int

const (
	endedAnyhow ending = iota // nothing
	endedOK
	endedFailed
	endedNot // it is still open
)

// view is what the kernel side knows of a call beside its syscall.
type view struct {
	abi       bpf.ABI
	area      *Area // nil: not where it was made
	ending    ending
	kind      string // of its descriptor
	kindKnown bool
}

// endingOf is what becomes known of a call when it ends, if it does.
func endingOf(c *Call) ending {
	switch {
	case c.Open:
		return endedNot
	case c.Errno != 0:
		return endedFailed
	}
	return endedOK
}

func (v view) ended(e ending) view { v.ending = e; return v }

func (v view) on(kind string) view { v.kind, v.kindKnown = kind, true; return v }

// mayMatch says whether a rule of the docket and the area could match a call of this view.
func (m *matcher) mayMatch(d *docket, v *view) bool {
	if m.abis != nil && !m.abis[v.abi.String()] || !m.mayEnd(v.ending) {
		return false
	}
	return !v.kindKnown || !(m.allCalls && d.waits(v.kind)) && (m.fds == nil || m.fds[fdWord(v.kind)])
}

// mustMatch says whether a rule that may match a call of this view is sure to.
func (m *matcher) mustMatch(d *docket, v *view) bool {
	if m.blind || m.placed && v.area == nil || !m.mustEnd(v.ending) {
		return false
	}
	return v.kindKnown || m.fds == nil && !(m.allCalls && d.fdWait)
}

// mayEnd says whether a call that ended so may have the result that the rule asks for.
func (m *matcher) mayEnd(e ending) bool {
	switch e {
	case endedOK:
		return m.errnos == nil && m.result != ResultFailed
	case endedFailed:
		return m.result != ResultOK
	case endedNot:
		return !m.asksResult()
	}
	return true
}

// mustEnd says whether it is sure to, if it may.
func (m *matcher) mustEnd(e ending) bool {
	switch e {
	case endedAnyhow:
		return !m.asksResult()
	case endedFailed:
		return m.errnos == nil
	}
	return true
}

func (m *matcher) asksResult() bool { return m.result != "" || m.errnos != nil }
