package agent

import "time"

// wakersFor is how long after the last slow call mode watch still looks who wakes threads up. Slow calls
// seldom come alone, and what stands in their way now did so a few minutes ago.
const wakersFor = 10 * time.Minute

// wakers say when mode watch looks who wakes threads up: nobody reads of that but in the record of a slow
// call. On a host without any it would be a quarter of what the mode costs those who block.
type wakers struct {
	anySlow  bool          // at any time
	lastSlow time.Duration // CLOCK_MONOTONIC
	due      bool          // the kernel side may have to be told
}

// wanted says whether they are looked for now. Without a slow call they are not: the first one's record says
// that nobody looked.
func (w wakers) wanted(now time.Duration) bool { return w.anySlow && now-w.lastSlow < wakersFor }

// noteSlow: a call was slow, or is stuck. The kernel side may be busy now, and is told in the loop.
func (a *Agent) noteSlow() { a.wakers = wakers{true, a.mono(), true} }

// followWakers tells the kernel side what is wanted now, if that may be news to it. After an error it is as before,
// until the next slow call, or the next look at the cost.
func (a *Agent) followWakers() {
	if !a.wakers.due || a.session == nil {
		return
	}
	a.wakers.due = false
	wanted := a.wakers.wanted(a.mono())
	if wanted == a.session.kernel.FollowsWakers() {
		return
	}
	before := a.session.kernel.Attachment()
	if err := a.session.kernel.FollowWakers(wanted); err != nil {
		a.env.Log.Error("change whether mode watch looks who wakes threads up", "to", wanted, "error", err)
		return
	}
	if a.session.kernel.Attachment() == before {
		return // another mode, which looks always
	}
	if !wanted {
		a.keepAgain() // what is kept stays attached, whatever we detach
	}
	a.publish()
}
