package procinfo

import (
	"os"
	"testing"
)

func TestParentsHasThisProcess(t *testing.T) {
	parents, err := Parents("/proc")
	if err != nil {
		t.Fatal(err)
	}
	if got := parents[uint32(os.Getpid())]; got != uint32(os.Getppid()) {
		t.Errorf("our parent is %d, not %d", got, os.Getppid())
	}
	if _, err := Parents("/nonexistent"); err == nil {
		t.Error("a directory that is not there has processes")
	}
}
