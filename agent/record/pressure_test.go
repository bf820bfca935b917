package record_test

import (
	"encoding/json"
	"testing"

	"github.com/syscountd/syscountd/agent/record"
)

func TestPercent(t *testing.T) {
	for p, want := range map[record.Percent]string{0: "0", 5: "0.05", 50: "0.5", 100: "1", 4207: "42.07", 10000: "100"} {
		text, err := json.Marshal(p)
		if err != nil || string(text) != want {
			t.Errorf("%d is %s, %v, want %s", uint32(p), text, err, want)
		}
		var back record.Percent
		if err := json.Unmarshal(text, &back); err != nil || back != p {
			t.Errorf("%s is read as %d, %v", text, back, err)
		}
	}
	for _, bad := range []string{`"1"`, "-1", "1e99", "null", "{}"} {
		var p record.Percent
		if err := json.Unmarshal([]byte(bad), &p); err == nil {
			t.Errorf("%s is read as %d", bad, p)
		}
	}
}
