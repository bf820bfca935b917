package agent

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/bpf"
)

// watchful is hanging in mode watch.
var watchful = strings.Replace(hanging, "[collect]\n", "[collect]\nmode = \"watch\"\n", 1)

// follows is whether the kernel side looks for wakers, after a look at the cost.
func (r *rig) follows() bool {
	r.t.Helper()
	r.inside(func() { r.lookAtCost() })
	r.inside(func() {}) // the turn of the loop is over
	return r.kernel().FollowsWakers()
}

// tooShort is a call that turns out not to be slow.
func tooShort(r *rig) *bpf.SlowCall { return r.back(r.hung(noThread, 10*time.Millisecond)) }

func TestWakersAreFollowedFromTheFirstSlowCallOn(t *testing.T) {
	r := runHanging(t, watchful)
	r.returns(tooShort(r))
	if r.follows() || r.Status().Attachment != "fake" {
		t.Error("followed before any call was slow")
	}
	r.returns(r.back(r.hung(noThread, 2*time.Second)))
	r.inside(func() {})
	if !r.kernel().FollowsWakers() || r.Status().Attachment != "fake, wakers too" {
		t.Errorf("not followed after a slow call; attached to %q", r.Status().Attachment)
	}
	r.pass(wakersFor / 2)
	r.returns(r.back(r.hung(noThread, 2*time.Second)))
	r.pass(wakersFor - time.Second)
	if !r.follows() {
		t.Error("given up before the time is over since the last slow call")
	}
	r.returns(tooShort(r))
	r.pass(time.Second)
	if r.follows() || r.Status().Attachment != "fake" {
		t.Error("still followed when nothing has been slow for so long")
	}
	r.returns(r.back(r.hung(noThread, 2*time.Second)))
	if !r.follows() {
		t.Error("not followed again")
	}
}

func TestWakersAreFollowedWhenACallIsStuck(t *testing.T) {
	r := runHanging(t, watchful)
	r.kernel().stuck = []*bpf.SlowCall{r.hung(noThread, 11*time.Second)}
	r.sweepNow()
	if !r.follows() {
		t.Error("not followed though a call is stuck")
	}
}

// What was slow in another mode counts when mode watch comes, and what was slow before a stop.
func TestWakersAreFollowedAfterWhatCameBefore(t *testing.T) {
	r := runHanging(t, hanging)
	r.returns(r.back(r.hung(noThread, 2*time.Second)))
	r.do(SetMode{Mode: "watch"})
	if !r.follows() || r.Status().Attachment != "fake, wakers too" {
		t.Error("not followed after a slow call in mode account")
	}
	r.do(Stop{})
	r.do(Start{})
	if !r.kernel().FollowsWakers() {
		t.Error("not followed after a stop and a start")
	}
}

func TestARefusalToFollowWakersIsTriedAgain(t *testing.T) {
	r := runHanging(t, watchful)
	r.kernel().refuseWakers = errors.New("no memory")
	r.returns(r.back(r.hung(noThread, 2*time.Second)))
	if r.follows() {
		t.Fatal("the fake does not refuse")
	}
	r.kernel().refuseWakers = nil
	if !r.follows() {
		t.Error("not tried again")
	}
}

// The next process goes on looking for as long; what it gives up is not kept attached.
func TestWakersOverARestart(t *testing.T) {
	shelf := newShelf(t)
	r := shelf.process(watchful)
	r.stopClock()
	r.returns(r.back(r.hung(noThread, 2*time.Second)))
	r.kill()
	r = shelf.process(watchful)
	r.stopClock()
	if !r.follows() {
		t.Fatal("given up with the process")
	}
	shelf.kept = nil
	r.pass(wakersFor + time.Second)
	if r.follows() {
		t.Error("followed for ever")
	}
	if shelf.kept == nil || !r.accounts.kept {
		t.Error("what is attached was not kept anew")
	}
}
