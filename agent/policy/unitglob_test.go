package policy

import "testing"

func TestASliceStandsForItsUnits(t *testing.T) {
	const units = "system.slice system-getty.slice getty@tty1.service"
	for pattern, want := range map[string]bool{
		"getty@tty1.service": true, "getty@*.service": true, "system-getty.slice": true, "system.slice": true, "*": true,
		"getty@tty2.service": false, "getty": false, "system": false, "*.slice getty*": false, "user.slice": false,
	} {
		if got := compileUnitGlob(pattern).match(units); got != want {
			t.Errorf("%q fits %q: %t; want %t", pattern, units, got, want)
		}
	}
	if compileUnitGlob("system.slice").match("") {
		t.Error("a call of no unit is in system.slice")
	}
}
