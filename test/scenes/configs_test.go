package scenes

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/syscountd/syscountd/test/foreground"
)

// Every policy that we give away runs: it starts on this kernel, counts to the last call, and
// stops. What each of them judges is a test of package policy.
func TestEachPolicyThatWeShipRuns(t *testing.T) {
	files, err := filepath.Glob("../../configs/examples/*.toml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	binary := foreground.Build(t, "cmd/syscountd")
	for _, file := range append(files, "../../configs/quickstart.toml", "../../configs/syscountd.toml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			policy, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := foreground.Start(t, binary, string(policy)).Stop()
			if len(got.Intervals) == 0 || !got.Intervals[len(got.Intervals)-1].Final {
				t.Fatalf("it stopped without a last interval: %+v", got.Intervals)
			}
			for _, i := range got.Intervals {
				if i.Balance != nil && i.Balance.Residual != 0 {
					t.Errorf("the balance does not come out: %+v", i.Balance)
				}
			}
		})
	}
}
