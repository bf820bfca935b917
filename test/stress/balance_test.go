package stress

import (
	"testing"
	"time"
)

// Two services at once: the one observes the whole host, the other the load
// alone, since of its maps it is known what they have to hold afterwards.
func TestBalanceUnderStressNG(t *testing.T) {
	needRoot(t)
	window, binary := stressTime(t), build(t)
	load := newCgroup(t, "stress")
	host, alone := start(t, binary, everybody), start(t, binary, only(load))
	attached := time.Now()
	ofHost, ofAlone := watchMemory(host, attached), watchMemory(alone, attached)
	stressNG(t, load, window)
	load.kill()
	ended := time.Now()
	t.Log("observing the whole host:")
	ofHost.settle(host, ended)
	host.stop()
	t.Log("observing stress-ng alone:")
	ofAlone.settleAlone(alone, ended, 512)
	alone.stop().still(t)
}
