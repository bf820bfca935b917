package policy

import (
	"cmp"
	"strings"
)

// unitGlob is a glob on the name of a unit: it fits the calls of that unit and, when it
// is a slice, of all units below it, as in [filter].
type unitGlob struct{ glob }

func compileUnitGlob(pattern string) unitGlob { return unitGlob{compileGlob(pattern)} }

// match takes the unit's name and those of the slices around it, with spaces between
// them: no unit has one in its name.
func (g unitGlob) match(units string) bool {
	for {
		unit, rest, more := strings.Cut(units, " ")
		if g.glob.match(unit) {
			return true
		}
		if !more {
			return false
		}
		units = rest
	}
}

func (c *Call) units() string { return cmp.Or(c.Units, c.Unit) }
