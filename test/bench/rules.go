package main

import (
	"fmt"
	"strings"
)

// How large a policy is that no administrator writes by hand.
const (
	manyUnits     = 200
	manyRuleCount = 500
)

// manyRules are rules as an installation of many services has them, none of which is
// about the load: their calls are others' or their units are.
func manyRules() string {
	var b strings.Builder
	for i := range manyRuleCount {
		unit := i % manyUnits
		fmt.Fprintf(&b, "[[rule]]\nname = \"rule-%d\"\nunits = [\"service-%d.service\", \"service-%d@*.service\"]\nsyscalls = [\"@storage\"]\nthreshold = \"%dms\"\n",
			i, unit, unit, 20+i)
	}
	return b.String()
}
