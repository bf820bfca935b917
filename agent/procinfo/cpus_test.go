package procinfo

import "testing"

func TestCPUsOfAList(t *testing.T) {
	for list, want := range map[string]int{"0": 1, "0-1": 2, "0-3,8": 5, "0,2-2,4-7": 6, "": 0, "a": 0, "3-1": 0, "1-": 0, "-1": 0, "0-99999": 0} {
		if n, err := countCPUs(list); n != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v; want %d", list, n, err, want)
		}
	}
}

func TestThisHostHasCPUs(t *testing.T) {
	if n, err := OnlineCPUs(); err != nil || n < 1 {
		t.Errorf("%d, %v", n, err)
	}
}
